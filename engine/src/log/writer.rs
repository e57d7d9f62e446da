//! The open log: appends, group commit, and the life of its segments.
//!
//! ```text
//!  reserve ─▶ (space.rs: preallocate, rotate)     before the TxnId counts; OutOfSpace changes nothing
//!  append  ─▶ LSN, checksums, group buffer        under the appender's lock
//!  wait_*  ─▶ (group.rs: one write, one sync)     shared by all who wait
//!  trim    ─▶ (space.rs: remove, recycle)         after a checkpoint
//! ```
//!
//! Called by `txn` and `db`. Bytes: `spec/commit_record_v0.md`. Keeps crash
//! rules 12, 14, 16, 18 and 23. Cost of a durable commit: one copy of its record, one write, one
//! fdatasync; the space was written as zeros before, so a commit changes no metadata (the one after
//! an extension pays a full sync instead). Locks, in the order they are taken: appender, space,
//! next, group.

mod pins;
mod port;
mod space;

pub use pins::LogPin;

use super::group::{Goal, Group};
use super::paths::LogPaths;
use super::position::{Position, Progress};
use super::recover::{self, Recovery};
use super::segment_file::{Counters, count, draw_generation};
use super::segments::{Chain, Segment};
use crate::disk::{Entropy, Storage};
use crate::error::{Error, Result};
use crate::format::field::Crc;
use crate::format::log_record::{
    CommitHeader, RECORD_MAGIC, RecordHeader, RecordPlace, RecordType, record_bytes, seal_record,
};
use crate::ids::{FileUuid, Lsn, TxnId};
use crate::limits::{RECORD_PAYLOAD_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::sync::{Mutex, MutexGuard};
use pins::Pins;
use port::Port;
use space::{PreparedSegment, Space};
use std::{
    fmt,
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Sizes that tests make small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Bytes of the first segment's file. Each next one is four times as large.
    pub segment_bytes_min: u64,
    /// Bytes of the largest segment's file, unless one record needs more.
    pub segment_bytes_max: u64,
    /// Most bytes that are preallocated at a time.
    pub prepare_bytes: u64,
    /// A payload that would grow past this is continued in another record.
    pub payload_bytes_max: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes_min: SEGMENT_BYTES_MIN,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            prepare_bytes: 4 << 20,
            payload_bytes_max: RECORD_PAYLOAD_BYTES_MAX,
        }
    }
}

/// Where an appended record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its start.
    pub lsn: Lsn,
    /// Its end: what to wait for.
    pub end_lsn: Lsn,
    /// Its identity.
    pub crc: u32,
    /// Generation of its segment.
    pub generation: u64,
}

impl Appended {
    /// The position a meta of transaction `txn_id`, whose commit record this is, stores.
    pub const fn position(&self, txn_id: TxnId) -> Position {
        Position { lsn: self.end_lsn, generation: self.generation, crc: self.crc, txn_id }
    }
}

/// What the log did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounters {
    /// Syncs of segments.
    pub syncs: u64,
    /// Syncs of the directory.
    pub dir_syncs: u64,
    /// Write calls.
    pub writes: u64,
    /// Bytes written, preallocation included.
    pub bytes_written: u64,
    /// Bytes of records appended.
    pub record_bytes: u64,
    /// Records appended.
    pub records: u64,
    /// Segments started.
    pub rotations: u64,
    /// Bytes of all segment files now.
    pub segment_bytes: u64,
}

/// The open log. Shared by all threads.
pub struct LogWriter {
    storage: Arc<dyn Storage>,
    paths: LogPaths,
    uuid: FileUuid,
    generation: u64,
    config: LogConfig,
    appender: Mutex<Appender>,
    space: Mutex<Space>,
    /// The segment prepared under `.log.next`, if there is one; held while that file is touched.
    next: Mutex<Option<PreparedSegment>>,
    /// End of the preallocated space of the active segment.
    prepared: AtomicU64,
    /// Bytes of the record that space was reserved for last.
    last_reserved: AtomicU64,
    /// Memory of a finished transaction's record, for the next one.
    record_buffer: Mutex<Vec<u8>>,
    group: Group,
    port: Port,
    pins: Arc<Pins>,
}

