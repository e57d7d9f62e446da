//! Writing: one writer, its own writes, commits, durability.

use crate::support::{Place, latest, memory, put, rows};
use northstar_engine::{Durability, Error, Options, TxnId};
use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

#[test]
fn a_writer_reads_its_own_writes_and_nobody_else_does() {
    let db = memory();
    put(&db, &[("a", "1"), ("b", "2")]);
    let mut w = db.begin_write().unwrap();
    w.put(b"c", b"3").unwrap();
    assert!(w.del(b"a").unwrap());
    assert!(!w.del(b"a").unwrap());
    assert_eq!(w.get(b"c").unwrap().as_deref(), Some(&b"3"[..]));
    assert!(w.get(b"a").unwrap().is_none());
    assert_eq!(w.len(), 2);
    let keys: Vec<_> = w.iter().unwrap().map(|row| row.unwrap().0.to_vec()).collect();
    assert_eq!(keys, [b"b", b"c"]);
    assert_eq!(w.get_many(&["a", "b"]).unwrap().iter().flatten().count(), 1);
    assert_eq!(w.prefix(b"c").unwrap().count(), 1);
    let mut c = w.cursor().unwrap();
    c.seek(b"b").unwrap();
    assert_eq!(c.next().unwrap(), Some((&b"b"[..], &b"2"[..])));
    drop(c);
    assert_eq!(latest(&db), ["a=1", "b=2"]);
    w.commit().unwrap();
    assert_eq!(latest(&db), ["b=2", "c=3"]);
}

#[test]
fn ids_rise_by_one_and_an_empty_commit_takes_none() {
    let db = memory();
    assert_eq!(put(&db, &[("a", "1")]), 1);
    db.begin_write().unwrap().abort();
    drop(db.begin_write().unwrap());
    assert_eq!(db.begin_write().unwrap().commit().unwrap(), TxnId::new(1), "nothing to commit");
    let mut w = db.begin_write().unwrap();
    assert!(!w.del(b"not there").unwrap());
    assert_eq!(w.del_range(b"x".as_slice()..).unwrap(), 0);
    assert_eq!(w.commit().unwrap(), TxnId::new(1), "nothing was done");
    assert_eq!(put(&db, &[("a", "1")]), 2, "the same value again is a change");
    let mut w = db.begin_write().unwrap();
    assert_eq!(w.txn_id(), TxnId::new(3));
    w.del(b"a").unwrap();
    assert_eq!(w.commit().unwrap(), TxnId::new(3));
}

#[test]
fn aborted_and_dropped_transactions_leave_nothing() {
    let db = memory();
    put(&db, &[("a", "1")]);
    for drop_it in [false, true] {
        let mut w = db.begin_write().unwrap();
        w.put(b"a", b"2").unwrap();
        w.put(b"big", vec![7; 200_000]).unwrap();
        w.del_range::<&[u8], _>(..).unwrap();
        if drop_it {
            drop(w)
        } else {
            w.abort()
        }
        assert_eq!(latest(&db), ["a=1"]);
    }
    assert_eq!(db.stats().aborts, 2);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn del_range_takes_every_kind_of_bound() {
    let all = ["a", "b", "ba", "c", "d"];
    let fresh = || {
        let db = memory();
        put(&db, &all.map(|key| (key, "")));
        db
    };
    let b = |text: &'static str| text.as_bytes();
    let check = |count: u64, left: &str, del: &dyn Fn(&mut northstar_engine::WriteTxn) -> u64| {
        let db = fresh();
        let mut w = db.begin_write().unwrap();
        assert_eq!(del(&mut w), count, "left {left}");
        w.commit().unwrap();
        assert_eq!(latest(&db).join(" ").replace('=', ""), left);
        assert_eq!(db.begin_read().unwrap().len(), 5 - count);
    };
    check(2, "a c d", &|w| w.del_range(b("b")..b("c")).unwrap());
    check(3, "a d", &|w| w.del_range(b("b")..=b("c")).unwrap());
    check(1, "b ba c d", &|w| w.del_range(..b("b")).unwrap());
    check(3, "a b", &|w| w.del_range(b("ba")..).unwrap());
    check(5, "", &|w| w.del_range::<&[u8], _>(..).unwrap());
    check(0, "a b ba c d", &|w| w.del_range(b("x")..b("y")).unwrap());
    check(0, "a b ba c d", &|w| w.del_range(b("b")..b("b")).unwrap());
    let db = fresh();
    let mut w = db.begin_write().unwrap();
    assert!(matches!(w.del_range(b("c")..b("b")), Err(Error::InvalidArgument(_))));
    assert!(matches!(w.range(b("c")..b("b")).err(), Some(Error::InvalidArgument(_))));
    assert_eq!(w.del_range(b("b")..b("c")).unwrap(), 2, "a wrong argument breaks nothing");
}

#[test]
fn retain_keeps_what_it_is_told_to() {
    let db = memory();
    let mut w = db.begin_write().unwrap();
    for n in 0..3000_u32 {
        w.put(n.to_be_bytes(), n.to_le_bytes()).unwrap();
    }
    let even = |_: &[u8], value: &[u8]| value[0].is_multiple_of(2);
    let range = 1000_u32.to_be_bytes()..2000_u32.to_be_bytes();
    assert_eq!(w.retain(range, even).unwrap(), 500);
    assert_eq!(w.len(), 2500);
    assert_eq!(w.retain::<&[u8], _>(.., |_, _| true).unwrap(), 2500);
    assert_eq!(w.retain::<&[u8], _>(.., |_, _| false).unwrap(), 0);
    assert!(w.is_empty());
}

#[test]
fn a_panic_in_a_callback_leaves_the_database_whole() {
    let db = memory();
    put(&db, &[("a", "1"), ("b", "2")]);
    let mut w = db.begin_write().unwrap();
    w.put(b"c", b"3").unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        w.retain::<&[u8], _>(.., |key, _| if key == b"b" { panic!("user code") } else { false })
    }));
    assert!(caught.is_err());
    assert!(matches!(w.put(b"d", b"4"), Err(Error::InvalidArgument(_))), "only to be given up");
    assert!(w.commit().is_err());
    put(&db, &[("e", "5")]);
    assert_eq!(latest(&db), ["a=1", "b=2", "e=5"]);

    let inside = db.clone();
    let caught = std::thread::spawn(move || {
        let mut w = inside.begin_write().unwrap();
        w.put(b"lost", b"").unwrap();
        panic!("user code between two calls");
    });
    assert!(caught.join().is_err());
    put(&db, &[("f", "6")]);
    assert_eq!(latest(&db), ["a=1", "b=2", "e=5", "f=6"]);
    assert!(db.verify().unwrap().is_clean(), "no page was lost");
}

