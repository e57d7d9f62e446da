//! Lints on real files: told when there is something to tell, never counted as damage.

use super::*;
use crate::cartridge::BuildRequest;
use crate::cartridge::prefix_counts::PrefixCounts;
use crate::db::{Db, Options};
use crate::inspect::no_progress;
use crate::shelf::Kind;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.ns");
    (folder, path)
}

/// Without a thread that makes checkpoints by itself: the file keeps still while it is checked.
fn open(path: &Path) -> Db {
    Options::new().background(false).open(path).unwrap()
}

fn examined(path: &Path) -> Examination {
    examine(&Source::open(path).unwrap(), &mut no_progress())
}

/// The lints' numbers, and that the database is sound all the same.
fn lints(path: &Path) -> Vec<&'static str> {
    let found = examined(path);
    assert!(found.survey.report.is_clean(), "{:?}", found.survey.report.problems);
    found.lints.iter().map(|lint| lint.rule).collect()
}

fn put(db: &Db, keys: impl Iterator<Item = u32>) {
    let mut write = db.begin_write().unwrap();
    keys.for_each(|key| write.put(format!("k{key:06}"), [b'v'; 100]).unwrap());
    write.commit().unwrap();
}

#[test]
fn a_tree_that_lost_most_of_its_rows_is_told_and_its_copy_is_dense() {
    let (folder, path) = folder();
    let db = open(&path);
    put(&db, 0..12_000);
    db.checkpoint().unwrap();
    assert_eq!(lints(&path), [""; 0], "filled in order");
    let mut write = db.begin_write().unwrap();
    for key in (0..12_000).filter(|key| key % 3 != 0) {
        write.del(format!("k{key:06}")).unwrap();
    }
    write.commit().unwrap();
    db.checkpoint().unwrap();
    assert_eq!(lints(&path), ["LINT-1"]);
    let copy = folder.path().join("copy.ns");
    db.backup(&copy).unwrap();
    assert_eq!(lints(&copy), [""; 0]);

    let found = examined(&path);
    let lint = &found.lints[0];
    assert_eq!(
        (&lint.file, lint.place),
        (&path.canonicalize().unwrap(), crate::error::Place::File)
    );
    let (sparse, dense) = (found.survey.levels[0].nodes, examined(&copy).survey.levels[0].nodes);
    let fewer: u64 = lint.advice.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert!(fewer.abs_diff(sparse - dense) <= 2, "{fewer} of {sparse}, {dense} in the copy");
}

#[test]
fn a_small_tree_is_never_called_empty() {
    let (_folder, path) = folder();
    let db = open(&path);
    put(&db, 0..1_000);
    let mut write = db.begin_write().unwrap();
    for key in (0..1_000).filter(|key| key % 3 != 0) {
        write.del(format!("k{key:06}")).unwrap();
    }
    write.commit().unwrap();
    db.checkpoint().unwrap();
    assert_eq!(lints(&path), [""; 0]);
}

#[test]
fn a_cartridge_that_is_behind_is_told_until_it_is_built_again() {
    let (_folder, path) = folder();
    let db = open(&path);
    put(&db, 0..10);
    let cartridge = path.with_file_name("app.ns.counts");
    let build = || {
        let kind = Kind::PrefixCounts(PrefixCounts::default());
        kind.build(&db, &cartridge, BuildRequest::default()).unwrap();
    };
    build();
    // Another database's, by its name.
    std::fs::copy(&cartridge, path.with_file_name("other.ns.counts")).unwrap();
    assert_eq!(lints(&path), [""; 0]);
    put(&db, 10..11);
    let found = examined(&path);
    assert_eq!((found.cartridges, lints(&path)), (1, vec!["LINT-2"]));
    assert_eq!(found.newest, Some(TxnId::new(2)), "that of the log: the pages are behind");
    let lint = &found.lints[0];
    assert!(lint.file.ends_with("app.ns.counts"), "{lint:?}");
    let told = lint.to_string();
    let expected = "lint: file: LINT-2: stale: answers for transaction 1, the database is at 2: inputs touched by 1";
    assert!(told.starts_with(expected), "{told}");
    build();
    assert_eq!(lints(&path), [""; 0]);
}

#[test]
fn a_damaged_cartridge_is_a_problem_and_an_unreadable_one_is_not() {
    let (_folder, path) = folder();
    let db = open(&path);
    put(&db, 0..10);
    let cartridge = path.with_file_name("app.ns.counts");
    let kind = Kind::PrefixCounts(PrefixCounts::default());
    kind.build(&db, &cartridge, BuildRequest::default()).unwrap();
    // Stale, too: what is damaged or unread is not judged.
    put(&db, 10..11);
    let sound = std::fs::read(&cartridge).unwrap();

    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&cartridge, damaged).unwrap();
    let found = examined(&path);
    assert!(!found.survey.report.is_clean());
    assert!(found.survey.report.problems[0].file.ends_with("app.ns.counts"));
    assert_eq!((found.lints.len(), found.unread.len()), (0, 0));

    let mut newer = sound;
    newer[8] = 9; // the format's version
    std::fs::write(&cartridge, newer).unwrap();
    assert_eq!(lints(&path), ["LINT-3"]);
    let found = examined(&path);
    assert!(
        matches!(&found.unread[..], [(path, Error::UnsupportedFormat { .. })] if path.ends_with("app.ns.counts"))
    );
}

#[test]
fn a_check_that_is_stopped_judges_nothing_beside_the_database() {
    let (_folder, path) = folder();
    let db = open(&path);
    put(&db, 0..2_000);
    db.checkpoint().unwrap();
    let kind = Kind::PrefixCounts(PrefixCounts::default());
    kind.build(&db, &path.with_file_name("app.ns.counts"), BuildRequest::default()).unwrap();
    let source = Source::open(&path).unwrap();
    for calls_max in [0, 1, 5] {
        let mut calls = 0;
        let found = examine(&source, &mut |_, _| {
            calls += 1;
            calls <= calls_max
        });
        assert!(found.survey.report.cancelled, "after {calls_max}");
        assert_eq!((found.cartridges, found.lints.len()), (0, 0), "after {calls_max}");
    }
    // The last question is asked between the database and its cartridge.
    let mut calls = 0;
    examine(&source, &mut |_, _| {
        calls += 1;
        true
    });
    let mut left = calls - 1;
    let found = examine(&source, &mut |_, _| {
        left -= 1;
        left >= 0
    });
    assert_eq!((found.survey.report.cancelled, found.cartridges), (true, 0));
}
