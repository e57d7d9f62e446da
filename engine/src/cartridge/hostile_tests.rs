//! Damaged, hostile and newer cartridges: refused, or harmless, and never a wrong answer.

use super::prefix_counts::{PrefixCounts, PrefixTable};
use super::tests::lived_in;
use super::*;
use crate::db::Options;
use crate::queue::pending_tasks::{Pending, PendingTasks};
use crate::queue::{NewTask, TaskQueue};

/// Opens a cartridge from bytes and asks it everything it can be asked, after every check.
fn everything<T: CartridgeType>(bytes: &[u8]) -> Result<Vec<String>> {
    let cartridge = Cartridge::from_bytes(bytes.to_vec())?;
    cartridge.verify_sections()?;
    type_of::<T>(&cartridge)?.check(&cartridge)?;
    answers(&cartridge)
}

/// Everything a cartridge can be asked, without checks beforehand.
fn answers(cartridge: &Cartridge) -> Result<Vec<String>> {
    let mut answers = vec![format!("{:?}", cartridge.header())];
    if cartridge.type_name() == PrefixCounts::NAME {
        let table = PrefixTable::new(cartridge)?;
        for entry in table.iter() {
            let entry = entry?;
            answers.push(format!("{entry:?} {:?}", table.get(entry.prefix)?));
        }
        return Ok(answers);
    }
    let pending = Pending::new(cartridge)?;
    for index in 0..pending.type_count() {
        let (name, tasks) = pending.type_at(index)?;
        answers.push(format!(
            "{name:?} {:?} {:?}",
            pending.count(name)?,
            tasks.collect::<Vec<_>>()
        ));
    }
    let restored = PendingTasks::default().restore(cartridge)?;
    answers.push(format!("{:?}", restored.map(|rows| rows.len())));
    Ok(answers)
}

