//! What tests of several parts of the model share: jobs run to their end, databases with a known past.

use crate::job::{Job, JobEvent, perform};
use crate::model::deed::{Done, Hand, Rows, Script};
use northstar_engine::inspect::tree::Root;
use northstar_engine::inspect::{Source, metas};
use northstar_engine::{History, Options, TxnId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Histories with rows put, changed, deleted and cleared, before and after checkpoints.
pub(super) const SCRIPTS: [&str; 4] = [
    "put b, put a, del b, put c, clear a, put b",
    "fill k 900, fill m 40, checkpoint, put k0005x, del k0007, clear k01, put k0150, clear k, \
     put m00, put z, clear m, fill k 30, clear k00, put k0001, del k0002, put a",
    "fill k 30, checkpoint, clear k, checkpoint, put b, clear b, put b",
    "put a, checkpoint, fill q 400, clear q, fill q 20, checkpoint, clear q00, del q010, put q0101",
];

/// Runs a job on the file at `path` to its end.
pub(super) fn run<T: 'static>(path: &Path, job: impl Job + 'static) -> Result<T, String> {
    let stop = AtomicBool::new(false);
    match perform(Box::new(job), path, &stop, &mut |_| {}) {
        JobEvent::Done(data) => Ok(*data.downcast().expect("the job's own answer")),
        JobEvent::Failed(why) => Err(why),
        other => panic!("no end: {other:?}"),
    }
}

/// A database with a past.
pub(super) struct Past {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// The rows that each of its states had.
    pub(super) rows: BTreeMap<TxnId, Rows>,
    /// The trees that its metas name.
    pub(super) roots: Vec<Root>,
    _folder: tempfile::TempDir,
}

/// Does `script`, noting the rows of every state.
pub(super) fn past(script: &str) -> Past {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("past.ns");
    let options = Options::new().background(false).history(History::Last(50));
    let mut hand = Hand::new(options.open(&path).expect("a database"));
    let script: Script = script.parse().expect("a script");
    let mut rows = BTreeMap::from([(TxnId::GENESIS, Rows::new())]);
    for deed in script.deeds() {
        if let Done::Committed(txn, _) = hand.perform(deed).expect("the engine does it") {
            rows.insert(txn, hand.rows().clone());
        }
    }
    drop(hand);
    let source = Source::open(&path).expect("the file");
    let metas = metas(&source);
    let roots = metas.slots.iter().filter_map(|slot| slot.root).collect();
    Past { path, rows, roots, _folder: folder }
}
