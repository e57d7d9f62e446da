//! The same bytes on every way, damage refused, staleness with its reasons.

use super::prefix_counts::{PrefixCounts, PrefixTable};
use super::*;
use crate::db::{Db, LogRetention, Options};
use crate::ids::TxnId;
use crate::queue::pending_tasks::{Pending, PendingTasks};
use crate::queue::{ClaimRequest, NewTask, Settled, TaskQueue};

/// A database with a queue that has lived a little, and other rows beside it.
fn lived_in() -> (Db, TaskQueue) {
    let db = Options::new().log_retention(LogRetention::All).open_in_memory().unwrap();
    let queue = TaskQueue::new(db.clone());
    for n in 0..60u64 {
        let task_type: &[u8] = [&b"mail"[..], b"report", b"sweep"][(n % 3) as usize];
        let task = NewTask { priority: (n * 7 % 5) as u8, ..NewTask::new(task_type, b"payload") };
        queue.enqueue(n, &task).unwrap();
    }
    work(&queue, 20);
    let mut txn = db.begin_write().unwrap();
    for n in 0..200u32 {
        txn.put(format!("user/{}/row/{n:04}", n % 7), vec![b'v'; (n % 13) as usize]).unwrap();
    }
    txn.commit().unwrap();
    let mut txn = db.begin_write().unwrap();
    txn.del_range(&b"user/3/"[..]..&b"user/3/row/0100"[..]).unwrap();
    txn.put("user/4/row/0004", "replaced").unwrap();
    txn.commit().unwrap();
    (db, queue)
}

fn work(queue: &TaskQueue, tasks: usize) {
    for _ in 0..tasks {
        let claim = queue.claim(1_000, &ClaimRequest::any(b"w")).unwrap().unwrap();
        assert_eq!(queue.complete(1_001, claim.id, b"w").unwrap(), Settled::Yes);
    }
}

fn by(route: Route) -> BuildRequest<'static> {
    BuildRequest { route: Some(route), ..BuildRequest::default() }
}

fn same_bytes_on_every_way<T: CartridgeType>(kind: &T, incremental: bool) {
    let (db, queue) = lived_in();
    let halfway = TxnId::new(db.stats().durable_txn);
    let (early, _) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    let early = Cartridge::from_bytes(early).unwrap();
    work(&queue, 15);
    let (stream, report) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    assert_eq!(report.route, Route::Stream);
    let (snapshot, _) = build_bytes(&db, kind, by(Route::Snapshot)).unwrap();
    assert_eq!(stream, snapshot, "{}: from the stream and from a snapshot", T::NAME);
    let (again, _) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    assert_eq!(stream, again, "{}: twice", T::NAME);
    let (past, _) =
        build_bytes(&db, kind, BuildRequest { at: Some(halfway), ..by(Route::Stream) }).unwrap();
    assert_eq!(past, early.as_bytes(), "{}: an earlier state, later", T::NAME);
    let request = BuildRequest { previous: Some(&early), ..BuildRequest::default() };
    let (next, report) = build_bytes(&db, kind, request).unwrap();
    assert_eq!(next, stream, "{}: from the cartridge before", T::NAME);
    assert_eq!(report.route == Route::Incremental, incremental, "{}: {report:?}", T::NAME);
    let built = Cartridge::from_bytes(next).unwrap();
    built.verify_sections().unwrap();
    kind.check(&built).unwrap();
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    same_bytes_on_every_way(&PendingTasks::default(), true);
    same_bytes_on_every_way(&PrefixCounts::default(), false);
}

#[test]
fn pending_tasks_answers_as_the_tree_does() {
    let (db, queue) = lived_in();
    let (bytes, _) = build_bytes(&db, &PendingTasks::default(), BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let pending = Pending::new(&cartridge).unwrap();
    for (task_type, counts) in queue.stats().unwrap().types {
        assert_eq!(
            pending.count(&task_type).unwrap(),
            counts.ready,
            "{}",
            task_type.escape_ascii()
        );
        let mut ids: Vec<u64> = pending.tasks(&task_type).unwrap().map(|task| task.id).collect();
        let mut claims = Vec::new();
        while let Some(claim) = queue.claim(2_000, &ClaimRequest::of(b"w", &task_type)).unwrap() {
            claims.push(claim.id);
        }
        assert_eq!(ids, claims, "the order of claims of {}", task_type.escape_ascii());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, counts.ready);
    }
    assert_eq!(pending.count(b"unknown").unwrap(), 0);
}

#[test]
fn prefix_counts_add_up() {
    let (db, _) = lived_in();
    let (bytes, _) = build_bytes(&db, &PrefixCounts::default(), BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let table = PrefixTable::new(&cartridge).unwrap();
    let txn = db.begin_read().unwrap();
    for prefix in [&b""[..], b"user/", b"user/3/", b"user/4/", b"\0q/"] {
        let (mut rows, mut key_bytes, mut value_bytes) = (0, 0, 0);
        for row in txn.prefix(prefix).unwrap() {
            let (key, value) = row.unwrap();
            rows += 1;
            key_bytes += key.len() as u64;
            value_bytes += value.len() as u64;
        }
        // "\0" ends a prefix too, so "\0q/" is at depth 2.
        let count = table.get(prefix).unwrap().expect("the prefix is counted");
        let found = (count.rows, count.key_bytes, count.value_bytes);
        assert_eq!(found, (rows, key_bytes, value_bytes), "{}", prefix.escape_ascii());
    }
    assert!(table.get(b"user/3/row/").unwrap().is_none(), "deeper than the options say");
}

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

#[test]
fn options_come_back_from_a_cartridge() {
    let (db, _) = lived_in();
    let kind = PrefixCounts { delimiters: b"/".to_vec(), depth_max: 3 };
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    assert_eq!(type_of::<PrefixCounts>(&cartridge).unwrap(), kind);
    let wrong = type_of::<PendingTasks>(&cartridge);
    assert!(matches!(wrong, Err(Error::InvalidArgument(_))), "{wrong:?}");
    let long = PendingTasks::with_prefix(&[b'x'; 5000]);
    let refused = build_bytes(&db, &long, BuildRequest::default());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "options that do not fit");
}