#[test]
fn pop_takes_rows_from_both_ends() {
    let db = memory();
    put(&db, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut w = db.begin_write().unwrap();
    assert_eq!(w.pop_first().unwrap(), Some((b"a".to_vec(), b"1".to_vec())));
    assert_eq!(w.pop_last().unwrap(), Some((b"c".to_vec(), b"3".to_vec())));
    assert_eq!(w.pop_last().unwrap(), Some((b"b".to_vec(), b"2".to_vec())));
    assert_eq!((w.pop_first().unwrap(), w.pop_last().unwrap()), (None, None));
    w.commit().unwrap();
    assert_eq!(db.begin_read().unwrap().len(), 0);
}

#[test]
fn one_writer_at_a_time() {
    let db = memory();
    let w = db.begin_write().unwrap();
    assert!(matches!(db.begin_write(), Err(Error::WriteBusy)));
    let short = db.begin_write_timeout(Duration::from_millis(5));
    assert!(matches!(short, Err(Error::WriteBusy)));
    let waiting = {
        let db = db.clone();
        std::thread::spawn(move || {
            db.begin_write_timeout(Duration::from_secs(60)).map(northstar_engine::WriteTxn::abort)
        })
    };
    std::thread::sleep(Duration::from_millis(20));
    w.abort();
    waiting.join().unwrap().unwrap();
    db.begin_write().unwrap();
}

#[test]
fn a_write_transaction_moves_between_threads() {
    let db = memory();
    let mut w = db.begin_write().unwrap();
    w.put(b"a", b"1").unwrap();
    let thread = std::thread::spawn(move || w.commit());
    assert_eq!(thread.join().unwrap().unwrap(), TxnId::new(1));
    assert_eq!(latest(&db), ["a=1"]);
}

#[test]
fn limits_of_keys_and_values() {
    use northstar_engine::limits::{INLINE_ROW_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
    let db = memory();
    let mut w = db.begin_write().unwrap();
    let too_long = vec![1; KEY_BYTES_MAX + 1];
    assert!(matches!(w.put(&too_long, b""), Err(Error::KeyTooLarge { bytes: 4097 })));
    assert!(matches!(w.del(&too_long), Err(Error::KeyTooLarge { bytes: 4097 })));
    assert!(w.get(&too_long).unwrap().is_none(), "it cannot be there");
    let huge = vec![0; VALUE_BYTES_MAX + 1];
    let refused = w.put(b"k", &huge);
    assert!(matches!(refused, Err(Error::ValueTooLarge { bytes }) if bytes == VALUE_BYTES_MAX + 1));
    drop(huge);
    let value_bytes = [0, 1, INLINE_ROW_BYTES_MAX - 1, INLINE_ROW_BYTES_MAX, 20_000, 1_000_000];
    for key_bytes in [0, 1, 2, KEY_BYTES_MAX - 1, KEY_BYTES_MAX] {
        for bytes in value_bytes.iter().flat_map(|&n| [n, n.saturating_sub(key_bytes)]) {
            let (key, value) = (vec![9; key_bytes], vec![bytes as u8; bytes]);
            w.put(&key, &value).unwrap();
            let found = w.get(&key).unwrap().expect("just put");
            assert!(*found == value[..], "key of {key_bytes}, value of {bytes} bytes");
        }
    }
    assert_eq!(w.len(), 5);
    w.commit().unwrap();
    let r = db.begin_read().unwrap();
    for key_bytes in [0, 1, 2, KEY_BYTES_MAX - 1, KEY_BYTES_MAX] {
        assert!(r.get(vec![9; key_bytes]).unwrap().is_some());
    }
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn more_than_65536_empty_rows() {
    let db = memory();
    let mut w = db.begin_write().unwrap();
    for n in 0..65_537_u32 {
        w.put(n.to_be_bytes(), b"").unwrap();
    }
    w.commit().unwrap();
    let r = db.begin_read().unwrap();
    assert_eq!(r.len(), 65_537);
    assert_eq!(r.iter().unwrap().count(), 65_537);
}

#[test]
fn an_eventual_commit_is_visible_at_once_and_durable_after_sync() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false).durability(Durability::Eventual));
    put(&db, &[("a", "1")]);
    put(&db, &[("b", "2")]);
    assert_eq!(latest(&db), ["a=1", "b=2"]);
    let stats = db.stats();
    assert_eq!((stats.latest_txn, stats.durable_txn), (2, 0));
    assert_eq!(db.commits(..).unwrap().count(), 0, "the stream shows durable commits only");
    let before = db.stats().log_syncs;
    db.sync().unwrap();
    assert_eq!(db.stats().log_syncs, before + 1, "one sync for both");
    assert_eq!(db.stats().durable_txn, 2);
    assert_eq!(db.commits(..).unwrap().count(), 2);
    let mut w = db.begin_write().unwrap();
    w.put(b"c", b"3").unwrap();
    w.commit_with(Durability::Immediate).unwrap();
    assert_eq!(db.stats().durable_txn, 3);
}

