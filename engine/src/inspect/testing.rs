//! Small database images for tests, written by hand from `spec/file_format_v0.md`: a second, naive
//! implementation of the format, so that a mistake in the engine's own is not shared.

use crate::format::chain::{ChainHeader, HistoryRow, RetiredRow};
use crate::format::field::{Crc, Scalar};
use crate::format::meta::{META_MAGIC, Meta};
use crate::format::node::{HINT_COUNT, NodeHeader, OVERFLOW_BIT, SLOTS_OFFSET, Slot};
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader, ValueDescriptor};
use crate::format::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, seal_page};
use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use crate::limits::PAGE_BYTES;

pub(super) const UUID: FileUuid = FileUuid(*b"northstar-tests!");

/// The pointer to a page in these images: its nonce follows from its id.
pub(super) fn pointer(page: u64, birth: u64) -> Pointer {
    Pointer { page: PageId::new(page), birth: TxnId::new(birth), nonce: 0x5000_0000 | page as u32 }
}

/// A page of any type with this payload.
pub(super) fn page(at: Pointer, page_type: PageType, level: u8, payload: &[u8]) -> Vec<u8> {
    let mut page = [0; PAGE_BYTES];
    page[PageHeader::BYTES..][..payload.len()].copy_from_slice(payload);
    let header = PageHeader {
        magic: PAGE_MAGIC,
        crc: Crc(0),
        version: FORMAT_VERSION,
        page_type: page_type as u8,
        level,
        payload_bytes: payload.len() as u32,
        page_id: at.page,
        birth: at.birth,
        nonce: at.nonce,
        reserved: 0,
    };
    seal_page(&mut page, UUID, header);
    page.to_vec()
}

/// The page with a fresh checksum.
pub(super) fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let header = PageHeader::decode(&bytes).unwrap();
    let page: &mut [u8; PAGE_BYTES] = bytes.first_chunk_mut().unwrap();
    seal_page(page, UUID, header);
    bytes
}

