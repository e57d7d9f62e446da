//! Tests of the simulated disk: what each kind of sync decides, what each model can lose, and that
//! the same calls give the same journal.

use super::*;
use crate::disk::{File, OpenMode, Storage, SyncKind};
use crate::error::Error;
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

fn create(disk: &dyn Storage, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateNew).unwrap()
}

/// A disk with `/f` of these bytes, all durable, and the open file.
fn disk_with(bytes: &[u8]) -> (SimDisk, Arc<dyn File>) {
    let mut image = SimImage::new();
    image.put("/f", bytes);
    let disk = image.to_disk();
    let file = disk.open(Path::new("/f"), OpenMode::ReadWrite).unwrap();
    (disk, file)
}

/// All contents of `/f` that a model can leave behind at the end.
fn outcomes(disk: &SimDisk, model: Model) -> BTreeSet<Option<Vec<u8>>> {
    let trace = disk.trace();
    let point = trace.crash_at(trace.len());
    point.states(&Search::new(model)).map(|state| state.image.read("/f")).collect()
}

fn summary(bytes: &[u8], sector: usize) -> String {
    bytes.chunks(sector).map(|chunk| char::from(chunk[0])).collect()
}

#[test]
fn reads_see_everything_and_images_hold_what_was_synced() {
    let (disk, file) = disk_with(b"old");
    file.write_at(b"NEW!", 0).unwrap();
    let mut bytes = [0; 4];
    file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"NEW!");
    let before = disk.trace().crash_at(1);
    assert_eq!(before.image_none_kept().read("/f").unwrap(), b"old");
    assert_eq!(before.image_all_kept().read("/f").unwrap(), b"NEW!");
    file.sync(SyncKind::Full).unwrap();
    let after = disk.trace().crash_at(2);
    assert!(after.facts().is_empty());
    assert_eq!(after.image_none_kept().read("/f").unwrap(), b"NEW!");
    assert_eq!(after.image_none_kept().hash(), disk.visible().hash());
}

#[test]
fn a_data_sync_leaves_a_new_length_undecided() {
    let (disk, file) = disk_with(b"old");
    file.write_at(b"longer", 0).unwrap();
    file.sync(SyncKind::Data).unwrap();
    let expected = [Some(b"lon".to_vec()), Some(b"longer".to_vec())];
    assert_eq!(outcomes(&disk, Model::Lengths), BTreeSet::from(expected));
    file.sync(SyncKind::Full).unwrap();
    assert_eq!(disk.trace().crash_at(3).facts().len(), 0);
}

#[test]
fn a_sync_decides_one_file_and_no_name() {
    let disk = SimDisk::new();
    let (a, b) = (create(&disk, "/a"), create(&disk, "/b"));
    a.write_at(b"a", 0).unwrap();
    b.write_at(b"b", 0).unwrap();
    a.sync(SyncKind::Full).unwrap();
    let names = |disk: &SimDisk| {
        let trace = disk.trace();
        let image = trace.crash_at(trace.len()).image_none_kept();
        image.paths().map(Path::to_path_buf).collect::<Vec<_>>()
    };
    assert!(names(&disk).is_empty(), "no directory was synced");
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(names(&disk), [Path::new("/a"), Path::new("/b")]);
    let trace = disk.trace();
    let image = trace.crash_at(trace.len()).image_none_kept();
    assert_eq!(image.read("/a").unwrap(), b"a");
    assert_eq!(image.read("/b").unwrap(), b"", "the other file was not synced");
}

#[test]
fn sectors_tear_alone_and_a_later_version_contains_the_earlier() {
    let (disk, file) = disk_with(&[b'0'; 1536]);
    file.write_at(&[b'1'; 1536], 0).unwrap();
    file.write_at(&[b'2'; 512], 512).unwrap();
    let seen: BTreeSet<String> = outcomes(&disk, Model::Sectors)
        .into_iter()
        .map(|bytes| summary(&bytes.unwrap(), 512))
        .collect();
    let mut expected = BTreeSet::new();
    for a in ['0', '1'] {
        for b in ['0', '1', '2'] {
            for c in ['0', '1'] {
                expected.insert(format!("{a}{b}{c}"));
            }
        }
    }
    assert_eq!(seen, expected);
    // Two appends into one sector: the second is never there without the first.
    let (disk, file) = disk_with(&[b'0'; 512]);
    file.write_at(b"1", 0).unwrap();
    file.write_at(b"2", 1).unwrap();
    let heads: BTreeSet<Vec<u8>> = outcomes(&disk, Model::Subset)
        .into_iter()
        .map(|bytes| bytes.unwrap()[..2].to_vec())
        .collect();
    assert_eq!(heads, BTreeSet::from([b"00".to_vec(), b"10".to_vec(), b"12".to_vec()]));
}

#[test]
fn a_cut_and_regrown_file_shows_zeros_or_the_old_length() {
    let (disk, file) = disk_with(&[b'0'; 1024]);
    file.set_len(512).unwrap();
    file.set_len(1024).unwrap();
    let seen: BTreeSet<String> = outcomes(&disk, Model::Subset)
        .into_iter()
        .map(|bytes| summary(&bytes.unwrap(), 512))
        .collect();
    let expected = ["00", "0", "0\0"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected), "old bytes never come back behind a cut");
}

