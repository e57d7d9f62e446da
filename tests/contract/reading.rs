//! Reading: snapshots, look-ups, ranges, cursors.

use crate::support::{memory, put, rows};
use northstar_engine::{Db, Origin, ReadTxn, TxnId, Value, WriteTxn};
use std::ops::Bound;

const LETTERS: [(&str, &str); 5] = [("a", "1"), ("b", "2"), ("ba", "3"), ("c", "4"), ("d", "5")];

fn letters() -> Db {
    let db = memory();
    put(&db, &LETTERS);
    db
}

fn keys<'a>(
    range: impl Iterator<Item = northstar_engine::Result<(Value<'a>, Value<'a>)>>,
) -> String {
    let keys: Vec<String> =
        range.map(|row| String::from_utf8(row.expect("a row").0.to_vec()).expect("text")).collect();
    keys.join(" ")
}

#[test]
fn a_fresh_database_is_the_empty_genesis_state() {
    let db = memory();
    let r = db.begin_read().unwrap();
    assert_eq!((r.txn_id(), r.len(), r.is_empty()), (TxnId::GENESIS, 0, true));
    assert_eq!(r.origin(), Origin::Exact);
    assert!(r.get(b"").unwrap().is_none());
    assert!(r.iter().unwrap().next().is_none());
    assert!(r.iter().unwrap().next_back().is_none());
    assert!(r.cursor().unwrap().next().unwrap().is_none());
    assert_eq!(db.begin_read_at(TxnId::new(0)).unwrap().len(), 0);
}

#[test]
fn handles_and_transactions_cross_threads() {
    fn send_sync<T: Send + Sync + 'static>() {}
    fn send<T: Send + 'static>() {}
    send_sync::<Db>();
    send_sync::<ReadTxn>();
    send::<WriteTxn>();
    send_sync::<northstar_engine::Error>();
    let db = letters();
    let r = db.begin_read().unwrap();
    let other = r.clone();
    let thread = std::thread::spawn(move || rows(&other));
    assert_eq!(thread.join().unwrap(), rows(&r));
}

#[test]
fn a_snapshot_does_not_move_and_neither_do_its_clones() {
    let db = letters();
    let before = db.begin_read().unwrap();
    let clone = before.clone();
    put(&db, &[("a", "new"), ("z", "9")]);
    let mut w = db.begin_write().unwrap();
    w.del_range::<&[u8], _>(..).unwrap();
    w.commit().unwrap();
    drop(before);
    assert_eq!(rows(&clone), ["a=1", "b=2", "ba=3", "c=4", "d=5"]);
    assert_eq!(clone.len(), 5);
    assert_eq!(db.begin_read().unwrap().len(), 0);
}

#[test]
fn ranges_take_every_kind_of_bound_from_both_ends() {
    let db = letters();
    let r = db.begin_read().unwrap();
    let b = |text: &'static str| text.as_bytes();
    assert_eq!(keys(r.range(b("b")..b("c")).unwrap()), "b ba");
    assert_eq!(keys(r.range(b("b")..=b("c")).unwrap()), "b ba c");
    assert_eq!(keys(r.range(..b("b")).unwrap()), "a");
    assert_eq!(keys(r.range(b("bb")..).unwrap()), "c d");
    assert_eq!(keys(r.range::<&[u8], _>(..).unwrap()), "a b ba c d");
    assert_eq!(keys(r.range(b("x")..).unwrap()), "");
    assert_eq!(keys(r.range(b("b")..b("b")).unwrap()), "");
    let excluded = (Bound::Excluded("b"), Bound::<&str>::Unbounded);
    assert_eq!(keys(r.range::<&str, _>(excluded).unwrap()), "ba c d");
    assert_eq!(keys(r.range(b("b")..b("d")).unwrap().rev()), "c ba b");
    let text = String::from("b")..String::from("c");
    assert_eq!(keys(r.range(text).unwrap()), "b ba", "any bounds that are bytes");

    let mut both = r.iter().unwrap();
    let mut met = String::new();
    for turn in 0.. {
        let row = if turn % 2 == 0 { both.next() } else { both.next_back() };
        let Some(row) = row else { break };
        met.push_str(std::str::from_utf8(&row.unwrap().0).unwrap());
        met.push(' ');
    }
    assert_eq!(met, "a d b c ba ", "both ends meet in the middle");
    assert!(both.next().is_none() && both.next_back().is_none());
}

