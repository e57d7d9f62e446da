//! The simulated disk itself: what is visible now, and the journal of how it came about.
//!
//! Deterministic: same calls, same journal. Every call that changes something, or that makes
//! something durable, is appended to the journal with its bytes; durability is worked out from the
//! journal afterwards ([`super::trace`]).

use super::{
    image::{Content, FileId, SimImage},
    trace::{Action, Persisted, SimOp, Start, SyncOutcome, Trace},
};
use crate::{
    disk::{
        File, LockRange, OpenMode, Storage, SyncKind,
        memory::{LockTable, names_in, plain, refused},
    },
    error::{Error, Result},
};
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A simulated disk. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    shared: Arc<Mutex<World>>,
}

#[derive(Debug)]
struct World {
    sector_bytes: usize,
    start: Arc<Start>,
    names: BTreeMap<PathBuf, FileId>,
    files: BTreeMap<FileId, Content>,
    locks: BTreeMap<FileId, LockTable>,
    ops: Vec<SimOp>,
    next_file: u64,
    next_owner: u64,
    capacity: Option<u64>,
    powered: bool,
    /// Syncs still to come before the planned one fails.
    failing_sync: Option<(u64, Persisted)>,
    syncs: u64,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimImage {
    /// A disk that starts with this image, all of it durable: the machine after the restart.
    pub fn to_disk(&self) -> SimDisk {
        SimDisk::from_image(self)
    }
}

impl SimDisk {
    /// An empty disk with sectors of 512 bytes.
    pub fn new() -> Self {
        Self::from_image(&SimImage::new())
    }

    /// A disk that holds `image`, all of it durable.
    pub fn from_image(image: &SimImage) -> Self {
        let mut start = Start::default();
        for (index, (path, content)) in image.files.iter().enumerate() {
            let id = FileId(index as u64);
            start.names.insert(path.clone(), id);
            start.files.insert(id, content.clone());
        }
        let world = World {
            sector_bytes: 512,
            names: start.names.clone(),
            files: start.files.clone(),
            next_file: start.names.len() as u64,
            start: Arc::new(start),
            locks: BTreeMap::new(),
            ops: Vec::new(),
            next_owner: 0,
            capacity: None,
            powered: true,
            failing_sync: None,
            syncs: 0,
        };
        Self { shared: Arc::new(Mutex::new(world)) }
    }

    /// The same disk with sectors of `bytes`, the unit in which writes tear: 512 or 4096.
    ///
    /// # Panics
    /// When `bytes` is not a power of two from 512 on, or something was written already.
    #[must_use]
    pub fn with_sector_bytes(self, bytes: usize) -> Self {
        assert!(bytes >= 512 && bytes.is_power_of_two(), "sectors of {bytes} bytes");
        let mut world = self.world();
        assert!(world.ops.is_empty(), "sector size set after the first operation");
        world.sector_bytes = bytes;
        drop(world);
        self
    }

    /// Bytes this disk can store; a write past that is `OutOfSpace`. `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Bytes stored in files that have a name.
    pub fn used_bytes(&self) -> u64 {
        self.world().used_bytes()
    }

    /// The `nth` sync from now (0: the next one; files and directories count) fails once with EIO.
    ///
    /// As on Linux, what it did not persist is taken for clean afterwards: later syncs return `Ok`
    /// and leave it out, while reads still show it. Names stay pending.
    pub fn fail_sync(&self, nth: u64, persisted: Persisted) {
        self.world().failing_sync = Some((nth, persisted));
    }

    /// Whether a planned sync failure is still to come.
    pub fn sync_failure_pending(&self) -> bool {
        self.world().failing_sync.is_some()
    }

    /// Syncs so far, of files and directories.
    pub fn sync_count(&self) -> u64 {
        self.world().syncs
    }

    /// Every later call fails with an I/O error, as after a power cut; handles can be dropped in
    /// peace. What the disk held is in its trace.
    pub fn power_off(&self) {
        self.world().powered = false;
    }

    /// The disk works again. Off and on in a row is a process that was killed: its handles are gone,
    /// what it wrote and did not sync is still in the page cache.
    pub fn power_on(&self) {
        self.world().powered = true;
    }