/// Where the next record goes and what it follows.
#[derive(Debug)]
struct Appender {
    at: Lsn,
    previous_lsn: Lsn,
    previous_crc: u32,
    /// Bytes that the open transaction has reserved behind `at`.
    reserved: u64,
    /// Whether a commit was appended that no later record could prove durable.
    unproven: bool,
    /// The newest transaction appended by this writer.
    last_txn: Option<TxnId>,
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter")
            .field("paths", &self.paths)
            .field("generation", &self.generation)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

impl LogWriter {
    /// Makes the log of a new database, or of a backup, whose stream goes on at `start`: one
    /// segment, synced, and the directory synced.
    ///
    /// # Errors
    /// `Io` when `app.ns.log` exists or the disk refuses; `OutOfSpace`.
    pub fn create(
        storage: Arc<dyn Storage>,
        paths: LogPaths,
        uuid: FileUuid,
        entropy: &dyn Entropy,
        config: LogConfig,
        start: Position,
    ) -> Result<Self> {
        let generation = draw_generation(entropy, start.generation);
        let counters = Counters::default();
        let space = Space::create(&storage, &paths, uuid, generation, config, start, &counters)?;
        let appender = Appender {
            at: start.lsn,
            previous_lsn: start.lsn,
            previous_crc: start.crc,
            reserved: 0,
            unproven: false,
            last_txn: None,
        };
        Ok(Self::assemble(storage, paths, uuid, config, space, appender, counters))
    }

    /// Opens the log for appending: finishes an interrupted rotation, judges the tail against what
    /// `metas` prove (all valid ones, the chosen one first), and makes the tail safe to append to
    /// (rule 19). Replay is then a scan of [`LogWriter::chain`] from `metas[0].lsn` to
    /// [`Recovery::tail`]. The caller syncs the directory before it publishes anything.
    ///
    /// # Errors
    /// `Corrupt` when there is no log, when a position is not in it, or when damage is proven to be
    /// corruption; `UnsupportedFormat`; `Io`; `OutOfSpace`.
    pub fn open(
        storage: Arc<dyn Storage>,
        paths: LogPaths,
        uuid: FileUuid,
        entropy: &dyn Entropy,
        config: LogConfig,
        metas: &[Position],
    ) -> Result<(Self, Recovery)> {
        let counters = Counters::default();
        let prepared = recover::prepare(&storage, &paths, uuid, entropy, metas, &counters)?;
        let space = Space::open(&storage, &prepared.chain)?;
        let appender = Appender {
            at: prepared.recovery.tail,
            previous_lsn: prepared.previous_lsn,
            previous_crc: prepared.previous_crc,
            reserved: 0,
            unproven: false,
            last_txn: None,
        };
        let writer = Self::assemble(storage, paths, uuid, config, space, appender, counters);
        // Whoever had it open before may have extended the file and not come to sync its length.
        count(&writer.port.grown, 1);
        Ok((writer, prepared.recovery))
    }

    fn assemble(
        storage: Arc<dyn Storage>,
        paths: LogPaths,
        uuid: FileUuid,
        config: LogConfig,
        space: Space,
        appender: Appender,
        counters: Counters,
    ) -> Self {
        let (file, header) = space.active();
        Self {
            storage,
            paths,
            uuid,
            generation: header.generation,
            config,
            group: Group::new(appender.at),
            prepared: AtomicU64::new(space.prepared_lsn().get()),
            last_reserved: AtomicU64::new(0),
            record_buffer: Mutex::default(),
            port: Port {
                current: Mutex::new((file, header.start_lsn)),
                hook: OnceLock::new(),
                counters,
                grown: AtomicU64::new(0),
                grown_synced: AtomicU64::new(0),
                durable: AtomicU64::new(appender.at.get()),
                synced_at_once: AtomicU64::new(0),
            },
            appender: Mutex::new(appender),
            space: Mutex::new(space),
            next: Mutex::new(None),
            pins: Arc::default(),
        }
    }

    /// Calls `hook` after every write and every sync, in order, before anyone who waits for it is
    /// woken: this is where roots are published. Set once, before the first append.
    ///
    /// The hook must not call back into the log's waits.
    pub fn on_progress(&self, hook: Box<dyn Fn(Progress) + Send + Sync>) {
        let first = self.port.hook.set(hook).is_ok();
        assert!(first, "the progress hook is set once");
    }

