//! What a cartridge is judged by: which database this is, how far it has come, and what it did.
//!
//! An open [`Db`] tells. So do the files of its log alone ([`LogFiles`]), for those who look on from
//! outside and take no lock: then what was just written counts, whether or not it is durable yet.

use crate::db::{CommitRecord, Db};
use crate::disk::{Storage, file::RealStorage};
use crate::error::{Error, Result};
use crate::ids::{FileUuid, TxnId};
use crate::log::{Chain, LogPaths, Scanner, Transactions};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A database's identity and the commits it made.
pub trait Past {
    /// Which database it is.
    fn uuid(&self) -> FileUuid;

    /// The newest state it knows.
    fn newest(&self) -> TxnId;

    /// Shows the commits `first..=last`, in order.
    ///
    /// # Errors
    /// `SnapshotNotFound` when the log no longer holds one of them; `Corrupt` or `Io` from the log.
    fn visit(&self, first: TxnId, last: TxnId, see: &mut dyn FnMut(CommitRecord)) -> Result<()>;
}

impl Past for Db {
    fn uuid(&self) -> FileUuid {
        Self::uuid(self)
    }

    /// The newest durable state.
    fn newest(&self) -> TxnId {
        TxnId::new(self.stats().durable_txn)
    }

    fn visit(&self, first: TxnId, last: TxnId, see: &mut dyn FnMut(CommitRecord)) -> Result<()> {
        for commit in self.commits(first..=last)? {
            see(commit?);
        }
        Ok(())
    }
}

/// The log files beside a database, read without opening it.
pub struct LogFiles {
    uuid: FileUuid,
    newest: TxnId,
    storage: Arc<dyn Storage>,
    paths: LogPaths,
}

impl LogFiles {
    /// The log of the database at `path`, whose identity and newest state the caller has read.
    ///
    /// # Errors
    /// `Io` when the path cannot be resolved.
    pub fn of(path: &Path, uuid: FileUuid, newest: TxnId) -> Result<Self> {
        let storage: Arc<dyn Storage> = Arc::new(RealStorage::new());
        let paths = LogPaths::of_database(&storage.canonical(path)?);
        Ok(Self { uuid, newest, storage, paths })
    }

    /// The log does not hold `requested`; its oldest commit is `oldest`.
    fn missing(&self, requested: TxnId, oldest: TxnId) -> Error {
        Error::SnapshotNotFound { requested, oldest, latest: self.newest }
    }
}

impl fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.paths.active();
        f.debug_struct("LogFiles").field("log", &active).field("newest", &self.newest).finish()
    }
}

impl Past for LogFiles {
    fn uuid(&self) -> FileUuid {
        self.uuid
    }

    fn newest(&self) -> TxnId {
        self.newest
    }

    fn visit(&self, first: TxnId, last: TxnId, see: &mut dyn FnMut(CommitRecord)) -> Result<()> {
        let chain = Chain::discover(&self.storage, &self.paths)?;
        if chain.uuid() != Some(self.uuid) {
            return Err(self.missing(first, self.newest.next()));
        }
        let from = chain.start_for(first)?;
        let mut transactions = Transactions::new(Scanner::new(chain, from)?, None);
        let mut next = first;
        while next <= last {
            let Some(found) = transactions.next()? else {
                return Err(self.missing(next, self.newest.next()));
            };
            if found.txn_id > next {
                return Err(self.missing(next, found.txn_id));
            }
            if found.txn_id == next {
                see(CommitRecord::read(&mut transactions, found)?);
                next = next.next();
            }
        }
        Ok(())
    }
}
