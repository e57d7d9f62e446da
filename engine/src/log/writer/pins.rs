//! What readers of the log hold back from trimming.
//!
//! Taken by the commit stream and by replays; asked by [`super::LogWriter::trim`]. Crash rule 12.

use crate::ids::Lsn;
use crate::sync::{Mutex, MutexGuard};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

/// Positions that readers hold.
#[derive(Debug, Default)]
pub(super) struct Pins {
    held: Mutex<BTreeMap<Lsn, usize>>,
}

impl Pins {
    fn held(&self) -> MutexGuard<'_, BTreeMap<Lsn, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lowest(&self) -> Option<Lsn> {
        self.held().keys().next().copied()
    }
}

/// Holds back trimming from a position on, while it lives.
#[derive(Debug)]
pub struct LogPin {
    pins: Arc<Pins>,
    lsn: Lsn,
}

impl LogPin {
    pub(super) fn new(pins: &Arc<Pins>, lsn: Lsn) -> Self {
        *pins.held().entry(lsn).or_insert(0) += 1;
        Self { pins: Arc::clone(pins), lsn }
    }

    /// The position held.
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Holds from a later position on.
    pub fn advance(&mut self, lsn: Lsn) {
        if lsn > self.lsn {
            *self.pins.held().entry(lsn).or_insert(0) += 1;
            self.release();
            self.lsn = lsn;
        }
    }

    fn release(&self) {
        let mut held = self.pins.held();
        if let Some(count) = held.get_mut(&self.lsn) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.lsn);
            }
        }
    }
}

impl Drop for LogPin {
    fn drop(&mut self) {
        self.release();
    }
}