#[test]
fn a_lost_cut_leaves_writes_in_front_of_it_alone() {
    let (disk, file) = disk_with(&[b'0'; 1024]);
    file.set_len(600).unwrap();
    disk.fail_sync(0, Persisted::None);
    assert!(file.sync(SyncKind::Full).is_err());
    file.write_at(&[b'1'; 512], 0).unwrap();
    file.sync(SyncKind::Full).unwrap();
    let trace = disk.trace();
    let image = trace.crash_at(trace.len()).image_none_kept();
    assert_eq!(summary(&image.read("/f").unwrap(), 512), "10");
}

#[test]
fn garbage_covers_what_the_write_covers_and_no_more() {
    let (disk, file) = disk_with(&[b'0'; 512]);
    file.write_at(&[b'1'; 10], 100).unwrap();
    let outcomes = outcomes(&disk, Model::Garbage);
    assert!(outcomes.len() >= 4, "{} kinds of garbage", outcomes.len());
    for bytes in outcomes {
        let bytes = bytes.unwrap();
        assert!(bytes[..100].iter().all(|&b| b == b'0') && bytes[110..].iter().all(|&b| b == b'0'));
    }
}

#[test]
fn prefixes_keep_the_order_of_operations() {
    let (disk, file) = disk_with(&[b'0'; 1024]);
    file.write_at(b"1", 0).unwrap();
    file.write_at(b"1", 512).unwrap();
    let seen: BTreeSet<String> = outcomes(&disk, Model::Prefix)
        .into_iter()
        .map(|bytes| summary(&bytes.unwrap(), 512))
        .collect();
    assert_eq!(seen, BTreeSet::from(["00", "10", "11"].map(str::to_owned)), "never 01");
}

#[test]
fn a_rename_may_be_lost_or_kept_until_the_directory_is_synced() {
    let (disk, file) = disk_with(b"old");
    let new = create(&disk, "/new");
    new.write_at(b"new", 0).unwrap();
    new.sync(SyncKind::Full).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk.rename(Path::new("/new"), Path::new("/f")).unwrap();
    assert!(!file.still_named().unwrap());
    let expected = [Some(b"old".to_vec()), Some(b"new".to_vec())];
    assert_eq!(outcomes(&disk, Model::Names), BTreeSet::from(expected.clone()));
    disk.sync_dir(Path::new("/")).unwrap();
    disk.unlink(Path::new("/f")).unwrap();
    assert_eq!(outcomes(&disk, Model::Names), BTreeSet::from([None, expected[1].clone()]));
}

#[test]
fn a_failed_sync_is_not_made_up_for_by_the_next() {
    for (persisted, expected) in
        [(Persisted::None, vec!["00", "01", "10", "11"]), (Persisted::All, vec!["11"])]
    {
        let (disk, file) = disk_with(&[b'0'; 1024]);
        file.write_at(&[b'1'; 1024], 0).unwrap();
        disk.fail_sync(0, persisted);
        assert!(matches!(file.sync(SyncKind::Full), Err(Error::Io { .. })));
        file.sync(SyncKind::Full).unwrap();
        let seen: BTreeSet<String> = outcomes(&disk, Model::Sectors)
            .into_iter()
            .map(|bytes| summary(&bytes.unwrap(), 512))
            .collect();
        // With nothing undecided M2 has nothing to show; the one state is M0's.
        let seen = if seen.is_empty() {
            let all = outcomes(&disk, Model::Prefix).into_iter();
            all.map(|bytes| summary(&bytes.unwrap(), 512)).collect()
        } else {
            seen
        };
        assert_eq!(seen, expected.iter().map(|s| (*s).to_owned()).collect(), "{persisted:?}");
    }
    // A later write to the sector brings the lost bytes along, and then they stay.
    let (disk, file) = disk_with(&[b'0'; 512]);
    file.write_at(b"1", 0).unwrap();
    disk.fail_sync(0, Persisted::None);
    assert!(file.sync(SyncKind::Full).is_err());
    file.write_at(b"2", 1).unwrap();
    file.sync(SyncKind::Full).unwrap();
    let trace = disk.trace();
    let point = trace.crash_at(trace.len());
    assert!(point.facts().is_empty());
    assert_eq!(&point.image_none_kept().read("/f").unwrap()[..2], b"12");
}

#[test]
fn a_lying_sync_decides_nothing() {
    let (disk, file) = disk_with(b"0");
    file.write_at(b"1", 0).unwrap();
    file.sync(SyncKind::Full).unwrap();
    let seen = outcomes(&disk, Model::LyingSyncs);
    assert!(seen.contains(&Some(b"0".to_vec())) && seen.contains(&Some(b"1".to_vec())));
}

