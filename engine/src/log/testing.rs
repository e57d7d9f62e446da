//! A little database of log alone, for the tests of this module: commits go to the log and to a model.

use super::builder::{CommitInfo, RecordBuilder};
use super::paths::LogPaths;
use super::position::Position;
use super::recover::Recovery;
use super::replay::{MemoryState, replay};
use super::scan::Scanner;
use super::segments::Chain;
use super::transactions::Transactions;
use super::writer::{Appended, LogConfig, LogWriter};
use crate::disk::entropy::{SeededEntropy, mix};
use crate::disk::memory::MemoryStorage;
use crate::disk::{OpenMode, Storage};
use crate::error::Result;
use crate::format::op::Op;
use crate::ids::{FileUuid, Pointer, TxnId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const UUID: FileUuid = FileUuid([7; 16]);

/// Segments of one to three times 4 KiB of records: a few records fill one.
pub(super) const SMALL: LogConfig = LogConfig {
    segment_bytes_min: 8192,
    segment_bytes_max: 16384,
    prepare_bytes: 2048,
    payload_bytes_max: 1 << 20,
};

pub(super) fn paths() -> LogPaths {
    LogPaths::of_database(Path::new("/d/app.ns"))
}

pub(super) fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

/// An operation of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModelOp {
    Put(Vec<u8>, Vec<u8>),
    Del(Vec<u8>),
    DelRange(Vec<u8>, Option<Vec<u8>>),
}

/// What transaction `txn` of every test history does: one to three operations, sometimes a long one.
pub(super) fn ops_of(txn: u64) -> Vec<ModelOp> {
    let random = |salt: u64| mix(txn.wrapping_mul(31).wrapping_add(salt));
    let key = |salt: u64| format!("key{:02}", random(salt) % 23).into_bytes();
    let mut ops = Vec::new();
    for index in 0..1 + random(0) % 3 {
        ops.push(match random(100 + index) % 10 {
            0 => ModelOp::Del(key(200 + index)),
            1 => ModelOp::DelRange(key(200 + index), Some(key(300 + index))),
            2 if txn.is_multiple_of(7) => ModelOp::DelRange(b"key15".to_vec(), None),
            _ => {
                let length = (random(400 + index) % 120) as usize;
                ModelOp::Put(key(200 + index), vec![txn as u8; length])
            }
        });
    }
    ops
}

/// A log and the state it should give.
#[derive(Debug)]
pub(super) struct LogDb {
    pub(super) log: Arc<LogWriter>,
    pub(super) state: MemoryState,
    pub(super) txn: u64,
    pub(super) last: Position,
}

impl LogDb {
    pub(super) fn create(storage: &Arc<dyn Storage>, config: LogConfig) -> Result<Self> {
        let entropy = SeededEntropy::new(1);
        let start = Position::default();
        let log = LogWriter::create(Arc::clone(storage), paths(), UUID, &entropy, config, start)?;
        let last = Position { generation: log.generation(), ..start };
        Ok(Self { log: Arc::new(log), state: MemoryState::default(), txn: 0, last })
    }

    /// Opens behind a meta whose state is genesis, and replays everything.
    pub(super) fn open(
        storage: &Arc<dyn Storage>,
        config: LogConfig,
        seed: u64,
    ) -> Result<(Self, Recovery)> {
        let genesis = (Position::default(), MemoryState::default());
        Self::open_behind(storage, config, seed, &[genesis])
    }

    /// Opens behind metas, the newest first, each with its state, and replays what follows it.
    pub(super) fn open_behind(
        storage: &Arc<dyn Storage>,
        config: LogConfig,
        seed: u64,
        metas: &[(Position, MemoryState)],
    ) -> Result<(Self, Recovery)> {
        let positions: Vec<Position> = metas.iter().map(|meta| meta.0).collect();
        let entropy = SeededEntropy::new(seed);
        let (log, recovery) =
            LogWriter::open(Arc::clone(storage), paths(), UUID, &entropy, config, &positions)?;
        let (meta, state) = &metas[0];
        let scanner = Scanner::new(log.chain(), meta.lsn)?.until(recovery.tail);
        let mut transactions = Transactions::new(scanner, Some(meta.txn_id));
        let mut state = state.clone();
        let txn = replay(&mut transactions, meta.txn_id, None, &mut state)?;
        assert_eq!(txn, recovery.last.txn_id, "the judgement and the replay agree");
        let last = recovery.last;
        Ok((Self { log: Arc::new(log), state, txn: txn.get(), last }, recovery))
    }

