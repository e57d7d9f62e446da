//! Tests of chain pages and of the rules of their rows.

use super::*;
use crate::format::page::verify_page;
use proptest::prelude::*;

const UUID: FileUuid = FileUuid(*b"0123456789abcdef");

fn at(page: u64) -> Pointer {
    Pointer { page: PageId::new(page), birth: TxnId::new(5), nonce: 9 }
}

fn chain(page_type: PageType, first: u64, count: u32, entries: &[u8]) -> Box<[u8; PAGE_BYTES]> {
    ChainHeader { next: at(12), count, first }.to_page(UUID, at(11), page_type, entries)
}

fn decode(page: &[u8], place: ChainPlace) -> Result<(ChainHeader, Vec<u8>), Corrupt> {
    let header = verify_page(page, UUID, PageId::new(11))?;
    let (chain, entries) = ChainHeader::decode_page(page, &header, place)?;
    Ok((chain, entries.to_vec()))
}

fn row(txn_id: u64) -> HistoryRow {
    HistoryRow {
        txn_id: TxnId::new(txn_id),
        root: at(20),
        depth: 2,
        key_count: 100,
        lsn: Lsn::new(4096),
        alias_count: 0,
        reserved: 0,
    }
}

fn run() -> RetiredRow {
    RetiredRow {
        page: PageId::new(20),
        count: 4,
        reserved: 0,
        birth: TxnId::new(5),
        retired: TxnId::new(8),
    }
}

#[test]
fn chain_pages_read_back() {
    let history = row(7).to_bytes();
    let retired = run().to_bytes();
    let cases: &[(&str, PageType, u64, u32, &[u8])] = &[
        ("bitmap", PageType::Bitmap, 0, 12, &[0xff, 0x0f]),
        ("later bitmap", PageType::Bitmap, BITMAP_BITS, 8, &[1]),
        ("history", PageType::History, 3, 1, &history),
        ("retired", PageType::Retired, 0, 1, &retired),
    ];
    for (name, page_type, first, count, entries) in cases {
        let page = chain(*page_type, *first, *count, entries);
        let place = ChainPlace { page_type: *page_type, first: *first };
        let (header, read) = decode(&page[..], place).expect(name);
        assert_eq!((header.count, header.first, header.next), (*count, *first, at(12)), "{name}");
        assert_eq!(&read, entries, "{name}");
    }
}

#[test]
fn full_pages_read_back() {
    for (page_type, count, bytes) in [
        (PageType::Bitmap, BITMAP_BITS, ENTRIES_BYTES),
        (PageType::History, HISTORY_ROWS as u64, HISTORY_ROWS * HistoryRow::BYTES),
        (PageType::Retired, RETIRED_ROWS as u64, RETIRED_ROWS * RetiredRow::BYTES),
    ] {
        let entries = vec![0xff; bytes];
        let page = chain(page_type, 0, count as u32, &entries);
        let read = decode(&page[..], ChainPlace { page_type, first: 0 });
        assert_eq!(read.map(|(_, read)| read), Ok(entries), "{}", page_type.name());
    }
}

#[test]
fn decode_rejects() {
    let retired = run().to_bytes();
    let page = chain(PageType::Retired, 0, 1, &retired);
    let cases = [
        ("another type", ChainPlace { page_type: PageType::History, first: 0 }, "HIST-1"),
        ("bitmap asked for", ChainPlace { page_type: PageType::Bitmap, first: 0 }, "MAP-1"),
        ("a gap before it", ChainPlace { page_type: PageType::Retired, first: 1 }, "RET-1"),
    ];
    for (name, place, rule) in cases {
        assert_eq!(decode(&page[..], place).expect_err(name).rule, rule, "{name}");
    }
    type Change = fn(&mut PageHeader, &mut ChainHeader);
    let place = ChainPlace { page_type: PageType::Retired, first: 0 };
    let cases: &[(&str, Change)] = &[
        ("no entries", |_, chain| chain.count = 0),
        ("more entries than payload", |_, chain| chain.count = 2),
        ("more entries than fit", |_, chain| chain.count = u32::MAX),
        ("payload longer", |page, _| page.payload_bytes += 1),
        ("next in a meta", |_, chain| chain.next.page = PageId::new(1)),
        ("level", |page, _| page.level = 1),
    ];
    for (name, change) in cases {
        let mut bytes = *chain(PageType::Retired, 0, 1, &retired);
        let mut header = PageHeader::decode(&bytes).unwrap();
        let mut chain = ChainHeader::decode(&bytes[PageHeader::BYTES..]).unwrap();
        change(&mut header, &mut chain);
        bytes[PageHeader::BYTES..ENTRIES_OFFSET].copy_from_slice(&chain.to_bytes());
        seal_page(&mut bytes, UUID, header);
        assert_eq!(decode(&bytes, place).expect_err(name).rule, "RET-1", "{name}");
    }
}

