//! Faults on any storage, by script: the nth call of a kind on a file fails in a given way.
//!
//! Interrupted, short and empty transfers are made below the transfer loops that the real disk uses,
//! so that those loops are what is tested. For a failed sync that loses or keeps what was pending,
//! see [`super::SimDisk::fail_sync`].

use super::disk::EIO;
use crate::{
    disk::{
        File, LockRange, OpenMode, Storage, SyncKind,
        file::{read_whole, write_whole},
    },
    error::{Error, Result},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Opening a file that exists.
    Open,
    /// Creating a file.
    Create,
    /// Asking whether a name exists.
    Exists,
    /// Renaming, with or without replacing.
    Rename,
    /// Removing a name.
    Unlink,
    /// Syncing a directory.
    SyncDir,
    /// Listing a directory.
    List,
    /// Asking a file's length.
    Len,
    /// Reading; each system call of one read counts.
    Read,
    /// Writing; each system call of one write counts.
    Write,
    /// Setting a length.
    SetLen,
    /// Syncing a file.
    Sync,
    /// Locking.
    Lock,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Open,
        Self::Create,
        Self::Exists,
        Self::Rename,
        Self::Unlink,
        Self::SyncDir,
        Self::List,
        Self::Len,
        Self::Read,
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::Lock,
    ];
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error; nothing was done.
    Eio,
    /// No space; nothing was done.
    Enospc,
    /// Interrupted by a signal. Transfers only; elsewhere nothing happens.
    Eintr,
    /// At most this many bytes are moved (1 at least). Transfers only.
    Short(usize),
    /// No byte is moved and no error told. Transfers only.
    Zero,
    /// A write moves this many bytes and then fails with EIO; other calls fail after they are done.
    EioAfter(usize),
    /// Permission denied.
    Eacces,
    /// The call takes this much longer.
    Delay(Duration),
    /// The call panics.
    Panic,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// From then on. An endless EINTR gives way after 100 times, as signals do.
    Forever,
}

/// One line of a script.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which calls.
    pub call: Call,
    /// Text that the file's name contains; empty for any.
    pub file: String,
    /// Calls that pass before the fault, among those that match.
    pub nth: u64,
    /// How often.
    pub repeat: Repeat,
    /// What.
    pub fault: Fault,
}

/// A call that was made: what a script can hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Its kind.
    pub call: Call,
    /// The file's path.
    pub path: PathBuf,
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<(Rule, u64)>,
    calls: Vec<CallRecord>,
    hits: u64,
    interruptions: u64,
}

const INTERRUPTIONS_MAX: u64 = 100;

/// A storage with a script of faults. Clones share the script.
#[derive(Clone, Debug)]
pub struct FaultDisk<S> {
    inner: S,
    script: Arc<Mutex<Script>>,
}

impl<S: Storage> FaultDisk<S> {
    /// `inner` without any fault yet.
    pub fn new(inner: S) -> Self {
        Self { inner, script: Arc::default() }
    }

    /// Adds a line to the script. Calls are counted from now.
    pub fn inject(&self, rule: Rule) {
        self.script().rules.push((rule, 0));
    }

    /// Takes all lines out of the script.
    pub fn heal(&self) {
        self.script().rules.clear();
    }

    /// How often a fault struck.
    pub fn hits(&self) -> u64 {
        self.script().hits
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.script().calls.clone()
    }