/// A node from `(key, value bytes, overflow)`; `dead` bytes of heap that no slot names.
pub(super) fn node(
    at: Pointer,
    level: u8,
    entries: &[(Vec<u8>, Vec<u8>, bool)],
    dead: usize,
) -> Vec<u8> {
    let leaf = level == 0;
    let own: Vec<&[u8]> =
        entries.iter().skip(usize::from(!leaf)).map(|entry| entry.0.as_slice()).collect();
    let prefix_bytes = match (own.first(), own.last()) {
        (Some(first), Some(last)) => first.iter().zip(*last).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let mut bytes = vec![0; PAGE_BYTES];
    let mut heap = PAGE_BYTES - prefix_bytes;
    if let Some(first) = own.first() {
        bytes[heap..].copy_from_slice(&first[..prefix_bytes]);
    }
    heap -= dead;
    bytes[heap..][..dead].fill(0xdd);
    let mut heads = Vec::new();
    for (index, (key, value, overflow)) in entries.iter().enumerate() {
        let suffix = if !leaf && index == 0 { &[] } else { &key[prefix_bytes..] };
        heap -= suffix.len() + value.len();
        bytes[heap..][..suffix.len()].copy_from_slice(suffix);
        bytes[heap + suffix.len()..][..value.len()].copy_from_slice(value);
        let mut head = [0; 4];
        let front = &suffix[..suffix.len().min(4)];
        head[..front.len()].copy_from_slice(front);
        heads.push(u32::from_be_bytes(head));
        let slot = Slot {
            offset: heap as u16,
            key_bytes: suffix.len() as u16,
            value_bytes: value.len() as u16 | if *overflow { OVERFLOW_BIT } else { 0 },
            head: u32::from_be_bytes(head),
        };
        bytes[SLOTS_OFFSET + index * Slot::BYTES..][..Slot::BYTES]
            .copy_from_slice(&slot.to_bytes());
    }
    let mut hints = [0; 64];
    if entries.len() >= 34 {
        let distance = entries.len() / (HINT_COUNT + 1);
        for hint in 0..HINT_COUNT {
            let head = heads[(hint + 1) * distance].to_le_bytes();
            hints[hint * 4..][..4].copy_from_slice(&head);
        }
    }
    let header = NodeHeader {
        count: entries.len() as u16,
        prefix_bytes: prefix_bytes as u16,
        heap_start: heap as u16,
        dead_bytes: dead as u16,
        right_sibling: 0,
        hints,
    };
    bytes[PageHeader::BYTES..SLOTS_OFFSET].copy_from_slice(&header.to_bytes());
    let page_type = if leaf { PageType::Leaf } else { PageType::Internal };
    page(at, page_type, level, &bytes[PageHeader::BYTES..])
}

pub(super) fn leaf(at: Pointer, rows: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = rows
        .iter()
        .map(|(key, value)| (key.as_bytes().into(), value.as_bytes().into(), false))
        .collect();
    node(at, 0, &entries, 0)
}

pub(super) fn internal(at: Pointer, level: u8, children: &[(&str, Pointer)]) -> Vec<u8> {
    let entries: Vec<_> = children
        .iter()
        .map(|(key, child)| {
            let mut value = Vec::new();
            child.write(&mut value);
            (key.as_bytes().to_vec(), value, false)
        })
        .collect();
    node(at, level, &entries, 0)
}

/// The sample database: 16 pages, two levels, one long value in two extents, a past state, a
/// retired page, a bitmap. Slot B is newer.
///
/// ```text
/// p2 root (level 1) ─▶ p3 leaf a…, p4 leaf m… ─▶ long value p5 p6 | p8
/// p9 old root (leaf, state 4, in history)   p10 bitmap  p11 history  p12 retired
/// p13 an old leaf, retired    p14 free, zero   p15 free, an old page in it
/// ```
pub(super) fn sample() -> Vec<Vec<u8>> {
    let long = long_value();
    let mut descriptor = Vec::new();
    ValueDescriptor { total_bytes: long.len() as u32, first: pointer(5, 6), first_count: 2 }
        .encode(&mut descriptor);
    let mut right: Vec<(Vec<u8>, Vec<u8>, bool)> = vec![
        (b"m/1".to_vec(), b"thirteen".to_vec(), false),
        (b"m/long".to_vec(), descriptor, true),
    ];
    right.push((b"m/z".to_vec(), Vec::new(), false));
    let left: Vec<(String, String)> =
        (0..40).map(|index| (format!("a/{index:03}"), format!("value {index}"))).collect();
    let left: Vec<(&str, &str)> =
        left.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();

    let mut row = Vec::new();
    HistoryRow {
        txn_id: TxnId::new(4),
        root: pointer(9, 4),
        depth: 1,
        key_count: 2,
        lsn: Lsn::new(400),
        alias_count: 0,
        reserved: 0,
    }
    .encode(&mut row);
    let history = ChainHeader { next: Pointer::NULL, count: 1, first: 0 };
    let mut run = Vec::new();
    RetiredRow {
        page: PageId::new(13),
        count: 1,
        reserved: 0,
        birth: TxnId::new(3),
        retired: TxnId::new(5),
    }
    .encode(&mut run);
    let retired = ChainHeader { next: Pointer::NULL, count: 1, first: 0 };
    let bitmap = ChainHeader { next: Pointer::NULL, count: 16, first: 0 };

    let first = OverflowHeader { next: pointer(8, 6), next_count: 1, ..piece(0, 2) };
    vec![
        meta(6).to_page().to_vec(),
        meta(7).to_page().to_vec(),
        internal(pointer(2, 6), 1, &[("", pointer(3, 6)), ("m/", pointer(4, 6))]),
        leaf(pointer(3, 6), &left),
        node(pointer(4, 6), 0, &right, 10),
        first.to_page(UUID, pointer(5, 6), &long[..DATA_BYTES_MAX]).to_vec(),
        piece(1, 2)
            .to_page(UUID, pointer(5, 6), &long[DATA_BYTES_MAX..2 * DATA_BYTES_MAX])
            .to_vec(),
        vec![0; PAGE_BYTES],
        piece(0, 1).to_page(UUID, pointer(8, 6), &long[2 * DATA_BYTES_MAX..]).to_vec(),
        leaf(pointer(9, 4), &[("a/000", "old"), ("b", "gone since")]),
        // In use: all but 7, 14, 15.
        bitmap.to_page(UUID, pointer(10, 7), PageType::Bitmap, &[0x7f, 0x3f]).to_vec(),
        history.to_page(UUID, pointer(11, 7), PageType::History, &row).to_vec(),
        retired.to_page(UUID, pointer(12, 7), PageType::Retired, &run).to_vec(),
        leaf(pointer(13, 3), &[("a", "old")]),
        vec![0; PAGE_BYTES],
        leaf(pointer(15, 2), &[("a", "older")]),
    ]
}

pub(super) fn long_value() -> Vec<u8> {
    (0..2 * DATA_BYTES_MAX + 1000).map(|index| (index % 251) as u8).collect()
}

fn piece(index: u32, count: u32) -> OverflowHeader {
    OverflowHeader { index, count, data_bytes: 0, next: Pointer::NULL, next_count: 0, reserved: 0 }
}

/// The metas of the sample: 7 is state 7, 6 an older one with an empty tree. A backup, so that no
/// log is needed.
pub(super) fn meta(sequence: u64) -> Meta {
    let newest = sequence == 7;
    let or_null = |pointer| if newest { pointer } else { Pointer::NULL };
    Meta {
        magic: META_MAGIC,
        version: 0,
        page_bytes: PAGE_BYTES as u32,
        flags: 0,
        uuid: UUID,
        sequence,
        txn_id: TxnId::new(if newest { 7 } else { 0 }),
        root: or_null(pointer(2, 6)),
        depth: if newest { 2 } else { 0 },
        alias_count: 0,
        key_count: if newest { 43 } else { 0 },
        page_count: if newest { 16 } else { 2 },
        bitmap: or_null(pointer(10, 7)),
        history: or_null(pointer(11, 7)),
        retired: or_null(pointer(12, 7)),
        log_lsn: Lsn::new(0),
        log_generation: 0,
        log_crc: 0,
        retention: 0,
        retention_bytes: 0,
        history_last: 3,
        options_reserved: [0; 48],
    }
}

/// A source of these pages, in memory, without a log.
pub(super) fn source(pages: &[Vec<u8>]) -> super::Source {
    super::Source::from_bytes(&pages.concat(), &[]).unwrap()
}