    /// Operations so far: the number the next one gets.
    pub fn op_count(&self) -> usize {
        self.world().ops.len()
    }

    /// Puts a note into the journal ("commit 3 acknowledged"); returns its number.
    pub fn mark(&self, text: impl Into<String>) -> usize {
        let text = text.into();
        self.world().record(Path::new(""), Action::Mark { text })
    }

    /// The journal so far. Cheap; the disk can go on.
    pub fn trace(&self) -> Trace {
        let world = self.world();
        Trace::new(world.sector_bytes, Arc::clone(&world.start), world.ops.clone())
    }

    /// What is visible now: the image after killing the process but not the machine.
    pub fn visible(&self) -> SimImage {
        let world = self.world();
        let named = world.names.iter();
        SimImage {
            files: named
                .map(|(path, id)| {
                    let mut content = world.files.get(id).cloned().unwrap_or_default();
                    content.cut(content.len());
                    (path.clone(), content)
                })
                .collect(),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on(&self, op: &'static str, path: &Path) -> Result<MutexGuard<'_, World>> {
        let world = self.world();
        if world.powered {
            Ok(world)
        } else {
            Err(Error::io(op, path, io::Error::other("the simulated power is off")))
        }
    }
}

impl World {
    fn record(&mut self, path: &Path, action: Action) -> usize {
        let number = self.ops.len();
        self.ops.push(SimOp { number, path: Arc::from(path), action });
        number
    }

    fn used_bytes(&self) -> u64 {
        let named = self.names.values();
        named.filter_map(|id| self.files.get(id)).map(Content::stored_bytes).sum()
    }

    /// Whether the planned failure hits this sync.
    fn sync_outcome(&mut self) -> SyncOutcome {
        self.syncs += 1;
        match self.failing_sync {
            Some((0, persisted)) => {
                self.failing_sync = None;
                SyncOutcome::Failed(persisted)
            }
            Some((nth, persisted)) => {
                self.failing_sync = Some((nth - 1, persisted));
                SyncOutcome::Done
            }
            None => SyncOutcome::Done,
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (plain(from), plain(to));
        let file = self
            .names
            .remove(&from)
            .ok_or_else(|| refused("rename", &from, ErrorKind::NotFound))?;
        self.names.insert(to.clone(), file);
        self.record(&from, Action::Rename { file, to });
        Ok(())
    }
}

fn sync_result(outcome: SyncOutcome, path: &Path) -> Result<()> {
    match outcome {
        SyncOutcome::Done => Ok(()),
        SyncOutcome::Failed(_) => Err(Error::io("sync", path, io::Error::from_raw_os_error(EIO))),
    }
}

/// The number of the I/O error on Linux and macOS.
pub(super) const EIO: i32 = 5;

impl Storage for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let path = plain(path);
        let mut world = self.on("open", &path)?;
        let file = match (world.names.get(&path).copied(), mode) {
            (Some(_), OpenMode::CreateNew) => {
                return Err(refused("open", &path, ErrorKind::AlreadyExists));
            }
            (Some(file), _) => file,
            (None, OpenMode::CreateNew) => {
                let file = FileId(world.next_file);
                world.next_file += 1;
                world.names.insert(path.clone(), file);
                world.files.insert(file, Content::default());
                world.record(&path, Action::Create { file });
                file
            }
            (None, _) => return Err(refused("open", &path, ErrorKind::NotFound)),
        };
        let owner = world.next_owner;
        world.next_owner += 1;
        drop(world);
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(SimFile { disk: self.clone(), path, file, owner, writable }))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.on("look for", path)?.names.contains_key(&plain(path)))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.on("rename", from)?.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        let mut world = self.on("rename", from)?;
        if world.names.contains_key(&plain(to)) {
            return Err(refused("rename to", to, ErrorKind::AlreadyExists));
        }
        world.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        let path = plain(path);
        let mut world = self.on("remove", &path)?;
        let file = world
            .names
            .remove(&path)
            .ok_or_else(|| refused("remove", &path, ErrorKind::NotFound))?;
        world.record(&path, Action::Unlink { file });
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> Result<()> {
        let directory = plain(directory);
        let mut world = self.on("sync", &directory)?;
        let outcome = world.sync_outcome();
        world.record(&directory, Action::SyncDir { outcome });
        sync_result(outcome, &directory)
    }

    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        Ok(names_in(self.on("list", directory)?.names.keys(), directory, prefix))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        Ok(plain(path))
    }
}

/// An open file of a simulated disk.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    file: FileId,
    owner: u64,
    writable: bool,
}