#[test]
fn states_are_named_by_their_number_and_never_repeat_an_image() {
    let (disk, file) = disk_with(&[b'0'; 16384]);
    for at in 0..20 {
        file.write_at(&[b'1' + at as u8; 600], at * 700).unwrap();
    }
    let trace = disk.trace();
    let point = trace.crash_at(trace.len());
    for model in Model::ALL {
        let search = Search { exhaustive_bits: 6, seed: 5, ..Search::new(model) };
        let mut seen = BTreeSet::new();
        for state in point.states(&search) {
            let hash = state.image.hash();
            assert!(seen.insert(hash), "{model}: image twice");
            let again = point.state(&search, state.choice).unwrap();
            assert_eq!(again.image.hash(), hash, "{model}: choice {}", state.choice);
        }
        let few = matches!(model, Model::Names | Model::Lengths | Model::LyingSyncs);
        assert!(few || seen.len() > 15, "{model}: only {} states", seen.len());
    }
}

#[test]
fn larger_sectors_tear_less() {
    let run = |bytes| {
        let disk = SimDisk::new().with_sector_bytes(bytes);
        create(&disk, "/f").write_at(&[1; 8192], 0).unwrap();
        disk.trace().crash_at(2).facts().len()
    };
    assert_eq!((run(512), run(4096)), (16 + 2, 2 + 2), "sectors, a length and a name");
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let disk = SimDisk::new();
    let file = create(&disk, "/f");
    file.write_at(&[1; 8192], 0).unwrap();
    disk.set_capacity(Some(8192));
    assert!(matches!(file.write_at(&[2; 10], 8192), Err(Error::OutOfSpace)));
    file.write_at(&[2; 10], 0).unwrap();
    assert_eq!(file.len().unwrap(), 8192, "the refused write left nothing");
    file.set_len(0).unwrap();
    file.write_at(&[2; 4096], 4096).unwrap();
}

#[test]
fn after_the_power_went_nothing_works_and_nothing_is_recorded() {
    let (disk, file) = disk_with(b"x");
    disk.power_off();
    assert!(file.write_at(b"y", 0).is_err());
    assert!(disk.open(Path::new("/f"), OpenMode::Read).is_err());
    assert!(disk.trace().is_empty());
}

#[test]
fn faults_strike_the_call_they_are_meant_for() {
    let rule =
        |call, fault| Rule { call, file: "f".to_owned(), nth: 1, repeat: Repeat::Once, fault };
    let cases = [
        (Fault::Eio, false),
        (Fault::Enospc, false),
        (Fault::Eacces, false),
        (Fault::Zero, false),
        (Fault::EioAfter(2), false),
        (Fault::Eintr, true),
        (Fault::Short(1), true),
        (Fault::Delay(Duration::ZERO), true),
    ];
    for (fault, survives) in cases {
        let disk = FaultDisk::new(SimDisk::new());
        let (f, g) = (create(&disk, "/f"), create(&disk, "/g"));
        disk.inject(rule(Call::Write, fault));
        g.write_at(b"other", 0).unwrap();
        f.write_at(b"first", 0).unwrap();
        let second = f.write_at(b"SECOND", 0);
        assert_eq!(second.is_ok(), survives, "{fault:?}: {second:?}");
        let space = matches!(second, Err(Error::OutOfSpace));
        assert_eq!(space, fault == Fault::Enospc, "{fault:?}");
        assert_eq!(disk.hits(), 1, "{fault:?}");
        let visible = disk.inner().visible().read("/f").unwrap();
        let expected: &[u8] = match fault {
            _ if survives => b"SECOND",
            Fault::EioAfter(_) => b"SErst",
            _ => b"first",
        };
        assert_eq!(visible, expected, "{fault:?}");
        f.write_at(b"third!", 0).unwrap();
    }
}

#[test]
fn an_endless_interruption_gives_way() {
    let disk = FaultDisk::new(SimDisk::new());
    let file = create(&disk, "/f");
    let forever = |call| Rule {
        call,
        file: String::new(),
        nth: 0,
        repeat: Repeat::Forever,
        fault: Fault::Eintr,
    };
    disk.inject(forever(Call::Write));
    file.write_at(b"abc", 0).unwrap();
    disk.heal();
    disk.inject(forever(Call::Read));
    file.read_at(&mut [0; 3], 0).unwrap();
    assert!(disk.calls().len() > 100);
}

#[test]
fn the_same_calls_give_the_same_journal() {
    let run = || {
        let disk = SimDisk::new();
        let file = create(&disk, "/f");
        for at in 0..5 {
            file.write_at(&[at; 700], u64::from(at) * 100).unwrap();
            disk.mark(format!("step {at}"));
        }
        file.sync(SyncKind::Data).unwrap();
        disk.rename(Path::new("/f"), Path::new("/g")).unwrap();
        let trace = disk.trace();
        (0..trace.len()).map(|op| trace.describe(op)).collect::<Vec<_>>()
    };
    let lines = run();
    assert_eq!(lines, run());
    assert_eq!(lines[1], "write zeros (/f 0..700)");
    assert_eq!(lines[2], "-- step 0");
    assert_eq!(lines.last().unwrap(), "rename /f to /g");
}
