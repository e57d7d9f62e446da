//! Comparisons of states that only the log covers, against the rows that these states had.

use super::*;
use crate::model::deed::Rows;
use crate::model::rows::{ListStates, Listed};
use crate::model::testing::{SCRIPTS, past, run};
use northstar_engine::inspect::log::segments;

/// What changed, by comparing the rows.
fn changes(earlier: &Rows, later: &Rows) -> Vec<(Change, Vec<u8>)> {
    let mut all: Vec<(Change, Vec<u8>)> = Vec::new();
    for (key, value) in later {
        match earlier.get(key) {
            None => all.push((Change::Added, key.clone())),
            Some(old) if old != value => all.push((Change::Changed, key.clone())),
            Some(_) => {}
        }
    }
    let gone = earlier.keys().filter(|key| !later.contains_key(*key));
    all.extend(gone.map(|key| (Change::Removed, key.clone())));
    all.sort_by(|one, other| one.1.cmp(&other.1));
    all
}

#[test]
fn replayed_states_compare_as_their_rows_do() {
    let mut replayed = 0;
    for script in SCRIPTS {
        let past = past(script);
        let listed: Listed =
            run(&past.path, ListStates { roots: past.roots.clone() }).expect("states");
        let source = Source::open(&past.path).expect("the file");
        let log = Arc::new(segments(&source).expect("the log"));
        let mut states = States::default();
        past.roots.iter().for_each(|root| states.take_root(*root));
        let all = northstar_engine::inspect::log::records(&source, &log, log.start(), 1000);
        states.take_records(&all.expect("records").records);
        let whole = |state: &&State| state.evidence != Evidence::LogOnly;
        for later in listed.0.iter().filter(whole) {
            let earlier = listed.0.iter().filter(whole).chain([&State::EMPTY]);
            for earlier in earlier.filter(|earlier| earlier.txn < later.txn) {
                let span = Span::between(&states, *earlier, *later);
                if !span.lineage.whole {
                    continue; // No tree below both, and the log does not go back that far.
                }
                let log = Some(Arc::clone(&log));
                let found: Comparison = run(&past.path, Compare { span, log }).expect("compared");
                let name = format!("{script}: {} to {}", earlier.txn, later.txn);
                let expected = changes(&past.rows[&earlier.txn], &past.rows[&later.txn]);
                assert_eq!(found.changes, expected, "{name}");
                assert_eq!(found.holes, [""; 0], "{name}");
                replayed += u32::from(found.evidence == Evidence::Replayed);
            }
        }
    }
    assert!(replayed > 50, "{replayed}");
}