    /// The storage behind it.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the call; the fault that strikes it.
fn strike(script: &Mutex<Script>, call: Call, path: &Path) -> Option<Fault> {
    let mut script = lock(script);
    script.calls.push(CallRecord { call, path: path.to_path_buf() });
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut struck = None;
    for (rule, seen) in &mut script.rules {
        if rule.call != call || !name.contains(&rule.file) {
            continue;
        }
        let now = match rule.repeat {
            Repeat::Once => *seen == rule.nth,
            Repeat::Forever => *seen >= rule.nth,
        };
        *seen += 1;
        if now && struck.is_none() {
            struck = Some(rule.fault);
        }
    }
    if struck == Some(Fault::Eintr) {
        script.interruptions += 1;
        if script.interruptions > INTERRUPTIONS_MAX {
            return None;
        }
    }
    script.hits += u64::from(struck.is_some());
    struck
}

/// Error numbers as on Linux; the same on macOS.
const ENOSPC: i32 = 28;
const EACCES: i32 = 13;

/// What a call that moves no bytes does under a fault: fail before, fail after, or go on.
fn whole<T>(
    fault: Option<Fault>,
    op: &'static str,
    path: &Path,
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let system = |code: i32| Err(Error::io(op, path, io::Error::from_raw_os_error(code)));
    match fault {
        Some(Fault::Eio) => system(EIO),
        Some(Fault::Enospc) => system(ENOSPC),
        Some(Fault::Eacces) => system(EACCES),
        Some(Fault::EioAfter(_)) => {
            call()?;
            system(EIO)
        }
        Some(Fault::Panic) => panic!("scripted panic in {op} of {}", path.display()),
        Some(Fault::Delay(time)) => {
            std::thread::sleep(time);
            call()
        }
        Some(Fault::Eintr | Fault::Short(_) | Fault::Zero) | None => call(),
    }
}

impl<S: Storage> Storage for FaultDisk<S> {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let call = if mode == OpenMode::CreateNew { Call::Create } else { Call::Open };
        let fault = strike(&self.script, call, path);
        let file = whole(fault, "open", path, || self.inner.open(path, mode))?;
        Ok(Arc::new(FaultFile { inner: file, script: Arc::clone(&self.script) }))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        let fault = strike(&self.script, Call::Exists, path);
        whole(fault, "look for", path, || self.inner.exists(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let fault = strike(&self.script, Call::Rename, from);
        whole(fault, "rename", from, || self.inner.rename(from, to))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        let fault = strike(&self.script, Call::Rename, from);
        whole(fault, "rename", from, || self.inner.rename_new(from, to))
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        let fault = strike(&self.script, Call::Unlink, path);
        whole(fault, "remove", path, || self.inner.unlink(path))
    }

    fn sync_dir(&self, directory: &Path) -> Result<()> {
        let fault = strike(&self.script, Call::SyncDir, directory);
        whole(fault, "sync", directory, || self.inner.sync_dir(directory))
    }

    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        let fault = strike(&self.script, Call::List, directory);
        whole(fault, "list", directory, || self.inner.list(directory, prefix))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.inner.canonical(path)
    }
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    script: Arc<Mutex<Script>>,
}

impl FaultFile {
    fn whole<T>(&self, call: Call, op: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        whole(strike(&self.script, call, self.path()), op, self.path(), run)
    }

    /// One system call of a transfer, as the script has it. `Ok(n)`: go on with n bytes.
    fn transfer(
        &self,
        call: Call,
        bytes: usize,
        mut run: impl FnMut(usize) -> Result<()>,
    ) -> io::Result<usize> {
        let fault = strike(&self.script, call, self.path());
        let system = |code: i32| Err(io::Error::from_raw_os_error(code));
        let mut go = |count: usize| run(count).map(|()| count).map_err(into_io);
        match fault {
            None => go(bytes),
            Some(Fault::Eio) => system(EIO),
            Some(Fault::Enospc) => system(ENOSPC),
            Some(Fault::Eacces) => system(EACCES),
            Some(Fault::Eintr) => Err(io::ErrorKind::Interrupted.into()),
            Some(Fault::Short(most)) => go(bytes.min(most.max(1))),
            Some(Fault::Zero) => Ok(0),
            Some(Fault::EioAfter(count)) => {
                go(bytes.min(count))?;
                system(EIO)
            }
            Some(Fault::Panic) => panic!("scripted panic in {call:?} of {}", self.path().display()),
            Some(Fault::Delay(time)) => {
                std::thread::sleep(time);
                go(bytes)
            }
        }
    }
}

/// Back to what the system would have said, for the loop above to wrap again.
fn into_io(error: Error) -> io::Error {
    match error {
        Error::OutOfSpace => io::ErrorKind::StorageFull.into(),
        Error::Io { source, .. } => match source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => source.kind().into(),
        },
        other => io::Error::other(other),
    }
}

impl File for FaultFile {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn len(&self) -> Result<u64> {
        self.whole(Call::Len, "measure", || self.inner.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        read_whole(buffer, offset, |rest, at| {
            let count = rest.len();
            self.transfer(Call::Read, count, |count| self.inner.read_at(&mut rest[..count], at))
        })
        .map_err(|source| Error::io("read", self.path(), source))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        write_whole(bytes, offset, |rest, at| {
            self.transfer(Call::Write, rest.len(), |count| self.inner.write_at(&rest[..count], at))
        })
        .map_err(|source| Error::io("write", self.path(), source))
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.whole(Call::SetLen, "resize", || self.inner.set_len(bytes))
    }

    fn allocate(&self, from: u64, to: u64) -> Result<bool> {
        self.whole(Call::SetLen, "resize", || self.inner.allocate(from, to))
    }

    fn sync(&self, kind: SyncKind) -> Result<()> {
        self.whole(Call::Sync, "sync", || self.inner.sync(kind))
    }

    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        self.whole(Call::Lock, "lock", || self.inner.try_lock(range, exclusive))
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.inner.unlock(range)
    }

    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        self.inner.foreign_readers()
    }

    fn identity(&self) -> Result<(u64, u64)> {
        self.inner.identity()
    }

    fn still_named(&self) -> Result<bool> {
        self.inner.still_named()
    }
}
