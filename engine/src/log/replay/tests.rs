//! Replay: counts are checked, bases and targets are honoured.

use super::*;
use crate::error::Error;
use crate::log::LogConfig;
use crate::log::testing::{LogDb, ModelOp, SMALL, discover, memory, models, state_of};

#[test]
fn a_range_must_remove_what_it_says() {
    type Case = (&'static str, &'static [u8], Option<&'static [u8]>, u64);
    let cases: &[Case] = &[
        ("all", b"", None, 3),
        ("half open", b"a", Some(b"c"), 2),
        ("from a key on", b"b", None, 2),
        ("nothing there", b"x", None, 0),
        ("end before start", b"c", Some(b"a"), 0),
        ("empty range", b"a", Some(b"a"), 0),
    ];
    for (name, start, end, count) in cases {
        for (claimed, sound) in [(*count, true), (count + 1, false)] {
            let mut state = MemoryState::default();
            for key in [b"a", b"b", b"c"] {
                state.apply(Op::Put { key, value: b"" }, Lsn::default()).expect("a put");
            }
            let op = Op::DelRange { start, end: *end, count: claimed };
            assert_eq!(state.apply(op, Lsn::default()).is_ok(), sound, "{name}, {claimed}");
            assert_eq!(state.rows().len() as u64, 3 - count, "{name}");
        }
    }
}

#[test]
fn replay_honours_its_base_and_its_target() {
    let storage = memory();
    let mut db = LogDb::create(&storage, SMALL).expect("created");
    for _ in 0..20 {
        db.commit().expect("committed");
    }
    let states = models(20);
    let chain = discover(&storage).expect("a chain");
    for base in 0..=20 {
        for to in base..=20 {
            let mut transactions = Transactions::of(chain.clone()).expect("a chain");
            let mut state = states[base as usize].clone();
            let target = Some(TxnId::new(to));
            let reached = replay(&mut transactions, TxnId::new(base), target, &mut state);
            assert_eq!(reached.ok(), target, "{base} to {to}");
            assert_eq!(state.content_hash(), states[to as usize].content_hash(), "{base} to {to}");
        }
    }
    let mut transactions = Transactions::of(chain.clone()).expect("a chain");
    let mut state = MemoryState::default();
    let to = Some(TxnId::new(21));
    let found = replay(&mut transactions, TxnId::GENESIS, to, &mut state);
    assert!(matches!(found, Err(Error::SnapshotNotFound { .. })), "{found:?}");
    // A log that was trimmed names the first id there is.
    db.log.trim(db.log.end_lsn()).expect("trimmed");
    let chain = discover(&storage).expect("a chain");
    assert!(state_of(&chain, None).is_err());
    let mut transactions = Transactions::of(chain).expect("a chain");
    let found = replay(&mut transactions, TxnId::GENESIS, None, &mut MemoryState::default());
    match found {
        Err(Error::SnapshotNotFound { oldest, .. }) => assert!(oldest > TxnId::new(1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_base_is_found_by_the_row_count() {
    let storage = memory();
    let mut db = LogDb::create(&storage, SMALL).expect("created");
    for _ in 0..5 {
        db.commit().expect("committed");
    }
    let chain = discover(&storage).expect("a chain");
    let mut transactions = Transactions::of(chain).expect("a chain");
    let mut state = MemoryState::from_rows(Rows::from([(b"alien".to_vec(), vec![])]));
    let found = replay(&mut transactions, TxnId::GENESIS, None, &mut state);
    assert!(matches!(&found, Err(Error::Corrupt(c)) if c.rule == "LOG-20"), "{found:?}");
}

/// Of the last transaction only the end is left: the log leads to no state, and not to the empty one.
#[test]
fn a_log_that_holds_only_the_end_of_a_transaction_leads_nowhere() {
    let storage = memory();
    let config = LogConfig { payload_bytes_max: 4096, ..SMALL };
    let mut db = LogDb::create(&storage, config).expect("created");
    let long: Vec<ModelOp> = (0..60_u8).map(|i| ModelOp::Put(vec![i], vec![i; 1_000])).collect();
    let appended = db.append(&long).expect("appended");
    db.log.wait_durable(appended.end_lsn).expect("durable");
    db.log.trim(appended.lsn).expect("trimmed");
    let chain = discover(&storage).expect("a chain");
    assert!(chain.start_lsn().expect("a start") > Lsn::default(), "its first records are gone");
    let mut transactions = Transactions::of(chain.clone()).expect("a chain");
    let found = replay(&mut transactions, TxnId::GENESIS, None, &mut MemoryState::default());
    match found {
        Err(Error::SnapshotNotFound { oldest, latest, .. }) => {
            assert_eq!((oldest, latest), (TxnId::new(2), TxnId::new(1)));
        }
        other => panic!("{other:?}"),
    }
    // Who has that state needs nothing of it.
    let mut transactions = Transactions::of(chain).expect("a chain");
    let mut state = db.state.clone();
    assert_eq!(
        replay(&mut transactions, TxnId::new(1), None, &mut state).ok(),
        Some(TxnId::new(1))
    );
}
