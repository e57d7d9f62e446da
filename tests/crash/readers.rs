//! A reader that stays while writers go on: its rows never change, its pages are named, and the space
//! comes back when it has gone.

use northstar_engine::{Db, Durability, LogRetention, Options};
use northstar_harness::{
    long,
    rows::{Rows, same_rows},
    tally::Suite,
};

const KEYS: u64 = 600;

/// One row a commit, somewhere else each time.
fn commit(db: &Db, n: u64) {
    let mut write = db.begin_write().expect("no other writer");
    let key = format!("k{:04}", n.wrapping_mul(7_919) % KEYS);
    write.put(key, format!("value {n} {:>200}", n)).expect("room");
    write.commit_with(Durability::Eventual).expect("commit");
}

#[test]
fn a_reader_of_long_ago_keeps_its_rows_and_gives_its_space_back() {
    let suite = Suite::begin("commits under one reader");
    let commits = if long::is_asked_for() { 1_000_000 } else { 20_000 };
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new().background(false).log_retention(LogRetention::Recovery);
    let db = options.open(folder.path().join("app.ns")).expect("create");
    for n in 0..KEYS {
        commit(&db, n);
    }
    let reader = db.begin_read().expect("a snapshot");
    let mut rows = Rows::new();
    for row in reader.iter().expect("rows") {
        let (key, value) = row.expect("a row");
        rows.insert(key.to_vec(), value.to_vec());
    }
    let churn = |from: u64, count: u64| {
        for n in from..from + count {
            commit(&db, n);
            if n % 2_500 == 0 {
                db.checkpoint().expect("checkpoint");
            }
        }
        db.checkpoint().expect("checkpoint");
    };
    churn(KEYS, commits);
    let stats = db.stats();
    let oldest = stats.oldest_reader.expect("it is there");
    assert_eq!(oldest.txn_id, KEYS, "stats names the oldest snapshot");
    assert!(oldest.pages_kept > 0, "and says how many pages it holds");
    same_rows(&reader, &rows).expect("nothing has changed for it");
    let pages = stats.page_count;
    // What it holds is its own tree, however many commits there were.
    assert!(pages < 4_000, "{pages} pages for {KEYS} rows and one reader");
    let held = stats.retired_pages;
    drop(reader);
    db.checkpoint().expect("checkpoint");
    commit(&db, 0);
    db.checkpoint().expect("checkpoint");
    let after = db.stats();
    assert!(after.retired_pages < held, "{held} retired before, {} after", after.retired_pages);
    let before = after.pages_allocated;
    churn(0, 3_000);
    let grown = db.stats().page_count;
    assert!(grown <= pages, "{pages} pages, then {grown}: freed ones are used again");
    assert!(db.stats().pages_allocated > before, "pages were needed");
    assert!(db.verify().expect("verify").is_clean());
    suite.cases(commits);
}
