//! The free-space bitmap of a meta, as its pages say.
//!
//! Read from any file, believed for nothing but showing: `survey` compares it with what is reached
//! (MAP-1, MAP-2).

use crate::format::chain::{ChainHeader, ChainPlace};
use crate::format::meta::Meta;
use crate::format::page::{PageType, check_pointer, verify_page};
use crate::ids::PageId;
use crate::inspect::bits::Bits;
use crate::inspect::source::Source;

/// Which pages are in use, as a bitmap chain says.
#[derive(Clone, Debug, Default)]
pub struct FreeMap {
    used: Bits,
    page_count: u64,
}

impl FreeMap {
    /// Reads the bitmap of a meta; `None` when there is none or it is damaged. Cost: one page per
    /// 130,000 pages of the file.
    pub fn read(source: &Source, meta: &Meta) -> Option<Self> {
        let mut map = Self::default();
        let mut at = meta.bitmap;
        while !at.is_null() {
            let page = source.read_page(at.page).ok()?;
            let header = verify_page(&page.bytes, source.uuid(), at.page).ok()?;
            check_pointer(&header, at).ok()?;
            let place = ChainPlace { page_type: PageType::Bitmap, first: map.page_count };
            let (header, bits) = ChainHeader::decode_page(&page.bytes, &header, place).ok()?;
            // Each page covers at least one page of the file, so a cycle ends here.
            if map.page_count >= meta.page_count {
                return None;
            }
            map.add(header.first, header.count, bits);
            at = header.next;
        }
        (map.page_count > 0).then_some(map)
    }

    pub(super) fn add(&mut self, first: u64, count: u32, bits: &[u8]) {
        // Bits behind the last are zero (MAP-2); where they are not, they are behind the count.
        for (index, bytes) in bits.chunks(8).enumerate() {
            let at = (index as u64).saturating_mul(64);
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes) {
                *to = *from;
            }
            let left = u64::from(count).saturating_sub(at).min(64);
            let mask = if left == 64 { u64::MAX } else { (1_u64 << left).wrapping_sub(1) };
            let word = u64::from_le_bytes(word) & mask;
            let page = first.saturating_add(at);
            if page.is_multiple_of(64) {
                self.used.insert_word(page, word);
            } else {
                for bit in (0..64).filter(|bit| word >> bit & 1 == 1) {
                    self.used.insert(page.saturating_add(bit));
                }
            }
        }
        self.page_count = first.saturating_add(u64::from(count));
    }

    /// Whether a page is marked in use.
    pub fn is_used(&self, page: PageId) -> bool {
        self.used.contains(page.get())
    }

    /// Pages it has a bit for.
    pub const fn page_count(&self) -> u64 {
        self.page_count
    }

    /// Pages in use.
    pub const fn used_count(&self) -> u64 {
        self.used.len()
    }

    /// The pages in use, in rising order.
    pub fn used(&self) -> impl Iterator<Item = PageId> + '_ {
        self.used.iter().map(PageId::new)
    }
}
