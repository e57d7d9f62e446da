//! The chain of states alone: what may be published when, and what that lets go of.

use super::*;
use crate::txn::history::History;

fn id(id: u64) -> TxnId {
    TxnId::new(id)
}

fn commit(txn: u64, durability: Durability) -> Chained {
    let lsn = Lsn::new(txn * 100);
    Chained {
        snapshot: Snapshot { txn_id: id(txn), lsn, ..Snapshot::default() },
        position: Position { lsn, generation: 1, crc: 1, txn_id: id(txn) },
        durability,
    }
}

fn pipeline(keep: History) -> Pipeline {
    let start = commit(0, Durability::Immediate);
    Pipeline::new(start.snapshot, start.position, HistoryRows::new(keep, []).0)
}

fn progress(written: u64, durable: u64) -> Progress {
    Progress { written: Lsn::new(written), durable: Lsn::new(durable) }
}

#[test]
fn roots_are_published_in_order_and_not_before_their_time() {
    use Durability::{Eventual, Immediate};
    // What was chained; how far the log is (written, durable); what is visible then.
    type Case<'a> = (&'a str, &'a [Durability], (u64, u64), u64);
    let cases: &[Case<'_>] = &[
        ("nothing written", &[Immediate], (0, 0), 0),
        ("written only", &[Immediate], (100, 0), 0),
        ("durable", &[Immediate], (100, 100), 1),
        ("eventual needs no sync", &[Eventual], (100, 0), 1),
        ("half a record", &[Eventual], (99, 0), 0),
        ("eventual behind an unsynced immediate", &[Immediate, Eventual], (200, 0), 0),
        ("and once that is synced", &[Immediate, Eventual], (200, 100), 2),
        ("immediate behind eventuals", &[Eventual, Eventual, Immediate], (300, 0), 2),
        ("all", &[Eventual, Immediate, Eventual, Immediate], (400, 400), 4),
        ("as far as it goes", &[Immediate, Immediate, Immediate], (300, 200), 2),
    ];
    for &(name, chained, (written, durable), visible) in cases {
        let mut pipeline = pipeline(History::Last(0));
        for (index, &durability) in chained.iter().enumerate() {
            pipeline.chain(commit(index as u64 + 1, durability), Vec::new());
        }
        let shown = pipeline.publish(progress(written, durable), Duration::ZERO);
        assert_eq!(pipeline.visible().txn_id, id(visible), "{name}");
        assert_eq!(shown.is_some(), visible > 0, "{name}: told");
        assert_eq!(pipeline.durable(), id(durable / 100), "{name}: durable");
        assert_eq!(pipeline.unpublished(), chained.len() - visible as usize, "{name}: left");
    }
}

#[test]
fn what_an_eventual_commit_waits_for_is_the_last_immediate_one_before_it() {
    let mut pipeline = pipeline(History::Last(0));
    for (txn, durability) in [
        (1, Durability::Immediate),
        (2, Durability::Immediate),
        (3, Durability::Eventual),
        (4, Durability::Immediate),
    ] {
        pipeline.chain(commit(txn, durability), Vec::new());
    }
    assert_eq!(pipeline.obstacle(id(3)), Some(Lsn::new(200)));
    pipeline.publish(progress(400, 200), Duration::ZERO);
    assert_eq!(pipeline.obstacle(id(3)), None, "it is visible");
}

#[test]
fn history_keeps_its_roots_live_and_lets_go_of_the_oldest() {
    let mut pipeline = pipeline(History::Last(2));
    for txn in 1..=4 {
        pipeline.chain(commit(txn, Durability::Immediate), Vec::new());
        pipeline.publish(progress(txn * 100, txn * 100), Duration::from_millis(txn));
    }
    let live = |state| pipeline.kept.is_kept(id(state));
    assert_eq!([0, 1, 2, 3, 4].map(live), [false, false, true, true, false]);
    assert_eq!(pipeline.gone, [id(0), id(1)]);
    assert_eq!(pipeline.find(id(3)).map(|found| found.txn_id), Some(id(3)));
    assert_eq!(pipeline.find(id(1)), None);
    let now = Duration::from_millis(10);
    assert_eq!(pipeline.age(id(4), now), Duration::ZERO, "the newest is not old");
    assert_eq!(pipeline.age(id(2), now), Duration::from_millis(7), "since 3 came");
}

/// A reader that stayed through many commits was told to be as young as the last few thousand of
/// them: thinning out dropped the oldest entry each time.
#[test]
fn ages_are_thinned_out_and_stay_true() {
    const COMMITS: u64 = 200_000;
    let mut pipeline = pipeline(History::Last(0));
    for txn in 1..=COMMITS {
        pipeline.chain(commit(txn, Durability::Immediate), Vec::new());
        let at = Duration::from_millis(txn);
        pipeline.publish(progress(txn * 100, txn * 100), at);
    }
    assert!(pipeline.ages.len() <= AGES_MAX);
    let now = Duration::from_millis(COMMITS);
    for state in [0, 1, 17, 2_500, 100_000, 180_000, COMMITS - 2, COMMITS - 1] {
        let age = pipeline.age(id(state), now).as_millis() as u64;
        let exact = COMMITS - (state + 1);
        assert!(age >= exact, "state {state}: {age} ms of {exact}");
        assert!(age - exact <= exact / 10 + 1, "state {state}: {age} ms of {exact}");
    }
}
