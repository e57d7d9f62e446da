//! A rotation, and a background thread that comes in between.

use super::*;
use crate::ids::TxnId;
use crate::log::testing::*;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

type Act = Box<dyn FnOnce() + Send>;

/// A storage in which something happens before `.log.next` gets its name.
struct Meddled {
    storage: Arc<dyn Storage>,
    before_naming: Mutex<Option<Act>>,
}

impl std::fmt::Debug for Meddled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.storage.fmt(f)
    }
}

impl Storage for Meddled {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        self.storage.open(path, mode)
    }
    fn exists(&self, path: &Path) -> Result<bool> {
        self.storage.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.storage.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        if from == paths().next() {
            let act = self.before_naming.lock().unwrap().take();
            act.into_iter().for_each(|act| act());
        }
        self.storage.rename_new(from, to)
    }
    fn unlink(&self, path: &Path) -> Result<()> {
        self.storage.unlink(path)
    }
    fn sync_dir(&self, directory: &Path) -> Result<()> {
        self.storage.sync_dir(directory)
    }
    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        self.storage.list(directory, prefix)
    }
    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.storage.canonical(path)
    }
}

/// The background thread saw that a segment would be needed soon; before it came to make one, a commit had made it,
/// and was about to give it its name. The thread took that for a leftover: the log went on in a file without a header.
#[test]
fn a_segment_that_a_rotation_has_taken_is_left_alone() {
    let meddled = Arc::new(Meddled { storage: memory(), before_naming: Mutex::default() });
    let storage: Arc<dyn Storage> = Arc::clone(&meddled) as _;
    let mut db = LogDb::create(&storage, SMALL).expect("created");
    let (log, (done, is_done)) = (Arc::clone(&db.log), mpsc::channel());
    let late = move || {
        let made = log.make_next(8192);
        done.send(()).ok();
        made
    };
    let (started, thread) = mpsc::channel();
    *meddled.before_naming.lock().unwrap() = Some(Box::new(move || {
        started.send(std::thread::spawn(late)).unwrap();
        // It waits until the segment has its name, or it takes it away now.
        is_done.recv_timeout(Duration::from_millis(300)).ok();
    }));
    while db.log.counters().rotations < 2 {
        db.commit().expect("committed");
    }
    assert!(thread.recv().unwrap().join().unwrap().expect("made"), "it made the one after that");
    let (state, txn) = state_of(&discover(&storage).expect("a chain"), None).expect("replayed");
    assert_eq!((state, txn), (db.state, TxnId::new(db.txn)));
}
