//! What a database runs on: storage, randomness and time, all passed in.
//!
//! Made by `Options::open_on`; used by everything in `db` that makes or renames a file. With a
//! simulated storage and seeded randomness the engine is a function of its inputs.

use crate::disk::{Clock, Entropy, Storage};
use crate::error::Result;
use crate::sabotage::{self, Switch};
use std::{path::Path, sync::Arc};

/// Where a database lives, and what time and chance are there.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Environment {
    /// Makes the names in the directory of `path` durable.
    pub(crate) fn sync_directory(&self, path: &Path) -> Result<()> {
        if sabotage::on(Switch::SkipDirSync) {
            return Ok(());
        }
        self.storage.sync_dir(path.parent().unwrap_or(Path::new("")))
    }
}
