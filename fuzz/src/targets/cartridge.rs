//! A cartridge's file: as it comes, and with its checksums made right.

use super::input::Input;
use northstar_engine::{
    cartridge::{
        BuildRequest, Cartridge, CartridgeHeader, SectionEntry, build_bytes,
        prefix_counts::{PrefixCounts, PrefixTable},
    },
    format::checksum::append,
    sim::SimDisk,
};
use northstar_harness::{
    runner::Session,
    workload::{Step, Workload},
};
use std::sync::{Arc, OnceLock};

/// Where the checksum of the head stands.
const CRC_OFFSET: usize = 4;

fn base() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let workload = Workload::parse("0R5-bb").expect("known steps");
        let sim = SimDisk::new();
        let mut session = Session::new(&workload, sim.clone(), Arc::new(sim));
        session.create().expect("a healthy disk");
        session.step(Step('b')).expect("a healthy disk");
        let db = session.db.as_ref().expect("open");
        let mut write = db.begin_write().expect("no other writer");
        for n in 0..12 {
            write.put(format!("user/{}/{n}", n % 3), b"value").expect("room");
        }
        write.commit().expect("a healthy disk");
        let kind = PrefixCounts::default();
        let (bytes, _) = build_bytes(db, &kind, BuildRequest::default()).expect("all in memory");
        session.kill();
        bytes
    })
}

/// `flags, (offset (2 bytes), length, bytes)…` over a real cartridge, then its length (3 bytes) if
/// flag 2 is set; flag 1: checksums made right.
pub fn open(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some(flags) = input.byte() else { return };
    let mut cartridge = if flags & 4 != 0 { Vec::new() } else { base().to_vec() };
    if flags & 2 != 0 {
        cartridge.resize(input.number(3).unwrap_or(0) as usize % (1 << 18), 0);
    }
    while let Some((offset, count)) = input.number(2).zip(input.byte()) {
        let bytes = input.take(usize::from(count));
        let offset = offset as usize;
        cartridge.resize(cartridge.len().max(offset + bytes.len()), 0);
        cartridge[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    if flags & 1 != 0 {
        restamp(&mut cartridge);
    }
    let Ok(cartridge) = Cartridge::from_bytes(cartridge) else { return };
    cartridge.verify_sections().ok();
    for section in cartridge.sections() {
        cartridge.section(section.kind).ok();
    }
    let Ok(table) = PrefixTable::new(&cartridge) else { return };
    table.iter().take(10_000).take_while(Result::is_ok).for_each(drop);
    for prefix in [&b""[..], b"user/", b"user/1/", b"\xff"] {
        table.get(prefix).ok();
    }
}

/// Makes the checksums of head and sections right, as far as they lie inside the file.
fn restamp(bytes: &mut [u8]) {
    let Some(header) = CartridgeHeader::decode(bytes) else { return };
    let table = (CartridgeHeader::BYTES + header.options_bytes as usize).next_multiple_of(8);
    let count = (header.section_count as usize).min(64);
    for at in (0..count).map(|index| table + index * SectionEntry::BYTES) {
        let Some(entry) = bytes.get(at..).and_then(SectionEntry::decode) else { break };
        let start = entry.offset as usize;
        let end = start.saturating_add(entry.bytes as usize);
        let Some(section) = bytes.get(start..end) else { continue };
        let crc = append(0, &entry.kind.to_le_bytes());
        let crc = append(append(crc, &entry.offset.to_le_bytes()), section);
        let place = SectionEntry::LAYOUT.fields.iter().find(|field| field.name == "crc");
        let place = at + place.expect("a field").offset;
        bytes[place..place + 4].copy_from_slice(&crc.to_le_bytes());
    }
    let head = table + header.section_count as usize * SectionEntry::BYTES;
    if let Some(head) = bytes.get(..head) {
        let crc = append(append(0, &head[..CRC_OFFSET]), &[0; 4]);
        let crc = append(crc, &head[CRC_OFFSET + 4..]);
        bytes[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// The cartridge as it is, cut, and with each of the head's numbers changed.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0], vec![1], vec![2, 100, 0, 0]];
    for field in CartridgeHeader::LAYOUT.fields {
        let offset = field.offset as u16;
        seeds.push([&[1][..], &offset.to_le_bytes(), &[1, 0x41]].concat());
    }
    seeds
}
