//! The file's length, which several threads change.

use super::*;
use crate::disk::entropy::SeededEntropy;
use crate::disk::memory::MemoryStorage;
use crate::disk::{File, LockRange, OpenMode, Storage, SyncKind};
use crate::format::page::PageType;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

type Act = Box<dyn FnOnce() + Send>;

/// A file in which something happens behind a look at its length.
struct Meddled {
    file: Arc<dyn File>,
    behind_len: Mutex<Option<Act>>,
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
        self.file.write_at(bytes, offset)
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

/// A checkpoint that made the file longer while a large transaction spilled behind that cut the
/// spilled pages off again: the transaction's tree was committed with holes.
#[test]
fn a_checkpoint_reserves_pages_while_a_large_transaction_spills() {
    let storage = MemoryStorage::new();
    let file = storage.open(Path::new("t.ns"), OpenMode::CreateNew).unwrap();
    file.set_len(2 * PAGE_BYTES as u64).unwrap();
    let meddled = Arc::new(Meddled { file, behind_len: Mutex::default() });
    let pager = Pager::new(Config {
        file: Arc::clone(&meddled) as Arc<dyn File>,
        uuid: FileUuid([3; 16]),
        cache_bytes: CACHE_BYTES_MIN,
        page_count: 2,
        entropy: Arc::new(SeededEntropy::new(7)),
        cells_max: None,
    });
    pager.install_free_space(FreeSpace::empty(2));
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
