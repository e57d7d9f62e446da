//! One page of any type, its checksum right: what decoders, validators and the hex view make of it.

use super::{image, input::Input};
use northstar_engine::{
    FileUuid, PageId, TxnId,
    format::{
        chain::{ChainHeader, ChainPlace, check_bitmap, history_rows, retired_rows},
        meta::Meta,
        node::{CellValue, Node, check_node},
        overflow::OverflowHeader,
        page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, seal_page, verify_page},
    },
    inspect,
    limits::PAGE_BYTES,
};

const UUID: FileUuid = FileUuid([7; 16]);
const ID: PageId = PageId::new(5);
const BIRTH: TxnId = TxnId::new(9);

/// `type, level, payload length (2 bytes), payload…`: the rest of the page is zeros.
pub fn decode(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (Some(kind), Some(level), Some(payload_bytes)) =
        (input.byte(), input.byte(), input.number(2))
    else {
        return;
    };
    let payload = input.take(PAGE_BYTES - PageHeader::BYTES);
    let mut page = Box::new([0; PAGE_BYTES]);
    page[PageHeader::BYTES..PageHeader::BYTES + payload.len()].copy_from_slice(payload);
    let zero = PageHeader::decode(&[0; PageHeader::BYTES]).expect("whole");
    let header = PageHeader {
        magic: PAGE_MAGIC,
        version: FORMAT_VERSION,
        page_type: kind % 7,
        level,
        payload_bytes: payload_bytes as u32 % (PAGE_BYTES - PageHeader::BYTES + 1) as u32,
        page_id: ID,
        birth: BIRTH,
        nonce: 3,
        ..zero
    };
    seal_page(&mut page, UUID, header);
    view(&page[..], ID, UUID);
    let header = verify_page(&page[..], UUID, ID).expect("sealed, and its header is sound");
    match PageType::from_u8(header.page_type).expect("one of seven") {
        PageType::Meta => {
            for slot in 0..2 {
                Meta::decode_slot(&page[..], slot).ok();
            }
        }
        PageType::Internal | PageType::Leaf => {
            if check_node(&page, &header).is_ok() {
                walk(&page);
            }
        }
        PageType::Overflow => {
            if let Ok((overflow, data)) = OverflowHeader::decode_page(&page[..], &header) {
                assert!(overflow.index < overflow.count && !data.is_empty(), "{overflow:?}");
            }
        }
        kind @ (PageType::Bitmap | PageType::History | PageType::Retired) => chain(&page, kind),
    }
}

/// A node that passed its check: keys rise, every key is found at its place, every cell can be read.
fn walk(page: &[u8; PAGE_BYTES]) {
    let node = Node::new(page);
    let mut before: Option<Vec<u8>> = None;
    for index in 0..node.count() {
        let key = node.key(index);
        if let Some(before) = &before {
            assert!(*before < key, "key {index} does not rise");
        }
        assert_eq!(node.compare_key(index, &key), std::cmp::Ordering::Equal, "key {index}");
        if node.is_leaf() {
            assert_eq!(node.search(&key), Ok(index), "key {index} is found elsewhere");
            if let CellValue::Inline(value) = node.value(index) {
                assert!(value.len() <= PAGE_BYTES, "value {index}");
            }
        } else {
            assert_eq!(node.find_child(&key), index, "the child of separator {index}");
            assert!(node.child(index).page.get() >= 2, "child {index} is a meta");
        }
        before = Some(key);
    }
}

fn chain(page: &[u8; PAGE_BYTES], page_type: PageType) {
    let header = verify_page(&page[..], UUID, ID).expect("sealed");
    let first = page.get(PageHeader::BYTES..).and_then(ChainHeader::decode);
    let first = first.map_or(0, |chain| chain.first);
    let place = ChainPlace { page_type, first };
    let Ok((header, entries)) = ChainHeader::decode_page(&page[..], &header, place) else {
        return;
    };
    match page_type {
        PageType::Bitmap => {
            check_bitmap(ID, &header, entries).ok();
        }
        PageType::History => {
            history_rows(entries).for_each(|row| drop(row.check(ID, None, BIRTH)));
        }
        _ => retired_rows(entries).for_each(|row| drop(row.check(ID, 100, BIRTH))),
    }
}

/// The hex view: every field lies inside the page and says something.
pub fn view(bytes: &[u8], id: PageId, uuid: FileUuid) {
    let view = inspect::page(bytes, id, uuid);
    for field in &view.fields {
        field.visit(&mut |field| {
            assert!(field.range.end <= bytes.len(), "{}: {:?}", field.name, field.range);
            assert!(!field.name.is_empty(), "a field without a name");
        });
    }
    for range in view.leaf_ranges() {
        assert!(range.end <= bytes.len(), "{range:?}");
    }
    for at in (0..bytes.len()).step_by(509) {
        view.at(at);
    }
}

/// Every page of the base databases, their zeros at the end left out.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<(u8, Vec<u8>)> = Vec::new();
    for choice in [0, 2] {
        let bytes = image::base(choice).read(northstar_harness::runner::PATH).unwrap_or_default();
        for page in bytes.chunks(PAGE_BYTES) {
            let Some(header) = PageHeader::decode(page).filter(|h| h.magic == PAGE_MAGIC) else {
                continue;
            };
            let mut seed = vec![header.page_type, header.level];
            seed.extend((header.payload_bytes as u16).to_le_bytes());
            let end = page.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            seed.extend(page.get(PageHeader::BYTES..end).unwrap_or_default());
            seeds.push((header.page_type, seed));
        }
    }
    // The smallest of each type.
    seeds.sort_by_key(|(kind, seed)| (*kind, seed.len()));
    seeds.dedup_by_key(|(kind, _)| *kind);
    seeds.into_iter().map(|(_, seed)| seed).collect()
}
