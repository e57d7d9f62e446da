//! Tests of the page header's codec and judgement.

use super::*;
use proptest::prelude::*;

const UUID: FileUuid = FileUuid(*b"0123456789abcdef");

fn header(id: u64) -> PageHeader {
    PageHeader {
        magic: PAGE_MAGIC,
        crc: Crc(0),
        version: FORMAT_VERSION,
        page_type: PageType::Leaf as u8,
        level: 0,
        payload_bytes: 80,
        page_id: PageId::new(id),
        birth: TxnId::new(7),
        nonce: 0xabcd_ef01,
        reserved: 0,
    }
}

fn sealed(header: PageHeader) -> Box<[u8; PAGE_BYTES]> {
    let mut page = Box::new([7; PAGE_BYTES]);
    seal_page(&mut page, UUID, header);
    page
}

#[test]
fn verify_accepts_what_seal_wrote() {
    let page = sealed(header(3));
    let read = verify_page(&page[..], UUID, PageId::new(3)).expect("a sound page");
    assert_eq!(PageHeader { crc: Crc(0), ..read }, header(3));
}

#[test]
fn verify_rejects() {
    type Damage = fn(&mut Vec<u8>);
    let cases: &[(&str, &str, u64, Damage)] = &[
        ("empty page", "PAGE-1", 3, |page| page.clear()),
        ("one byte short", "PAGE-1", 3, |page| page.truncate(PAGE_BYTES - 1)),
        ("one byte long", "PAGE-1", 3, |page| page.push(0)),
        ("magic", "PAGE-2", 3, |page| page[0] ^= 1),
        ("first bit behind the checksum", "PAGE-3", 3, |page| page[8] ^= 1),
        ("last bit", "PAGE-3", 3, |page| page[PAGE_BYTES - 1] ^= 0x80),
        ("stored checksum", "PAGE-3", 3, |page| page[CRC_OFFSET] ^= 1),
        ("a page of another place", "PAGE-3", 4, |_| ()),
    ];
    for (name, rule, id, damage) in cases {
        let mut page = sealed(header(3)).to_vec();
        damage(&mut page);
        let found = verify_page(&page, UUID, PageId::new(*id)).expect_err(name);
        assert_eq!(found.rule, *rule, "{name}: {found}");
    }
    let page = sealed(header(3));
    let other = verify_page(&page[..], FileUuid([1; 16]), PageId::new(3));
    assert_eq!(other.expect_err("a page of another file").rule, "PAGE-3");
}

/// With a fresh checksum over it, so that the rules behind the checksum are reached.
#[test]
fn verify_rejects_resealed() {
    type Change = fn(&mut PageHeader);
    let cases: &[(&str, &str, Change)] = &[
        ("newer version", "PAGE-2", |h| h.version = 1),
        ("unknown type", "PAGE-5", |h| h.page_type = 7),
        ("payload past the end", "PAGE-7", |h| h.payload_bytes = 16_345),
        ("reserved", "PAGE-7", |h| h.reserved = 1),
    ];
    for (name, rule, change) in cases {
        let mut changed = header(3);
        change(&mut changed);
        let found = verify_page(&sealed(changed)[..], UUID, PageId::new(3)).expect_err(name);
        assert_eq!(found.rule, *rule, "{name}: {found}");
    }
    // Sealed for page 3, but saying it is page 4.
    let mut page = [0; PAGE_BYTES];
    let mut lying = header(3);
    lying.page_id = PageId::new(4);
    page[..PageHeader::BYTES].copy_from_slice(&lying.to_bytes());
    let crc = page_crc(UUID, PageId::new(3), &page);
    page[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
    let found = verify_page(&page, UUID, PageId::new(3)).expect_err("another id");
    assert_eq!(found.rule, "PAGE-4");
}

#[test]
fn a_hop_compares_birth_and_nonce() {
    let pointer = Pointer { page: PageId::new(3), birth: TxnId::new(7), nonce: 0xabcd_ef01 };
    assert!(check_pointer(&header(3), pointer).is_ok());
    for (name, pointer) in [
        ("stale birth", Pointer { birth: TxnId::new(6), ..pointer }),
        ("other allocation", Pointer { nonce: 1, ..pointer }),
    ] {
        assert_eq!(check_pointer(&header(3), pointer).expect_err(name).rule, "PAGE-6", "{name}");
    }
}

#[test]
fn a_root_is_of_the_level_its_depth_says() {
    let pointer = Pointer { page: PageId::new(3), birth: TxnId::new(7), nonce: 0xabcd_ef01 };
    let leaf = sealed(header(3));
    let internal =
        sealed(PageHeader { page_type: PageType::Internal as u8, level: 2, ..header(3) });
    let internal_leaf =
        sealed(PageHeader { page_type: PageType::Internal as u8, level: 0, ..header(3) });
    let cases = [
        ("leaf, depth 1", &leaf, 1, true),
        ("leaf, depth 2", &leaf, 2, false),
        ("internal, depth 3", &internal, 3, true),
        ("internal, depth 1", &internal, 1, false),
        ("internal of level 0", &internal_leaf, 1, false),
        ("depth 0", &leaf, 0, false),
        ("depth past all levels", &leaf, u32::MAX, false),
    ];
    for (name, page, depth, ok) in cases {
        let found = check_root(&page[..], UUID, pointer, depth);
        assert_eq!(found.is_ok(), ok, "{name}");
        assert!(ok || found.is_err_and(|corrupt| corrupt.rule == "TREE-1"), "{name}");
    }
}

proptest! {
    #[test]
    fn any_header_survives_its_bytes(bytes in prop::array::uniform32(any::<u8>()), rest: [u8; 8]) {
        let bytes = [&bytes[..], &rest].concat();
        let header = PageHeader::decode(&bytes).expect("40 bytes");
        prop_assert_eq!(&header.to_bytes()[..], &bytes[..]);
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200), id: u64) {
        prop_assert!(verify_page(&bytes, UUID, PageId::new(id)).is_err());
    }

    #[test]
    fn any_flipped_bit_is_found(at in 0..PAGE_BYTES, bit in 0..8_u8) {
        let mut page = sealed(header(3));
        page[at] ^= 1 << bit;
        prop_assert!(verify_page(&page[..], UUID, PageId::new(3)).is_err());
    }
}
