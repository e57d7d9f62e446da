//! The interval rule as data, and the bookkeeping against it by brute force.

use super::*;
use proptest::prelude::*;

fn ids(ids: &[u64]) -> Vec<TxnId> {
    ids.iter().copied().map(TxnId::new).collect()
}

fn run(page: u64, birth: u64, retired: u64) -> Run {
    Run {
        page: PageId::new(page),
        count: 1,
        birth: TxnId::new(birth),
        retired: TxnId::new(retired),
    }
}

fn reclaim(
    retired: &mut RetiredPages,
    visible: TxnId,
    kept: &KeptRoots,
    pins: &[TxnId],
    gone: &[TxnId],
) -> Reclaimed {
    let mut reclaimed = Reclaimed::default();
    retired.reclaim(visible, kept, pins, gone, &mut reclaimed);
    reclaimed
}

#[test]
fn a_page_is_blocked_by_a_live_root_from_its_birth_to_before_its_retirement() {
    type Case = (&'static str, &'static [u64], u64, u64, Option<u64>);
    let cases: &[Case] = &[
        ("nobody lives", &[], 1, 9, None),
        ("a root before its birth", &[4], 5, 9, None),
        ("the root of its birth", &[5], 5, 9, Some(5)),
        ("the last root that has it", &[8], 5, 9, Some(8)),
        ("the root that retired it", &[9], 5, 9, None),
        ("roots on both sides", &[4, 9, 12], 5, 9, None),
        ("the newest of several", &[3, 5, 7, 8, 9], 5, 9, Some(8)),
        ("born and retired by one", &[5], 5, 5, None),
    ];
    for &(name, live, birth, retired, expected) in cases {
        let (birth, retired) = (TxnId::new(birth), TxnId::new(retired));
        let expected = expected.map(TxnId::new);
        let needs = |state: &TxnId| birth <= *state;
        assert_eq!(newest_before(&ids(live), retired).filter(needs), expected, "{name}");
        let mut kept = KeptRoots::default();
        kept.replace(Keeper::History, ids(live));
        assert_eq!(kept.newest_before(retired).filter(needs), expected, "{name}: kept");
    }
}

#[test]
fn one_old_reader_pins_only_what_it_can_see() {
    let kept = KeptRoots::default();
    let mut retired = RetiredPages::default();
    retired.retire([run(10, 3, 6), run(11, 5, 6), run(12, 6, 7)]);
    let free = reclaim(&mut retired, TxnId::new(7), &kept, &ids(&[4]), &[]).free;
    assert_eq!(free, [run(11, 5, 6), run(12, 6, 7)], "born after the reader's state");
    assert_eq!((retired.page_count(), retired.kept_by_reader(TxnId::new(4))), (1, 1));
    assert_eq!(reclaim(&mut retired, TxnId::new(7), &kept, &ids(&[4]), &[]).free, []);
    assert_eq!(reclaim(&mut retired, TxnId::new(7), &kept, &[], &[]).free, [run(10, 3, 6)]);
    assert_eq!(retired.page_count(), 0);
}

#[test]
fn what_a_kept_root_alone_needs_is_cold() {
    let mut kept = KeptRoots::default();
    kept.replace(Keeper::Meta(1), ids(&[4]));
    let mut retired = RetiredPages::default();
    retired.retire([run(10, 3, 6), run(11, 5, 6)]);
    let found = reclaim(&mut retired, TxnId::new(7), &kept, &ids(&[5]), &[]);
    assert_eq!(found, Reclaimed { free: vec![], cold: vec![] }, "state 5 is open and has both");
    retired.retire([run(12, 3, 8), run(13, 6, 8)]);
    let found = reclaim(&mut retired, TxnId::new(8), &kept, &ids(&[2]), &[]);
    assert_eq!(
        found,
        Reclaimed { free: vec![run(11, 5, 6), run(13, 6, 8)], cold: vec![run(12, 3, 8)] }
    );
}

#[test]
fn a_state_that_is_not_visible_yet_frees_nothing() {
    let kept = KeptRoots::default();
    let mut retired = RetiredPages::default();
    retired.retire([run(10, 1, 5), run(11, 1, 6)]);
    assert_eq!(reclaim(&mut retired, TxnId::new(4), &kept, &[], &[]).free, []);
    assert_eq!(reclaim(&mut retired, TxnId::new(5), &kept, &[], &[]).free, [run(10, 1, 5)]);
    assert_eq!(retired.rows(TxnId::new(5)), [], "what 6 retired is not retired in state 5");
    assert_eq!(retired.rows(TxnId::new(6)), [run(11, 1, 6)]);
}

#[test]
fn a_root_kept_twice_is_gone_when_both_let_go() {
    let mut kept = KeptRoots::default();
    kept.replace(Keeper::Meta(1), ids(&[3, 5]));
    kept.replace(Keeper::History, ids(&[5]));
    assert_eq!(kept.release(Keeper::Meta(1)), ids(&[3]));
    assert_eq!(kept.replace(Keeper::History, []), ids(&[5]));
}

proptest! {
    /// Any order of retirement, readers and kept roots: what is freed is exactly what the rule
    /// allows at that moment, and nothing is forgotten.
    #[test]
    fn frees_exactly_what_the_rule_allows(
        steps in prop::collection::vec(
            (prop::collection::vec(0_u64..12, 0..4),
             prop::collection::btree_set(0_u64..24, 0..4),
             prop::collection::btree_set(0_u64..24, 0..4),
             0_u64..3),
            1..24),
    ) {
        let mut retired = RetiredPages::default();
        let mut kept = KeptRoots::default();
        let mut model: Vec<Run> = Vec::new();
        let (mut now, mut page, mut visible) = (1_u64, 100_u64, 0_u64);
        for (births, pins, history, lag) in steps {
            let fresh: Vec<Run> = births.iter().map(|&back| {
                page += 1;
                run(page, now.saturating_sub(back + 1), now)
            }).collect();
            retired.retire(fresh.clone());
            model.extend(fresh);
            visible = visible.max(now.saturating_sub(lag));
            // Readers and history are of states that are visible.
            let below = |set: &BTreeSet<u64>| -> Vec<TxnId> {
                set.iter().filter(|&&id| id <= visible).copied().map(TxnId::new).collect()
            };
            let (pins, history) = (below(&pins), below(&history));
            let gone = kept.replace(Keeper::History, history.clone());
            let mut free = reclaim(&mut retired, TxnId::new(visible), &kept, &pins, &gone).free;
            free.sort_unstable();
            let mut live: Vec<TxnId> = pins.iter().chain(&history).copied().collect();
            live.extend((visible..=now).map(TxnId::new));
            let (rest, mut expected): (Vec<Run>, Vec<Run>) = model
                .into_iter()
                .partition(|run| live.iter().any(|&t| run.birth <= t && t < run.retired));
            expected.sort_unstable();
            prop_assert_eq!(free, expected);
            model = rest;
            prop_assert_eq!(retired.page_count(), model.len() as u64);
            now += 1;
        }
    }
}
