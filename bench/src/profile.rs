//! The two sizes everything is run in.
//!
//! `ci` is trimmed to under a minute in all and lies in memory, so that counters are exact anywhere;
//! `dev_nvme` runs the sizes the names speak of, on the disk of the data folder.

use crate::{
    error::{Error, Result},
    result::StorageKind,
};

/// A size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Trimmed, in memory.
    #[default]
    Ci,
    /// Full, on disk.
    DevNvme,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Ci, Self::DevNvme];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::DevNvme => "dev_nvme",
        }
    }

    /// The profile called `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == name);
        found.ok_or_else(|| Error::Usage(format!("no profile is called {name:?}: ci or dev_nvme")))
    }

    /// Whether it runs less than the names say.
    #[must_use]
    pub const fn trimmed(self) -> bool {
        matches!(self, Self::Ci)
    }

    /// Where its databases lie.
    #[must_use]
    pub const fn storage(self) -> StorageKind {
        match self {
            Self::Ci => StorageKind::Memory,
            Self::DevNvme => StorageKind::Disk,
        }
    }

    /// Repeats when nothing else is said.
    #[must_use]
    pub const fn repeats(self) -> u32 {
        match self {
            Self::Ci => 2,
            Self::DevNvme => 7,
        }
    }

    /// The value for this profile.
    #[must_use]
    pub const fn pick(self, ci: u64, full: u64) -> u64 {
        match self {
            Self::Ci => ci,
            Self::DevNvme => full,
        }
    }
}
