//! What several threads do to one file: its length, and its pages on their way.

use super::*;
use crate::disk::entropy::SeededEntropy;
use crate::disk::memory::MemoryStorage;
use crate::disk::{File, LockRange, OpenMode, Storage, SyncKind};
use crate::format::page::PageType;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

type Act = Box<dyn FnOnce() + Send>;

/// A file in which something happens behind a look at its length, or in a write, which fails then.
struct Meddled {
    file: Arc<dyn File>,
    behind_len: Mutex<Option<Act>>,
    in_write: Mutex<Option<Act>>,
}

impl std::fmt::Debug for Meddled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl File for Meddled {
    fn path(&self) -> &Path {
        self.file.path()
    }
    fn len(&self) -> Result<u64> {
        let bytes = self.file.len()?;
        let act = self.behind_len.lock().unwrap().take();
        act.into_iter().for_each(|act| act());
        Ok(bytes)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let act = self.in_write.lock().unwrap().take();
        let Some(act) = act else { return self.file.write_at(bytes, offset) };
        act();
        Err(Error::OutOfSpace)
    }
    fn set_len(&self, bytes: u64) -> Result<()> {
        self.file.set_len(bytes)
    }
    fn sync(&self, kind: SyncKind) -> Result<()> {
        self.file.sync(kind)
    }
    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        self.file.try_lock(range, exclusive)
    }
    fn unlock(&self, range: LockRange) -> Result<()> {
        self.file.unlock(range)
    }
    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        self.file.foreign_readers()
    }
    fn identity(&self) -> Result<(u64, u64)> {
        self.file.identity()
    }
    fn still_named(&self) -> Result<bool> {
        self.file.still_named()
    }
}

/// A pager with nothing in it, and its file.
fn meddled() -> (Arc<Pager>, Arc<Meddled>) {
    let storage = MemoryStorage::new();
    let file = storage.open(Path::new("t.ns"), OpenMode::CreateNew).unwrap();
    file.set_len(2 * PAGE_BYTES as u64).unwrap();
    let (behind_len, in_write) = Default::default();
    let meddled = Arc::new(Meddled { file, behind_len, in_write });
    let pager = Pager::new(Config {
        file: Arc::clone(&meddled) as Arc<dyn File>,
        uuid: FileUuid([3; 16]),
        cache_bytes: CACHE_BYTES_MIN,
        page_count: 2,
        entropy: Arc::new(SeededEntropy::new(7)),
        cells_max: None,
    });
    pager.install_free_space(FreeSpace::empty(2));
    (pager, meddled)
}

/// A checkpoint that listed the unwritten pages while a large transaction was writing some of them left those
/// out; when that write failed, its meta named pages that were never written.
#[test]
fn pages_on_their_way_are_listed_for_a_checkpoint_too() {
    let (pager, meddled) = meddled();
    let mut edit = pager.edit(TxnId::new(1));
    for _ in 0..10 {
        edit.alloc(PageType::Overflow, 0).unwrap();
    }
    edit.finish();
    let (tell, told) = mpsc::channel();
    let beside = Arc::clone(&pager);
    *meddled.in_write.lock().unwrap() = Some(Box::new(move || {
        tell.send(beside.begin_write_back(TxnId::new(1))).unwrap();
    }));
    let mut spill = pager.begin_write_back(TxnId::new(u64::MAX));
    assert!(pager.write_back_step(&mut spill, write_back::BATCH_PAGES).is_err(), "a full disk");
    let mut checkpoint = told.recv().unwrap();
    assert_eq!(checkpoint.remaining(), 10);
    assert!(pager.write_back_step(&mut checkpoint, write_back::BATCH_PAGES).unwrap().done);
    assert_eq!(pager.dirty_bytes(), 0, "all of them are on the disk");
}

/// A checkpoint that made the file longer while a large transaction spilled behind that cut the
/// spilled pages off again: the transaction's tree was committed with holes.
#[test]
fn a_checkpoint_reserves_pages_while_a_large_transaction_spills() {
    let (pager, meddled) = meddled();
    let mut edit = pager.edit(TxnId::new(1));
    while pager.pool.unclean() < pager.unclean_max {
        edit.alloc(PageType::Overflow, 0).unwrap();
    }
    let (pages, (done, is_done)) = (pager.page_count(), mpsc::channel());
    let spill = move || {
        let spilled = edit.make_room();
        done.send(()).ok();
        spilled
    };
    let (started, thread) = mpsc::channel();
    *meddled.behind_len.lock().unwrap() = Some(Box::new(move || {
        started.send(std::thread::spawn(spill)).unwrap();
        // It waits for the length to be settled, or it comes in between now.
        is_done.recv_timeout(Duration::from_millis(300)).ok();
    }));
    pager.reserve(10).unwrap();
    assert!(thread.recv().unwrap().join().unwrap().unwrap(), "pages were spilled");
    assert_eq!(meddled.len().unwrap(), pages * PAGE_BYTES as u64, "and all of them are there");
}
