//! Stops or holds a run from outside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often the runner looks whether it was cancelled.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Stops or holds a run from another thread or a signal handler. Clones share one run.
#[derive(Clone, Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
}

impl Control {
    /// Ends the run: the worker at work is killed, what is complete stays.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether the run was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Holds the run before its next repeat, or lets it go on. The repeat at work is not disturbed.
    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    /// Whether the run is held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    pub(super) fn wait_while_paused(&self) {
        while self.is_paused() && !self.is_cancelled() {
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}
