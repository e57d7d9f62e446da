//! The inside of an open database: files, metas and the core that transactions share.
//!
//! Made by `db::open`; used by everything in `db`. Lives until the last handle is gone.
//!
//! Locks, in the order they may be taken: the writer gate, [`Shared::metas`], then the core's.

use crate::db::background::Background;
use crate::db::environment::Environment;
use crate::db::metas::Metas;
use crate::db::options::Options;
use crate::disk::{File, LockRange};
use crate::error::{Error, Result};
use crate::ids::FileUuid;
use crate::log::LogPaths;
use crate::sync::{Mutex, MutexGuard};
use crate::txn::core::Core;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, PoisonError, TryLockError},
};

/// An open database.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) environment: Environment,
    /// The resolved path of the database file.
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) uuid: FileUuid,
    pub(crate) log_paths: LogPaths,
    pub(crate) options: Options,
    metas: Mutex<Metas>,
    /// What preparing the free space came to; unset before the first write.
    pub(crate) space: OnceLock<Result<()>>,
    pub(crate) background: Mutex<Option<Background>>,
}

impl Shared {
    pub(crate) fn new(core: Arc<Core>, parts: Parts, metas: Metas) -> Arc<Self> {
        Arc::new(Self {
            core,
            environment: parts.environment,
            path: parts.path,
            file: parts.file,
            uuid: parts.uuid,
            log_paths: parts.log_paths,
            options: parts.options,
            metas: Mutex::new(metas),
            space: OnceLock::new(),
            background: Mutex::new(None),
        })
    }

    /// The metas, locked: one checkpoint at a time.
    pub(crate) fn metas(&self) -> MutexGuard<'_, Metas> {
        self.metas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metas, unless somebody holds them.
    pub(crate) fn try_metas(&self) -> Option<MutexGuard<'_, Metas>> {
        match self.metas.try_lock() {
            Ok(metas) => Some(metas),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Stops the background thread and waits for it.
    pub(crate) fn stop_background(&self) {
        let background = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(background);
    }

    /// Syncs, checkpoints and lets go of the file. Nothing works afterwards.
    ///
    /// # Errors
    /// `Busy` while transactions live, and then nothing has happened; else what syncing and the
    /// checkpoint failed with.
    pub(crate) fn close(&self) -> Result<()> {
        let core = &self.core;
        if core.is_forked() {
            // The files and their locks belong to the parent.
            core.mark_closed();
            return Ok(());
        }
        if core.log.is_none() {
            return core.mark_closed_unless_read().map(drop);
        }
        if !core.gate.try_enter() {
            return Err(Error::Busy);
        }
        let closed_now = core.mark_closed_unless_read();
        core.gate.leave();
        if !closed_now? {
            return Ok(());
        }
        self.stop_background();
        let result = self.settle_for_close();
        // From here on another process may own the files: whoever waits to checkpoint comes too late.
        self.metas().let_go = true;
        let unlocked = self.file.unlock(LockRange::Writer);
        result.and(unlocked)
    }

    fn settle_for_close(&self) -> Result<()> {
        let core = &self.core;
        if core.is_poisoned() {
            return Err(Error::Poisoned);
        }
        let log = core.log()?;
        log.sync_all()?;
        core.publish()?;
        let visible = core.registry.visible().txn_id;
        let stored = self.metas().current().meta.txn_id;
        if visible != stored || self.settings_changed() {
            self.checkpoint_now()?;
        }
        log.close()
    }

    /// Whether the options differ from what the newest meta stores.
    pub(crate) fn settings_changed(&self) -> bool {
        let metas = self.metas();
        let meta = &metas.current().meta;
        meta.history_last != metas.history_limit
            || (meta.retention, meta.retention_bytes) != metas.retention.to_meta()
    }
}

/// What a `Shared` is made of.
pub(crate) struct Parts {
    pub(crate) environment: Environment,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) uuid: FileUuid,
    pub(crate) log_paths: LogPaths,
    pub(crate) options: Options,
}
