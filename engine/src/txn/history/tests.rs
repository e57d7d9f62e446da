//! Which states a history keeps, as data.

use super::*;

fn state(id: u64, aliases: u32) -> Snapshot {
    Snapshot { txn_id: TxnId::new(id), alias_count: aliases, ..Snapshot::default() }
}

fn ids(history: &HistoryRows) -> Vec<u64> {
    history.rows().map(|row| row.txn_id.get()).collect()
}

#[test]
fn keeps_the_last_n_besides_the_current_state() {
    let cases: &[(&str, History, &[u64], &[u64])] = &[
        ("none", History::Last(0), &[], &[]),
        ("one", History::Last(1), &[4], &[0, 1, 2, 3]),
        ("three", History::Last(3), &[2, 3, 4], &[0, 1]),
        ("more than there are", History::Last(99), &[0, 1, 2, 3, 4], &[]),
        ("all", History::All, &[0, 1, 2, 3, 4], &[]),
    ];
    for &(name, keep, kept, gone) in cases {
        let (mut history, _) = HistoryRows::new(keep, []);
        let mut dropped = Vec::new();
        for id in 0..5 {
            dropped.extend(history.advance(state(id, 0), &state(id + 1, 0)));
        }
        assert_eq!(ids(&history), kept, "{name}");
        let gone: Vec<_> = if keep == History::Last(0) { vec![] } else { gone.to_vec() };
        assert_eq!(dropped.into_iter().map(TxnId::get).collect::<Vec<_>>(), gone, "{name}: let go");
    }
}

#[test]
fn a_relocation_takes_its_predecessors_place() {
    let (mut history, _) = HistoryRows::new(History::Last(2), []);
    history.advance(state(0, 0), &state(1, 0));
    history.advance(state(1, 0), &state(2, 1)); // 2 relocates 1
    history.advance(state(2, 1), &state(3, 2)); // and 3 again
    history.advance(state(3, 2), &state(4, 0));
    assert_eq!(ids(&history), [0, 3], "relocations do not count");
    for id in 1..=3 {
        assert_eq!(history.find(TxnId::new(id)), Some(&state(3, 2)), "{id} opens the same content");
    }
    assert_eq!(history.find(TxnId::new(4)), None, "the visible state is not history");
    assert_eq!(history.at_or_before(TxnId::new(9)), Some(&state(3, 2)));
    assert_eq!(history.at_or_before(TxnId::new(0)), Some(&state(0, 0)));
}

#[test]
fn a_smaller_window_lets_go_of_the_oldest_at_once() {
    let (history, dropped) = HistoryRows::new(History::Last(1), (3..6).map(|id| state(id, 0)));
    assert_eq!(ids(&history), [5]);
    assert_eq!(dropped, [TxnId::new(3), TxnId::new(4)]);
}