    /// Applies operations to the model and puts them into a record.
    pub(super) fn build(&mut self, ops: &[ModelOp]) -> Result<RecordBuilder> {
        let mut builder = RecordBuilder::new(TxnId::new(self.txn + 1));
        for op in ops {
            match op {
                ModelOp::Put(key, value) => {
                    builder.put(&self.log, key, value)?;
                    self.state.apply(Op::Put { key, value }, Default::default())?;
                }
                ModelOp::Del(key) => {
                    builder.del(&self.log, key)?;
                    self.state.apply(Op::Del { key }, Default::default())?;
                }
                ModelOp::DelRange(start, end) => {
                    let inside =
                        |key: &&Vec<u8>| *key >= start && end.as_ref().is_none_or(|end| *key < end);
                    let count = self.state.rows().keys().filter(inside).count() as u64;
                    builder.del_range(&self.log, start, end.as_deref(), count)?;
                    let op = Op::DelRange { start, end: end.as_deref(), count };
                    self.state.apply(op, Default::default())?;
                }
            }
        }
        Ok(builder)
    }

    /// Appends a commit without waiting for it.
    pub(super) fn append(&mut self, ops: &[ModelOp]) -> Result<Appended> {
        let before = self.state.clone();
        let appended = self.build(ops).and_then(|builder| {
            builder.reserve(&self.log)?;
            let key_count = self.state.rows().len() as u64;
            let info = CommitInfo { root: Pointer::NULL, depth: 0, key_count, flags: 0 };
            builder.commit(&self.log, info)
        });
        match &appended {
            Ok(appended) => {
                self.txn += 1;
                self.last = appended.position(TxnId::new(self.txn));
            }
            Err(_) => self.state = before,
        }
        appended
    }

    /// Commits the next transaction of the usual history and waits until it is durable.
    pub(super) fn commit(&mut self) -> Result<Appended> {
        let appended = self.append(&ops_of(self.txn + 1))?;
        self.log.wait_durable(appended.end_lsn)?;
        Ok(appended)
    }
}

/// The state that a chain gives, and its last transaction.
pub(super) fn state_of(
    chain: &Chain,
    until: Option<crate::ids::Lsn>,
) -> Result<(MemoryState, TxnId)> {
    let mut scanner = Scanner::new(chain.clone(), Default::default())?;
    if let Some(until) = until {
        scanner = scanner.until(until);
    }
    let mut transactions = Transactions::new(scanner, Some(TxnId::GENESIS));
    let mut state = MemoryState::default();
    let txn = replay(&mut transactions, TxnId::GENESIS, None, &mut state)?;
    Ok((state, txn))
}

/// The state after transaction `txn` of the usual history.
pub(super) fn model_at(txn: u64) -> MemoryState {
    let storage = memory();
    let mut db = LogDb::create(&storage, LogConfig::default()).expect("memory");
    for _ in 0..txn {
        db.append(&ops_of(db.txn + 1)).expect("memory");
    }
    db.state
}

/// All states of the usual history up to `txn`.
pub(super) fn models(txn: u64) -> Vec<MemoryState> {
    let storage = memory();
    let mut db = LogDb::create(&storage, LogConfig::default()).expect("memory");
    let mut states = vec![db.state.clone()];
    for _ in 0..txn {
        db.append(&ops_of(db.txn + 1)).expect("memory");
        states.push(db.state.clone());
    }
    states
}

/// All log files of a storage, with their bytes.
pub(super) fn files(storage: &Arc<dyn Storage>) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = paths().directory();
    let names = storage.list(&directory, "").expect("a listing");
    let paths = names.into_iter().map(|name| directory.join(name));
    paths.map(|path| (path.clone(), read(storage, &path))).collect()
}

pub(super) fn read(storage: &Arc<dyn Storage>, path: &Path) -> Vec<u8> {
    let file = storage.open(path, OpenMode::Read).expect("a file");
    let mut bytes = vec![0; file.len().expect("a length") as usize];
    file.read_at(&mut bytes, 0).expect("its bytes");
    bytes
}

/// A storage in memory with these files.
pub(super) fn with_files(files: &[(PathBuf, Vec<u8>)]) -> Arc<dyn Storage> {
    let storage = memory();
    for (path, bytes) in files {
        let file = storage.open(path, OpenMode::CreateNew).expect("a new file");
        file.write_at(bytes, 0).expect("written");
    }
    storage
}

pub(super) fn discover(storage: &Arc<dyn Storage>) -> Result<Chain> {
    Chain::discover(storage, &paths())
}
