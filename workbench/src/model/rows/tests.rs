//! Rows of every state that a log still covers, compared with what they were.

use super::*;
use crate::model::deed::Rows as Known;
use crate::model::testing::{SCRIPTS, past, run};
use northstar_engine::Options;
use std::path::Path;

/// All rows by windows of `limit` in a direction; holes are a failure.
fn read(path: &Path, view: &View, prefix: &[u8], limit: usize, forward: bool) -> Known {
    let (mut rows, mut key, mut windows) = (Known::new(), vec![0xff; 40], 0);
    if forward {
        key.clear();
    }
    loop {
        let (view, prefix) = (view.clone(), prefix.to_vec());
        let side = if forward { Side::After } else { Side::Before };
        let job = LoadRows { view, side, key: key.clone(), prefix, limit };
        let window: Window = run(path, job).expect("a window");
        assert!(window.items.len() <= limit, "{} in a window of {limit}", window.items.len());
        assert!(window.items.is_sorted_by(|one, other| one.key() < other.key()), "in order");
        let last = if forward { window.items.last() } else { window.items.first() };
        key = match last {
            Some(item) if forward => item.behind().expect("rows only"),
            Some(item) => item.key().to_vec(),
            None => key,
        };
        for item in window.items {
            let value = item.value().expect("no hole").to_vec();
            assert!(rows.insert(item.key().to_vec(), value).is_none(), "{:?} twice", item.key());
        }
        windows += 1;
        assert!(windows < 3000, "it ends");
        if window.complete {
            return rows;
        }
    }
}

#[test]
fn every_state_the_log_covers_has_the_rows_it_had() {
    let (mut over_a_tree, mut from_nothing) = (0, 0);
    for script in SCRIPTS {
        let past = past(script);
        let roots = past.roots.clone();
        let listed: Listed = run(&past.path, ListStates { roots: roots.clone() }).expect("states");
        for state in listed.0.iter().filter(|state| state.evidence == Evidence::Replayed) {
            let job = OpenState { txn: state.txn, roots: roots.clone() };
            let opened: Opened = run(&past.path, job).expect("the state");
            let view = opened.0;
            let name = format!("{script}: txn {}", state.txn);
            assert_eq!((view.txn(), view.evidence()), (state.txn, Evidence::Replayed), "{name}");
            match view.root() {
                Some(_) => over_a_tree += 1,
                None => from_nothing += 1,
            }
            let known = &past.rows[&state.txn];
            assert_eq!(view.rows(), Some(known.len() as u64), "{name}");
            for prefix in ["", "k", "k01", "m", "q", "zz"] {
                let mut wanted = known.clone();
                wanted.retain(|key, _| key.starts_with(prefix.as_bytes()));
                for (limit, forward) in [(3, true), (3, false), (400, true), (400, false)] {
                    let found = read(&past.path, &view, prefix.as_bytes(), limit, forward);
                    assert_eq!(found, wanted, "{name}, prefix {prefix:?}, forward: {forward}");
                }
            }
        }
    }
    assert!(over_a_tree >= 15 && from_nothing >= 5, "{over_a_tree} and {from_nothing}");
}

/// A commit over 1 MiB is a chain of records: a replay that reads only the last loses rows.
#[test]
fn a_commit_of_several_records_is_replayed_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.ns");
    let db = Options::new().background(false).open(&path).expect("a database");
    let mut write = db.begin_write().expect("a writer");
    for number in 0..30 {
        write.put(format!("large{number:02}"), vec![number; 100_000]).expect("a row");
    }
    let txn = write.commit().expect("the commit");
    drop(db);
    let opened: Opened = run(&path, OpenState { txn, roots: Vec::new() }).expect("the state");
    assert_eq!(opened.0.evidence(), Evidence::Replayed);
    assert_eq!(opened.0.rows(), Some(30));
    let rows = read(&path, &opened.0, b"", 400, true);
    assert_eq!(rows.len(), 30, "{:?}", rows.keys());
    let value = &rows[&b"large07".to_vec()];
    assert!(value.len() == 4096 && value.iter().all(|byte| *byte == 7), "its first bytes");
}

#[test]
fn a_state_that_is_gone_is_not_made_up() {
    let past = past("put a, put b");
    let job = OpenState { txn: TxnId::new(99), roots: past.roots };
    let why = run::<Opened>(&past.path, job).expect_err("no such state");
    assert!(why.contains("no commit of it is in the log"), "{why}");
}