#[test]
fn prefixes_of_every_kind() {
    let db = memory();
    let mut w = db.begin_write().unwrap();
    for key in
        [&b"a"[..], b"user", b"user/", b"user/1", b"user0", b"\xff", b"\xff\xff", b"\xff\xff1"]
    {
        w.put(key, b"").unwrap();
    }
    w.commit().unwrap();
    let r = db.begin_read().unwrap();
    let count = |prefix: &[u8]| r.prefix(prefix).unwrap().count();
    assert_eq!(count(b"user/"), 2);
    assert_eq!(count(b"user"), 4);
    assert_eq!(count(b""), 8);
    assert_eq!(count(b"\xff"), 3, "there is no key behind all of these");
    assert_eq!(count(b"\xff\xff"), 2);
    assert_eq!(count(b"nobody"), 0);
    assert_eq!(r.prefix(b"user/").unwrap().rev().count(), 2);
}

#[test]
fn get_many_answers_in_order_with_gaps_and_repeats() {
    let db = letters();
    let r = db.begin_read().unwrap();
    let found = r.get_many(&["c", "nope", "a", "c"]).unwrap();
    let found: Vec<_> = found.iter().map(|value| value.as_deref()).collect();
    assert_eq!(found, [Some(&b"4"[..]), None, Some(b"1"), Some(b"4")]);
    assert!(r.get_many::<&[u8]>(&[]).unwrap().is_empty());
}

#[test]
fn a_cursor_seeks_and_walks_both_ways() {
    let db = letters();
    let r = db.begin_read().unwrap();
    let mut c = r.cursor().unwrap();
    let key =
        |row: Option<(&[u8], &[u8])>| row.map(|(key, _)| String::from_utf8_lossy(key).into_owned());
    c.seek(b"b").unwrap();
    assert_eq!(key(c.next().unwrap()).as_deref(), Some("b"));
    assert_eq!(key(c.next().unwrap()).as_deref(), Some("ba"));
    assert_eq!(key(c.prev().unwrap()).as_deref(), Some("ba"), "back over what was stepped over");
    assert_eq!(key(c.prev().unwrap()).as_deref(), Some("b"));
    c.seek(b"bb").unwrap();
    assert_eq!(key(c.prev().unwrap()).as_deref(), Some("ba"));
    c.seek(b"zzz").unwrap();
    assert!(c.next().unwrap().is_none());
    assert_eq!(key(c.prev().unwrap()).as_deref(), Some("d"));
    c.seek(b"").unwrap();
    assert!(c.prev().unwrap().is_none());
    assert_eq!(key(c.next().unwrap()).as_deref(), Some("a"));
    c.seek_end().unwrap();
    assert!(c.next().unwrap().is_none());
    assert_eq!(key(c.prev().unwrap()).as_deref(), Some("d"));
}

#[test]
fn len_counts_without_looking() {
    let db = memory();
    let mut w = db.begin_write().unwrap();
    for n in 0..5000_u32 {
        w.put(n.to_be_bytes(), b"value").unwrap();
    }
    assert_eq!(w.len(), 5000);
    w.commit().unwrap();
    let r = db.begin_read().unwrap();
    let before = db.stats();
    assert_eq!(r.len(), 5000);
    let after = db.stats();
    assert_eq!(
        (before.cache_hits, before.cache_misses),
        (after.cache_hits, after.cache_misses),
        "len reads no page"
    );
}

#[test]
fn many_readers_at_once_each_see_their_own_state() {
    let db = memory();
    let mut readers = Vec::new();
    for n in 0..300_u64 {
        put(&db, &[("n", &n.to_string())]);
        readers.push((n, db.begin_read().unwrap()));
    }
    for (n, reader) in &readers {
        let value = reader.get(b"n").unwrap().expect("put in every state");
        assert_eq!(&*value, n.to_string().as_bytes());
    }
    assert_eq!(db.stats().readers, 300);
    assert_eq!(db.stats().oldest_reader.expect("300 of them").txn_id, 1);
}

#[test]
fn readers_never_see_half_a_commit_and_never_go_back() {
    let db = memory();
    put(&db, &[("a", "0"), ("b", "0")]);
    let writer = {
        let db = db.clone();
        std::thread::spawn(move || {
            for n in 1..400_u32 {
                let n = n.to_string();
                put(&db, &[("a", &n), ("b", &n)]);
            }
        })
    };
    let mut last = 0;
    while !writer.is_finished() {
        let r = db.begin_read().unwrap();
        let number = |key: &str| -> u32 {
            let value = r.get(key).unwrap().expect("always there");
            std::str::from_utf8(&value).unwrap().parse().unwrap()
        };
        assert_eq!(number("a"), number("b"));
        assert!(number("a") >= last);
        last = number("a");
    }
    writer.join().unwrap();
}
