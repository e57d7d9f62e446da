//! Tests of overflow pages and of value descriptors.

use super::*;
use crate::format::page::verify_page;
use crate::ids::TxnId;
use proptest::prelude::*;

const UUID: FileUuid = FileUuid(*b"0123456789abcdef");

fn at(page: u64) -> Pointer {
    Pointer { page: PageId::new(page), birth: TxnId::new(5), nonce: 9 }
}

fn header(index: u32, count: u32) -> OverflowHeader {
    OverflowHeader { index, count, data_bytes: 0, next: Pointer::NULL, next_count: 0, reserved: 0 }
}

fn decode(bytes: &[u8], id: u64) -> Result<(OverflowHeader, Vec<u8>), Corrupt> {
    let page = verify_page(bytes, UUID, PageId::new(id))?;
    let (header, data) = OverflowHeader::decode_page(bytes, &page)?;
    Ok((header, data.to_vec()))
}

#[test]
fn pages_read_back() {
    let full = vec![7; DATA_BYTES_MAX];
    let next = OverflowHeader { next: at(50), next_count: 2, ..header(0, 3) };
    let cases: &[(&str, OverflowHeader, u64, &[u8])] = &[
        ("first page with a next extent", next, 20, &full),
        ("middle page", header(1, 3), 21, &full),
        ("last page", header(2, 3), 22, b"tail"),
    ];
    for (name, header, id, data) in cases {
        let page = header.to_page(UUID, at(20), data);
        let (read, bytes) = decode(&page[..], *id).expect(name);
        assert_eq!(read, OverflowHeader { data_bytes: data.len() as u32, ..*header }, "{name}");
        assert_eq!(&bytes, data, "{name}");
        assert!(read.check_place(PageId::new(*id), header.index, header.count).is_ok(), "{name}");
        let other = read.check_place(PageId::new(*id), header.index + 1, header.count);
        assert_eq!(other.expect_err(name).rule, "OVF-4", "{name}");
    }
}

#[test]
fn decode_rejects() {
    type Change = fn(&mut PageHeader, &mut OverflowHeader);
    let cases: &[(&str, &str, Change)] = &[
        ("another type", "OVF-2", |page, _| page.page_type = PageType::Leaf as u8),
        ("a level", "OVF-2", |page, _| page.level = 1),
        ("index past the extent", "OVF-2", |_, h| h.index = 3),
        ("no data", "OVF-2", |page, h| {
            h.data_bytes = 0;
            page.payload_bytes = 40;
        }),
        ("more data than fits", "OVF-2", |_, h| h.data_bytes = u32::MAX),
        ("another payload", "OVF-2", |page, _| page.payload_bytes += 1),
        ("reserved", "OVF-2", |_, h| h.reserved = 1),
        ("next without pages", "OVF-3", |_, h| h.next = at(50)),
        ("pages without next", "OVF-3", |_, h| h.next_count = 1),
        ("next in a meta", "OVF-3", |_, h| (h.next, h.next_count) = (at(1), 1)),
        ("next in a middle page", "OVF-3", |_, h| {
            (h.index, h.next, h.next_count) = (1, at(50), 1);
        }),
    ];
    for (name, rule, change) in cases {
        let mut bytes = *header(0, 3).to_page(UUID, at(20), b"data");
        let mut page = PageHeader::decode(&bytes).unwrap();
        let mut overflow = OverflowHeader::decode(&bytes[PageHeader::BYTES..]).unwrap();
        change(&mut page, &mut overflow);
        bytes[PageHeader::BYTES..DATA_OFFSET].copy_from_slice(&overflow.to_bytes());
        seal_page(&mut bytes, UUID, page);
        assert_eq!(decode(&bytes, 20).expect_err(name).rule, *rule, "{name}");
    }
}

#[test]
fn descriptors_keep_their_rule() {
    let sound = ValueDescriptor { total_bytes: 40_000, first: at(20), first_count: 3 };
    type Change = fn(&mut ValueDescriptor);
    let cases: &[(&str, bool, Change)] = &[
        ("sound", true, |_| ()),
        ("longest value", true, |d| d.total_bytes = VALUE_BYTES_MAX as u32),
        ("no bytes", false, |d| d.total_bytes = 0),
        ("over the limit", false, |d| d.total_bytes = VALUE_BYTES_MAX as u32 + 1),
        ("no pages", false, |d| d.first_count = 0),
        ("more pages than bytes need", false, |d| d.first_count = 4),
        ("a meta slot", false, |d| d.first.page = PageId::new(1)),
        ("past all numbers", false, |d| d.first.page = PageId::new(u64::MAX)),
    ];
    for (name, ok, change) in cases {
        let mut descriptor = sound;
        change(&mut descriptor);
        let found = descriptor.check(PageId::new(9));
        assert_eq!(found.is_ok(), *ok, "{name}");
        assert!(found.is_ok() || found.is_err_and(|corrupt| corrupt.rule == "OVF-1"), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300), payload: u32) {
        let page = PageHeader {
            page_type: PageType::Overflow as u8,
            payload_bytes: payload,
            ..PageHeader::decode(&[0; PageHeader::BYTES]).unwrap()
        };
        if let Ok((header, data)) = OverflowHeader::decode_page(&bytes, &page) {
            prop_assert_eq!(header.data_bytes as usize, data.len());
        }
    }
}