#[test]
fn eventual_commits_are_synced_within_a_second_by_themselves() {
    let place = Place::new();
    let db = place.open_with(Options::new().durability(Durability::Eventual));
    put(&db, &[("a", "1")]);
    let start = std::time::Instant::now();
    while db.stats().durable_txn < 1 {
        assert!(start.elapsed() < Duration::from_secs(5), "nobody syncs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_lone_durable_commit_costs_exactly_one_sync() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    put(&db, &[("warm", "up")]);
    let before = db.stats().log_syncs;
    for n in 0..20 {
        put(&db, &[("n", &n.to_string())]);
    }
    assert_eq!(db.stats().log_syncs, before + 20);
    assert_eq!(db.stats().commits, 21);
}

#[test]
fn committing_threads_share_syncs() {
    const THREADS: u64 = 16;
    const COMMITS: u64 = 20;
    let place = Place::new();
    let db = place.open();
    let start = Arc::new(Barrier::new(THREADS as usize));
    let before = db.stats().log_syncs;
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (db, start) = (db.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                for n in 0..COMMITS {
                    let mut w = db.begin_write_timeout(Duration::from_secs(60)).unwrap();
                    w.put(format!("{thread}/{n}"), b"").unwrap();
                    let id = w.commit().unwrap();
                    assert!(db.stats().durable_txn >= id.get(), "acknowledged, so durable");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(db.begin_read().unwrap().len(), THREADS * COMMITS);
    let syncs = db.stats().log_syncs - before;
    assert!(syncs <= THREADS * COMMITS, "{syncs} syncs for {} commits", THREADS * COMMITS);
}

#[test]
fn transactions_larger_than_a_record_and_than_the_cache() {
    let place = Place::new();
    let db = Options::new().cache_bytes(1 << 20).open(place.path()).unwrap();
    let row = |n: u32| (n.wrapping_mul(2_654_435_761).to_be_bytes(), vec![n as u8; 500]);
    let mut w = db.begin_write().unwrap();
    for n in 0..12_000 {
        let (key, value) = row(n);
        w.put(key, value).unwrap();
    }
    w.commit().unwrap();
    assert!(db.stats().cache_spills > 0, "six megabytes do not fit into one");
    let mut w = db.begin_write().unwrap();
    for n in 0..6_000 {
        w.put(row(n).0, b"given up").unwrap();
    }
    w.abort();
    let check = |db: &northstar_engine::Db| {
        let r = db.begin_read().unwrap();
        assert_eq!(r.len(), 12_000);
        for n in (0..12_000).step_by(97) {
            let (key, value) = row(n);
            assert_eq!(r.get(key).unwrap().as_deref(), Some(&value[..]), "row {n}");
        }
    };
    check(&db);
    assert!(db.verify().unwrap().is_clean());
    db.close().unwrap();
    let db = place.open();
    check(&db);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn dropping_the_last_handle_closes_and_commits_nothing() {
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    let reader = db.begin_read().unwrap();
    let mut w = db.begin_write().unwrap();
    w.put(b"b", b"2").unwrap();
    drop(db);
    assert!(matches!(Options::new().open(place.path()), Err(Error::Locked { .. })), "still open");
    assert_eq!(rows(&reader), ["a=1"], "a transaction needs no handle");
    drop(w);
    drop(reader);
    let db = place.open();
    assert_eq!(latest(&db), ["a=1"]);
    assert_eq!(db.stats().checkpoint_txn, 1, "it was checkpointed on the way out");
}