/// When the log no longer reaches back to the first commit, a snapshot is the way in, and the tail of
/// the log leads on from an earlier cartridge.
#[test]
fn a_trimmed_log_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trimmed.ns");
    let options = Options::new().log_retention(LogRetention::Recovery);
    let db = options.open(&path).unwrap();
    let queue = TaskQueue::new(db.clone());
    let kind = PendingTasks::default();
    let payload = vec![b'p'; 60_000];
    let add = |count: usize| {
        for n in 0..count {
            queue.enqueue(n as u64, &NewTask::new(b"mail", &payload)).unwrap();
        }
    };
    add(60);
    db.checkpoint().unwrap();
    add(60);
    db.checkpoint().unwrap();
    add(5);
    let (early, report) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let early_rows = report.rows;
    let early = Cartridge::from_bytes(early).unwrap();
    let gone = build_bytes(&db, &kind, by(Route::Stream));
    assert!(matches!(gone, Err(Error::SnapshotNotFound { .. })), "{:?}", gone.map(|built| built.1));
    add(5);
    work(&queue, 20);
    let (snapshot, report) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    assert_eq!((report.route, report.rows), (Route::Snapshot, early_rows + 5 - 20));
    let request = BuildRequest { previous: Some(&early), ..by(Route::Incremental) };
    let (incremental, report) = build_bytes(&db, &kind, request).unwrap();
    assert_eq!((report.route, report.commits), (Route::Incremental, 45));
    assert_eq!(incremental, snapshot);
}

#[test]
fn staleness_gives_its_reasons() {
    let (db, queue) = lived_in();
    let kind = PendingTasks::default();
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let judge = |policy: &Policy| staleness(&db, &kind, &cartridge, policy, None).unwrap().reasons;
    assert_eq!(judge(&Policy::default()), [], "just built");

    let mut txn = db.begin_write().unwrap();
    txn.put("elsewhere", "x").unwrap();
    txn.commit().unwrap();
    assert_eq!(judge(&Policy::default()), [], "a commit that touched no input");
    let counting = Policy { txns_max: Some(0), ..Policy::default() };
    assert_eq!(judge(&counting), [Reason::TxnsPassed { passed: 1, allowed: 0 }]);

    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    let touched = TxnId::new(db.stats().durable_txn);
    let changed = Reason::InputChanged { first: touched, last: touched, commits: 1 };
    assert_eq!(judge(&Policy::default()), [changed]);

    let age = Some(std::time::Duration::from_secs(9));
    let policy = Policy {
        age_max: Some(std::time::Duration::from_secs(5)),
        on_input_change: false,
        txns_max: None,
    };
    let old = staleness(&db, &kind, &cartridge, &policy, age).unwrap();
    assert_eq!(old.reasons, [Reason::TooOld { age_ms: 9_000, allowed_ms: 5_000 }]);

    let other = Options::new().open_in_memory().unwrap();
    let foreign = staleness(&other, &kind, &cartridge, &Policy::default(), None).unwrap();
    assert_eq!(foreign.reasons, [Reason::OtherDatabase]);
}

#[test]
fn files_are_replaced_whole_and_rebuilt_when_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pending.ncar");
    let (db, queue) = lived_in();
    let kind = PendingTasks::default();
    let rebuild = || rebuild_if_stale(&db, &kind, &path, &Policy::default(), None).unwrap();
    assert!(rebuild().is_some(), "missing: built");
    assert!(rebuild().is_none(), "fresh: left alone");
    let mapped = Cartridge::open(&path).unwrap();
    let before = Pending::new(&mapped).unwrap().count(b"mail").unwrap();
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    assert_eq!(rebuild().map(|report| report.route), Some(Route::Incremental));
    assert_eq!(Pending::new(&mapped).unwrap().count(b"mail").unwrap(), before, "an open one stays");
    let now = Cartridge::read(&path).unwrap();
    assert_eq!(Pending::new(&now).unwrap().count(b"mail").unwrap(), before + 1);

    let mut bytes = now.as_bytes().to_vec();
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[last] ^= 1;
    let damaged = directory.path().join("damaged");
    std::fs::write(&damaged, &bytes).unwrap();
    std::fs::rename(&damaged, &path).unwrap();
    assert!(rebuild().is_some(), "damaged: built again");
    assert!(rebuild().is_none());
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn a_keeper_follows_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pending.ncar");
    let (db, queue) = lived_in();
    let keeper = Keeper::spawn(db, PendingTasks::default(), &path, Policy::default()).unwrap();
    let count = || {
        let cartridge = Cartridge::open(&path).unwrap();
        Pending::new(&cartridge).unwrap().count(b"mail").unwrap()
    };
    let before = count();
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    // Waits for an event with a bound, not for a time to pass.
    let mut patience = 500;
    while count() != before + 1 && patience > 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        patience -= 1;
    }
    let state = keeper.stop();
    assert!(state.error.is_none(), "{:?}", state.error);
    assert_eq!((count(), state.builds), (before + 1, 2));
}