/// Cartridges of both types, small enough to damage every byte of.
fn small_ones() -> [(&'static str, Vec<u8>); 2] {
    let db = Options::new().open_in_memory().unwrap();
    let queue = TaskQueue::new(db.clone());
    for n in 0..9u8 {
        let task =
            NewTask { priority: n % 4, ..NewTask::new([b"mail", b"scan"][n as usize % 2], b"x") };
        queue.enqueue(0, &task).unwrap();
    }
    let built = |bytes: Result<(Vec<u8>, BuildReport)>| bytes.unwrap().0;
    let request = BuildRequest::default();
    [
        (PendingTasks::NAME, built(build_bytes(&db, &PendingTasks::default(), request))),
        (PrefixCounts::NAME, built(build_bytes(&db, &PrefixCounts::default(), request))),
    ]
}

fn ask(name: &str, bytes: &[u8]) -> Result<Vec<String>> {
    if name == PrefixCounts::NAME {
        everything::<PrefixCounts>(bytes)
    } else {
        everything::<PendingTasks>(bytes)
    }
}

#[test]
fn damage_to_any_byte_is_refused() {
    for (name, bytes) in small_ones() {
        ask(name, &bytes).unwrap();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                match ask(name, &damaged) {
                    Err(Error::Corrupt(_) | Error::UnsupportedFormat { .. }) => {}
                    Err(other) => panic!("{name}: byte {at}: {other}"),
                    Ok(_) => panic!("{name}: byte {at} with {flip:#x} goes unseen"),
                }
            }
        }
        for end in 0..bytes.len() {
            assert!(ask(name, &bytes[..end]).is_err(), "{name}: cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(ask(name, &longer).is_err(), "{name}: a byte longer");
    }
}

/// Whoever writes a hostile file makes its checksums right. Nothing may panic or read outside, whether
/// or not the file was checked first; and what passes every check answers what it holds.
#[test]
fn hostile_cartridges_with_right_checksums_do_no_harm() {
    use crate::disk::SeededEntropy;
    let random = SeededEntropy::new(7);
    let extremes =
        [0, 1, 0x7f, 0xff, 1 << 16, u64::from(u32::MAX), 1 << 63, u64::MAX - 1, u64::MAX];
    let (mut refused, mut passed) = (0, 0);
    for (name, bytes) in small_ones() {
        for round in 0..12_000 {
            let mut hostile = bytes.clone();
            for _ in 0..=random.below(2) {
                let at = random.below(hostile.len() as u64) as usize;
                if random.below(2) == 0 {
                    hostile[at] = random.below(256) as u8;
                } else {
                    let at = at / 8 * 8;
                    let value = extremes[random.below(extremes.len() as u64) as usize];
                    hostile[at..at + 8].copy_from_slice(&value.to_le_bytes());
                }
            }
            if round % 8 == 0 {
                hostile.truncate(random.below(bytes.len() as u64) as usize);
            }
            file::restamp(&mut hostile);
            if let Ok(cartridge) = Cartridge::from_bytes(hostile.clone()) {
                let _unchecked = answers(&cartridge).is_ok();
            }
            match ask(name, &hostile) {
                Ok(_) => passed += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > passed && passed > 0, "{refused} refused, {passed} passed");
}

/// Changes a header field and makes the checksums right again.
fn with_header(bytes: &[u8], at: usize, value: u32) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
    file::restamp(&mut changed);
    changed
}

#[test]
fn versions_are_read_refused_or_passed_over() {
    const VERSION: usize = 8;
    const FLAGS: usize = 12;
    const TYPE_VERSION: usize = 48;
    for (name, bytes) in small_ones() {
        let head = CartridgeHeader::decode(&bytes).unwrap();
        let table = (CartridgeHeader::BYTES + head.options_bytes as usize).next_multiple_of(8);
        let unsupported = |what: &str, changed: Vec<u8>| {
            let outcome = ask(name, &changed);
            let refused = matches!(outcome, Err(Error::UnsupportedFormat { .. }));
            assert!(refused, "{name}: {what}: {outcome:?}");
        };
        unsupported("a newer format", with_header(&bytes, VERSION, 1));
        unsupported("an unknown flag", with_header(&bytes, FLAGS, 1));
        unsupported("a newer type", with_header(&bytes, TYPE_VERSION, 1));
        unsupported("an unknown flag of a section", with_header(&bytes, table + 4, 2));
        // The last section gets a number nobody knows: it is missing then, and may not be passed over.
        let last = table + (head.section_count as usize - 1) * SectionEntry::BYTES;
        unsupported("an unknown section", with_header(&bytes, last, 77));

        // A section more that a newer program added and marked as one that may be passed over.
        let extra = Section { kind: 77, count: 1, bytes: vec![7; 5] };
        let with_extra = add_section(&bytes, &extra, 1);
        assert_eq!(
            ask(name, &with_extra).unwrap().len(),
            ask(name, &bytes).unwrap().len(),
            "{name}: an optional section is passed over"
        );
        unsupported("a section that must be known", add_section(&bytes, &extra, 0));
    }
}

/// The same cartridge with one section more, as a newer program might write it.
fn add_section(bytes: &[u8], extra: &Section, flags: u32) -> Vec<u8> {
    let cartridge = Cartridge::from_bytes(bytes.to_vec()).unwrap();
    let mut sections: Vec<Section> = cartridge
        .sections()
        .map(|info| {
            let (bytes, count) = cartridge.section(info.kind).unwrap();
            Section { kind: info.kind, count, bytes: bytes.to_vec() }
        })
        .collect();
    sections.push(extra.clone());
    let header = cartridge.header();
    let source = file::Source {
        uuid: header.source_uuid,
        txn: header.source_txn,
        lsn: header.source_lsn,
        generation: header.source_generation,
        crc: header.source_crc,
    };
    let hash = crate::format::content_hash::ContentHash(u128::from_le_bytes(header.input_hash));
    let input = (hash, header.input_rows);
    let name = cartridge.type_name();
    let options = cartridge.options();
    let built = file::encode(name, header.type_version, options, source, input, &sections);
    let table = (CartridgeHeader::BYTES + options.len()).next_multiple_of(8);
    let last = table + (sections.len() - 1) * SectionEntry::BYTES;
    with_header(&built, last + 4, flags)
}

#[test]
fn a_cartridge_of_another_version_of_its_type_is_stale() {
    let (db, _) = lived_in();
    let kind = PendingTasks::default();
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let newer = Cartridge::from_bytes(with_header(&bytes, 48, 1)).unwrap();
    let found = staleness(&db, &kind, &newer, &Policy::default(), None).unwrap();
    assert_eq!(found.reasons, [Reason::OtherBuild]);
    let other = PendingTasks::with_prefix(b"jobs/");
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let found = staleness(&db, &other, &cartridge, &Policy::default(), None).unwrap();
    assert_eq!(found.reasons, [Reason::OtherBuild]);
    assert_eq!(type_of::<PendingTasks>(&cartridge).unwrap(), kind, "options come back");
}

/// A cartridge that was damaged, or made by somebody who got its checksums right, is no start for a build:
/// the bytes come out as without it.
#[test]
fn a_damaged_cartridge_is_no_start_for_a_build() {
    let (db, queue) = lived_in();
    let kind = PendingTasks::default();
    let (sound, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    let (expected, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let tasks = Cartridge::from_bytes(sound.clone()).unwrap().sections().last().unwrap();
    let at = usize::try_from(tasks.offset).unwrap();
    let mut flipped = sound.clone();
    flipped[at] ^= 1;
    let mut forged = flipped.clone();
    file::restamp(&mut forged);
    for (name, bytes) in [("flipped", flipped), ("forged", forged)] {
        let previous = Cartridge::from_bytes(bytes).unwrap();
        let request = BuildRequest { previous: Some(&previous), ..BuildRequest::default() };
        let (built, report) = build_bytes(&db, &kind, request).unwrap();
        assert_eq!((report.route, built == expected), (Route::Snapshot, true), "{name}");
        let only = BuildRequest { route: Some(Route::Incremental), ..request };
        let refused = build_bytes(&db, &kind, only);
        assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{name}");
    }
    let previous = Cartridge::from_bytes(sound).unwrap();
    let request = BuildRequest { previous: Some(&previous), ..BuildRequest::default() };
    let (built, report) = build_bytes(&db, &kind, request).unwrap();
    assert_eq!((report.route, built == expected), (Route::Incremental, true));
}