#[test]
fn bitmaps_keep_their_rules() {
    let header = |count, first| ChainHeader { next: Pointer::NULL, count, first };
    let cases: &[(&str, ChainHeader, &[u8], Option<&str>)] = &[
        ("sound", header(12, 0), &[0xff, 0x0f], None),
        ("a bit behind the last", header(12, 0), &[0xff, 0x1f], Some("MAP-2")),
        ("a free meta slot", header(8, 0), &[0xfe], Some("MAP-3")),
        ("later page", header(8, BITMAP_BITS), &[0], None),
    ];
    for (name, header, bits, rule) in cases {
        let found = check_bitmap(PageId::new(11), header, bits).err().map(|corrupt| corrupt.rule);
        assert_eq!(found, *rule, "{name}");
    }
}

#[test]
fn history_rows_keep_their_rules() {
    type Change = fn(&mut HistoryRow);
    let cases: &[(&str, bool, Change)] = &[
        ("sound", true, |_| ()),
        ("empty tree", true, |r| (r.root, r.depth, r.key_count) = (Pointer::NULL, 0, 0)),
        ("not above the row before", false, |r| r.txn_id = TxnId::new(6)),
        ("alias of the row before", false, |r| r.alias_count = 1),
        ("the meta's own state", false, |r| r.txn_id = TxnId::new(9)),
        ("too deep", false, |r| r.depth = 65),
        ("root without depth", false, |r| r.depth = 0),
        ("rows without root", false, |r| (r.root, r.depth) = (Pointer::NULL, 0)),
        ("root in a meta", false, |r| r.root.page = PageId::new(1)),
        ("root from the future", false, |r| r.root.birth = TxnId::new(8)),
        ("reserved", false, |r| r.reserved = 1),
        ("more aliases than states", false, |r| r.alias_count = 8),
    ];
    for (name, ok, change) in cases {
        let mut row = row(7);
        change(&mut row);
        let found = row.check(PageId::new(11), Some(TxnId::new(6)), TxnId::new(9));
        assert_eq!(found.is_ok(), *ok, "{name}");
        assert!(found.is_ok() || found.is_err_and(|corrupt| corrupt.rule == "HIST-2"), "{name}");
    }
}

#[test]
fn retired_rows_keep_their_rules() {
    type Change = fn(&mut RetiredRow);
    let cases: &[(&str, bool, Change)] = &[
        ("sound", true, |_| ()),
        ("no pages", false, |r| r.count = 0),
        ("a meta slot", false, |r| r.page = PageId::new(1)),
        ("behind the file", false, |r| r.count = 81),
        ("past all numbers", false, |r| r.page = PageId::new(u64::MAX)),
        ("retired at birth", false, |r| r.retired = TxnId::new(5)),
        ("retired in the future", false, |r| r.retired = TxnId::new(10)),
        ("reserved", false, |r| r.reserved = 1),
    ];
    for (name, ok, change) in cases {
        let mut row = run();
        change(&mut row);
        let found = row.check(PageId::new(11), 100, TxnId::new(9));
        assert_eq!(found.is_ok(), *ok, "{name}");
        assert!(found.is_ok() || found.is_err_and(|corrupt| corrupt.rule == "RET-2"), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        page_type in 0..8_u8,
        payload: u32,
        first: u64,
    ) {
        let page = PageHeader {
            page_type,
            payload_bytes: payload,
            ..PageHeader::decode(&[0; PageHeader::BYTES]).unwrap()
        };
        for kind in [PageType::Bitmap, PageType::History, PageType::Retired] {
            let place = ChainPlace { page_type: kind, first };
            if let Ok((header, entries)) = ChainHeader::decode_page(&bytes, &page, place) {
                prop_assert_eq!(entry_bytes(kind, header.count), Some(entries.len()));
            }
        }
    }
}