    fn appender(&self) -> MutexGuard<'_, Appender> {
        self.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_sound(&self) -> Result<()> {
        if self.group.poisoned().is_some() { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Makes sure that `bytes` more of records fit behind the end: preallocates or rotates when
    /// they do not. Called by the one writer, before its TxnId counts (rule 18).
    ///
    /// # Errors
    /// `OutOfSpace` and most `Io` leave everything as it was; `Poisoned`.
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        let mut appender = self.appender();
        self.check_sound()?;
        self.last_reserved.store(bytes, Ordering::Relaxed);
        self.make_room(&mut appender, bytes)?;
        appender.reserved = bytes;
        Ok(())
    }

    /// Memory to build a record in.
    pub(super) fn take_record_buffer(&self) -> Vec<u8> {
        std::mem::take(&mut *self.record_buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the memory of a record for the next one, unless a single value made it large.
    pub(super) fn keep_record_buffer(&self, buffer: Vec<u8>) {
        if buffer.capacity() <= 2 * self.config.payload_bytes_max {
            let mut kept = self.record_buffer.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = buffer;
        }
    }

    /// The sizes it works with.
    pub fn config(&self) -> LogConfig {
        self.config
    }

    /// Appends a record of the one writer: `record` holds room for the header, then the payload.
    /// Fills in what depends on its place. The space must have been reserved.
    pub(super) fn append(
        &self,
        record: &mut Vec<u8>,
        record_type: RecordType,
        flags: u32,
        txn_id: TxnId,
        chain_first: Option<Lsn>,
    ) -> Result<Appended> {
        let mut appender = self.appender();
        self.check_sound()?;
        let bytes = record_bytes((record.len() - RecordHeader::BYTES) as u64);
        if let Some(front) = record.get_mut(RecordHeader::BYTES..)
            && matches!(record_type, RecordType::Commit | RecordType::Continuation)
        {
            let first = chain_first.unwrap_or(appender.at);
            patch_chain_first(front, first);
        }
        appender.reserved = appender.reserved.saturating_sub(bytes);
        appender.unproven |= record_type == RecordType::Commit;
        Ok(self.seal_and_push(&mut appender, record, record_type, flags, txn_id))
    }

    fn seal_and_push(
        &self,
        appender: &mut Appender,
        record: &mut Vec<u8>,
        record_type: RecordType,
        flags: u32,
        txn_id: TxnId,
    ) -> Appended {
        // Who asks for a record that is no commit may have looked at the tip before another thread
        // appended: LOG-8 goes by what is in the log.
        let txn_id = match record_type {
            RecordType::Commit => *appender.last_txn.insert(txn_id),
            RecordType::Continuation => txn_id,
            _ => appender.last_txn.unwrap_or(txn_id),
        };
        let lsn = appender.at;
        let header = RecordHeader {
            magic: RECORD_MAGIC,
            version: 0,
            record_type: record_type as u8,
            header_bytes: 0,
            flags,
            payload_bytes: 0,
            txn_id,
            previous_lsn: appender.previous_lsn,
            durable_lsn: self.group.progress().0.durable,
            previous_crc: appender.previous_crc,
            payload_crc: Crc(0),
            header_crc: Crc(0),
            reserved: 0,
        };
        let place = RecordPlace { uuid: self.uuid, generation: self.generation, lsn };
        let crc = seal_record(record, header, place);
        let end_lsn = Lsn::new(lsn.get() + record.len() as u64);
        assert!(
            end_lsn.get() <= self.prepared.load(Ordering::Acquire),
            "a record was appended for which no space was reserved"
        );
        count(&self.port.counters.records, 1);
        count(&self.port.counters.record_bytes, record.len() as u64);
        appender.at = end_lsn;
        appender.previous_lsn = lsn;
        appender.previous_crc = crc;
        self.group.push(record, end_lsn);
        Appended { lsn, end_lsn, crc, generation: self.generation }
    }

    /// Appends one unsynced checkpoint-type record when the last commit is durable but nothing in
    /// the log proves it yet (rule 23); whether it did. `last` is the newest chained TxnId.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`, `Poisoned`.
    pub fn prove_idle(&self, last: TxnId) -> Result<bool> {
        let end_lsn = {
            let mut appender = self.appender();
            self.check_sound()?;
            let (progress, end) = self.group.progress();
            if !appender.unproven || progress.durable < end {
                return Ok(false);
            }
            let needed = record_bytes(0).saturating_add(appender.reserved);
            self.make_room(&mut appender, needed)?;
            appender.unproven = false;
            let mut record = vec![0; RecordHeader::BYTES];
            self.seal_and_push(&mut appender, &mut record, RecordType::Checkpoint, 0, last).end_lsn
        };
        self.wait_written(end_lsn)?;
        Ok(true)
    }

    /// Returns once everything below `end_lsn` is durable. Whoever finds the device free writes and
    /// syncs everything queued; the others wait for it (group commit).
    ///
    /// # Errors
    /// `Io` or `OutOfSpace` for the one whose write or sync failed, `Poisoned` for all others. The
    /// commit may then be in or out, whole.
    pub fn wait_durable(&self, end_lsn: Lsn) -> Result<()> {
        self.group.reach(Goal::Durable, end_lsn, &self.port)
    }

    /// Returns once everything below `end_lsn` has been handed to the operating system.
    ///
    /// # Errors
    /// As [`LogWriter::wait_durable`].
    pub fn wait_written(&self, end_lsn: Lsn) -> Result<()> {
        self.group.reach(Goal::Written, end_lsn, &self.port)
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// As [`LogWriter::wait_durable`].
    pub fn sync_all(&self) -> Result<()> {
        let (_, end) = self.group.progress();
        self.check_sound()?;
        self.wait_durable(end)
    }

    /// How far the log has come.
    pub fn progress(&self) -> Progress {
        self.group.progress().0
    }

    /// End of the last appended record.
    pub fn end_lsn(&self) -> Lsn {
        self.group.progress().1
    }

    /// Generation of the segments written by this handle.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The position of a record's end in this log, for a meta of `txn_id`.
    pub fn position_of(&self, appended: Appended, txn_id: TxnId) -> Position {
        appended.position(txn_id)
    }

    /// Refuses everything from now on: a write or sync of the database failed somewhere.
    pub fn poison(&self) {
        self.group.poison(Error::Poisoned);
    }

    /// Why the log refuses, if it does.
    pub fn poisoned(&self) -> Option<Error> {
        self.group.poisoned()
    }

    /// Keeps everything from `lsn` on from being trimmed while the pin lives.
    pub fn pin(&self, lsn: Lsn) -> LogPin {
        LogPin::new(&self.pins, lsn)
    }

    /// Counters.
    pub fn counters(&self) -> LogCounters {
        let counters = &self.port.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogCounters {
            syncs: read(&counters.syncs),
            dir_syncs: read(&counters.dir_syncs),
            writes: read(&counters.writes),
            bytes_written: read(&counters.bytes_written),
            record_bytes: read(&counters.record_bytes),
            records: read(&counters.records),
            rotations: read(&counters.rotations),
            segment_bytes: self.space().file_bytes(),
        }
    }

    /// The segments as of now, for readers; scan them up to [`Progress::durable`].
    pub fn chain(&self) -> Chain {
        let segments: Vec<Segment> = self.space().segments();
        Chain::of(Arc::clone(&self.storage), self.paths.clone(), segments)
    }
}

fn patch_chain_first(payload: &mut [u8], first: Lsn) {
    const OFFSET: usize = chain_first_offset();
    if let Some(field) = payload.get_mut(OFFSET..OFFSET + 8) {
        field.copy_from_slice(&first.get().to_le_bytes());
    }
}

/// Where `chain_first` stands in a commit payload.
const fn chain_first_offset() -> usize {
    let fields = CommitHeader::LAYOUT.fields;
    let mut index = 0;
    while index < fields.len() {
        if matches!(fields[index].name.as_bytes(), b"chain_first") {
            return fields[index].offset;
        }
        index += 1;
    }
    panic!("the commit header has a field chain_first")
}
