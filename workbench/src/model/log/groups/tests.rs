//! Groups of logs that the engine wrote: one commit after the other, many at once, and none that waits.

use super::*;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::{records, segments};
use northstar_engine::{Durability, Options};
use std::path::Path;
use std::time::Duration;

/// Long enough for a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(30);

fn read(path: &Path) -> Vec<RecordView> {
    let source = Source::open(path).expect("the file");
    let log = segments(&source).expect("the log");
    records(&source, &log, log.start(), 10_000).expect("records").records
}

/// The log of `commits` commits, and after each of `syncs` a sync.
fn log_of(durability: Durability, commits: u64, syncs: &[u64]) -> Vec<RecordView> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("groups.ns");
    let options = Options::new().background(false).durability(durability);
    let db = options.open(&path).expect("a database");
    for n in 1..=commits {
        let mut write = db.begin_write().expect("no other writer");
        write.put(format!("k{n}"), "v").expect("room");
        write.commit().expect("a healthy disk");
        if syncs.contains(&n) {
            db.sync().expect("a healthy disk");
        }
    }
    read(&path)
}

fn spans(groups: &[Group]) -> Vec<(u64, u64, bool)> {
    let span = |group: &Group| (group.first.get(), group.last.get(), group.proven_by.is_some());
    groups.iter().map(span).collect()
}

#[test]
fn a_commit_that_waits_alone_is_a_group_of_its_own() {
    let groups = groups(&log_of(Durability::Immediate, 5, &[]));
    let alone = [(1, 1, true), (2, 2, true), (3, 3, true), (4, 4, true), (5, 5, false)];
    assert_eq!(spans(&groups), alone, "no record behind the last proves it");
}

#[test]
fn commits_between_two_syncs_are_proven_at_once() {
    let records = log_of(Durability::Eventual, 9, &[3, 7]);
    let groups = groups(&records);
    assert_eq!(spans(&groups), [(1, 3, true), (4, 7, true), (8, 9, false)]);
    assert_eq!(groups.iter().map(|group| group.commits).collect::<Vec<_>>(), [3, 4, 2]);
    for record in records.iter().filter(|record| record.is_commit()) {
        let group = group_of(&groups, record.lsn).expect("each is in one");
        assert!((group.first..=group.last).contains(&record.txn_id), "txn {}", record.txn_id);
        let proof = group.proven_by.and_then(|lsn| records.iter().find(|record| record.lsn == lsn));
        assert!(proof.is_none_or(|proof| proof.durable_lsn >= record.end_lsn));
    }
    assert_eq!(group_of(&groups, Lsn::new(u64::MAX)), None);
    assert_eq!(group_sizes(&groups), [(2, 1), (4, 2)]);
}

#[test]
fn commits_of_many_threads_are_all_in_one_group_each() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("crowd.ns");
    let db = Options::new().background(false).open(&path).expect("a database");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..25 {
                    let mut write = db.begin_write_timeout(PATIENCE).expect("the gate opens");
                    write.put(format!("{thread}/{n}"), "v").expect("room");
                    write.commit().expect("a healthy disk");
                }
            });
        }
    });
    let groups = groups(&read(&path));
    assert_eq!(groups.iter().map(|group| group.commits).sum::<u64>(), 100);
    for pair in groups.windows(2) {
        assert_eq!(pair[0].last.next(), pair[1].first, "none is left out, none told twice");
    }
    assert!(
        group_sizes(&groups).iter().all(|(largest, _)| *largest <= 4),
        "no more than wait at once"
    );
    assert_eq!(super::groups(&[]), []);
}
