//! The check against databases that the engine itself makes: nothing to find, whatever was done.

use super::*;
use crate::db::{History, LogRetention, Options};
use crate::disk::clock::ManualClock;
use crate::disk::entropy::SeededEntropy;
use crate::disk::memory::MemoryStorage;
use crate::ids::PageId;
use crate::inspect::find::PageState;
use crate::inspect::no_progress;
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    Put(u16, u16),
    Del(u16),
    DelRange(u16, u16),
    Commit,
    Checkpoint,
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2000_u16, 0..9000_u16).prop_map(|(key, bytes)| Step::Put(key, bytes)),
        2 => (0..2000_u16).prop_map(Step::Del),
        1 => (0..2000_u16, 0..300_u16).prop_map(|(key, rows)| Step::DelRange(key, rows)),
        3 => Just(Step::Commit),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

fn key(number: u16) -> String {
    format!("group/{}/{number:05}", number % 7)
}

fn run(steps: &[Step], history: u64) -> (Arc<MemoryStorage>, crate::db::Db) {
    let storage = Arc::new(MemoryStorage::new());
    let open = || {
        let entropy = Arc::new(SeededEntropy::new(3));
        let options = Options::new().background(false).history(History::Last(history));
        let options = options.log_retention(LogRetention::Recovery);
        let clock = Arc::new(ManualClock::new());
        options.open_on(storage.clone(), entropy, clock, "/check.ns").unwrap()
    };
    let mut db = open();
    let mut writer = None;
    for step in steps {
        if !matches!(step, Step::Put(..) | Step::Del(_) | Step::DelRange(..)) {
            let open: Option<crate::WriteTxn> = writer.take();
            open.map(crate::WriteTxn::commit).transpose().unwrap();
        }
        match step {
            Step::Put(number, bytes) => {
                let writer = writer.get_or_insert_with(|| db.begin_write().unwrap());
                writer.put(key(*number), vec![*number as u8; usize::from(*bytes)]).unwrap();
            }
            Step::Del(number) => {
                let writer = writer.get_or_insert_with(|| db.begin_write().unwrap());
                writer.del(key(*number)).unwrap();
            }
            Step::DelRange(number, rows) => {
                let writer = writer.get_or_insert_with(|| db.begin_write().unwrap());
                writer.del_range(key(*number)..key(number + rows)).unwrap_or(0);
            }
            Step::Commit => {}
            Step::Checkpoint => db.checkpoint().unwrap(),
            Step::Compact => drop(db.compact().unwrap()),
            Step::Reopen => {
                db.close().unwrap();
                db = open();
            }
        }
    }
    drop(writer);
    (storage, db)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_the_engine_writes_is_clean(
        steps in prop::collection::vec(step(), 1..80),
        history in 0..4_u64,
    ) {
        let (storage, db) = run(&steps, history);
        let source = Source::open_on(storage, "/check.ns").unwrap();
        let live = check_source(&source, &mut no_progress());
        prop_assert!(live.is_clean(), "beside the writer: {:#?}", live.problems);
        let rows = db.begin_read().unwrap().len();
        db.close().unwrap();
        let found = check_with_survey(&source, &mut no_progress());
        prop_assert_eq!(&found.report.problems, &vec![], "after a close");
        prop_assert_eq!(found.report.rows, rows);
        // Every page of the file has exactly one reason to be there.
        for id in (0..found.page_count).map(PageId::new) {
            prop_assert!(!matches!(found.state(id), PageState::Bad | PageState::Orphan), "page {id}");
        }
    }
}
