//! The open log: appends, group commit, and the life of its segments.
//!
//! ```text
//!  reserve ─▶ (space.rs: preallocate, rotate)           before the TxnId counts; OutOfSpace changes nothing
//!  append  ─▶ (append.rs: LSN, checksums, group buffer) under the appender's lock
//!  wait_*  ─▶ (group.rs: one write, one sync)           shared by all who wait
//!  trim    ─▶ (next.rs: remove, recycle)                after a checkpoint
//! ```
//!
//! Called by `txn` and `db`. Bytes: `spec/commit_record_v0.md`. Keeps crash
//! rules 12, 14, 16, 18 and 23. Cost of a durable commit: one copy of its record, one write, one
//! fdatasync; the space was written as zeros before, so a commit changes no metadata (the one after
//! an extension pays a full sync instead). Locks, in the order they are taken: appender, space,
//! next, group.

mod append;
mod next;
mod pins;
mod port;
mod space;

pub use append::Appended;
pub use pins::LogPin;

use super::group::{Goal, Group};
use super::paths::LogPaths;
use super::position::{Position, Progress};
use super::recover::{self, Recovery};
use super::segment_file::{Counters, count, draw_generation};
use super::segments::{Chain, Segment};
use crate::disk::{Entropy, Storage};
use crate::error::{Error, Result};
use crate::ids::{FileUuid, Lsn, TxnId};
use crate::limits::{RECORD_PAYLOAD_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::sync::Mutex;
use append::Appender;
use next::PreparedSegment;
use pins::Pins;
use port::Port;
use space::Space;
use std::{
    fmt,
    sync::{
        Arc, OnceLock,
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

    pub(super) fn check_sound(&self) -> Result<()> {
        if self.group.poisoned().is_some() { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// The sizes it works with.
    pub fn config(&self) -> LogConfig {
        self.config
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