impl SimFile {
    fn writable(&self, op: &'static str) -> Result<MutexGuard<'_, World>> {
        if self.writable {
            self.disk.on(op, &self.path)
        } else {
            Err(refused(op, &self.path, ErrorKind::PermissionDenied))
        }
    }

    fn end(&self, op: &'static str, offset: u64, bytes: usize) -> Result<u64> {
        offset
            .checked_add(bytes as u64)
            .filter(|&end| i64::try_from(end).is_ok())
            .ok_or_else(|| refused(op, &self.path, ErrorKind::FileTooLarge))
    }
}

impl File for SimFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        let world = self.disk.on("measure", &self.path)?;
        Ok(world.files.get(&self.file).map_or(0, Content::len))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = self.end("read", offset, buffer.len())?;
        if buffer.is_empty() {
            return Ok(());
        }
        let world = self.disk.on("read", &self.path)?;
        match world.files.get(&self.file) {
            Some(content) if end <= content.len() => {
                content.read(buffer, offset);
                Ok(())
            }
            _ => Err(refused("read", &self.path, ErrorKind::UnexpectedEof)),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = self.end("write", offset, bytes.len())?;
        let mut world = self.writable("write")?;
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(capacity) = world.capacity {
            let before = world.files.get(&self.file).cloned().unwrap_or_default();
            let mut after = before.clone();
            after.write(bytes, offset);
            let growth = after.stored_bytes() - before.stored_bytes();
            if growth > 0 && world.used_bytes() + growth > capacity {
                return Err(Error::OutOfSpace);
            }
        }
        let Some(content) = world.files.get_mut(&self.file) else { return Ok(()) };
        let was = content.len();
        content.write(bytes, offset);
        content.set_len(was.max(end));
        let (file, bytes) = (self.file, Arc::from(bytes));
        world.record(&self.path, Action::Write { file, offset, bytes, len_before: was });
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.end("resize", bytes, 0)?;
        let mut world = self.writable("resize")?;
        let Some(content) = world.files.get_mut(&self.file) else { return Ok(()) };
        let was = content.len();
        content.cut(bytes.min(was));
        content.set_len(bytes);
        let file = self.file;
        world.record(&self.path, Action::SetLen { file, bytes, len_before: was });
        Ok(())
    }

    /// Space that is taken and not written counts for nothing here: a limited disk has none to take.
    fn allocate(&self, _from: u64, to: u64) -> Result<bool> {
        if self.writable("resize")?.capacity.is_some() {
            return Ok(false);
        }
        self.set_len(to).map(|()| true)
    }

    fn sync(&self, kind: SyncKind) -> Result<()> {
        let mut world = self.disk.on("sync", &self.path)?;
        let outcome = world.sync_outcome();
        world.record(&self.path, Action::Sync { file: self.file, kind, outcome });
        sync_result(outcome, &self.path)
    }

    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        let mut world = self.disk.on("lock", &self.path)?;
        let table = world.locks.entry(self.file).or_default();
        Ok(table.try_lock(self.owner, range, exclusive))
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        let mut world = self.disk.on("unlock", &self.path)?;
        world.locks.entry(self.file).or_default().unlock(self.owner, range);
        Ok(())
    }

    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        let world = self.disk.on("probe locks of", &self.path)?;
        let table = world.locks.get(&self.file);
        Ok(Some(table.map_or_else(Vec::new, |table| table.foreign_readers(self.owner))))
    }

    fn identity(&self) -> Result<(u64, u64)> {
        Ok((Arc::as_ptr(&self.disk.shared) as usize as u64, self.file.0))
    }

    fn still_named(&self) -> Result<bool> {
        let world = self.disk.on("identify", &self.path)?;
        Ok(world.names.get(&self.path) == Some(&self.file))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Some(table) = self.disk.world().locks.get_mut(&self.file) {
            table.release(self.owner);
        }
    }
}
