//! The shelf: every type of cartridge this program has, told apart by the name in the header, and the
//! cartridges that are named for a database.
//!
//! Called by those who meet any cartridge: the command line, the workbench, [`crate::examine`]. Who knows the
//! type uses [`crate::cartridge`] with it. A new type is a line in `types!`.

use crate::cartridge::prefix_counts::PrefixCounts;
use crate::cartridge::{
    BuildReport, BuildRequest, Cartridge, CartridgeType, LogFiles, Past, Policy, Staleness, build,
    is_cartridge, rebuild_if_stale, staleness, type_of,
};
use crate::db::Db;
use crate::disk::{Storage as _, file::RealStorage};
use crate::error::{Error, Result};
use crate::ids::{FileUuid, TxnId};
use crate::printable::Printable;
use crate::queue::pending_tasks::PendingTasks;
use std::path::{Path, PathBuf};
use std::time::Duration;

macro_rules! types {
    ($( #[doc = $doc:literal] $kind:ident($of:ty), )*) => {
        /// A type of cartridge, with its options.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Kind { $( #[doc = $doc] $kind($of), )* }

        impl Kind {
            /// The names of all types, as in headers.
            pub const NAMES: &[&str] = &[$( <$of>::NAME, )*];

            /// The type of `cartridge`, with the options it was built with.
            ///
            /// # Errors
            /// `InvalidArgument` for a type that this program does not have; as [`type_of`].
            pub fn of(cartridge: &Cartridge) -> Result<Self> {
                match cartridge.type_name() {
                    $( <$of>::NAME => type_of::<$of>(cartridge).map(Self::$kind), )*
                    name => {
                        let name = Printable::capped(name, 64);
                        let why = format!("a cartridge of type {name}, which this program does not know");
                        Err(Error::InvalidArgument(why))
                    }
                }
            }

            /// The type's name, as in headers.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$kind(_) => <$of>::NAME, )* }
            }

            /// Checks every checksum of `cartridge` and every rule of the type.
            ///
            /// # Errors
            /// `Corrupt` with the rule that is broken.
            pub fn check(&self, cartridge: &Cartridge) -> Result<()> {
                cartridge.verify_sections()?;
                match self { $( Self::$kind(kind) => kind.check(cartridge), )* }
            }

            /// As [`staleness`].
            ///
            /// # Errors
            /// As [`staleness`].
            pub fn staleness(
                &self,
                past: &dyn Past,
                cartridge: &Cartridge,
                policy: &Policy,
                age: Option<Duration>,
            ) -> Result<Staleness> {
                match self {
                    $( Self::$kind(kind) => staleness(past, kind, cartridge, policy, age), )*
                }
            }

            /// As [`build`].
            ///
            /// # Errors
            /// As [`build`].
            pub fn build(
                &self,
                db: &Db,
                out: &Path,
                request: BuildRequest<'_>,
            ) -> Result<BuildReport> {
                match self { $( Self::$kind(kind) => build(db, kind, out, request), )* }
            }

            /// As [`rebuild_if_stale`].
            ///
            /// # Errors
            /// As [`rebuild_if_stale`].
            pub fn rebuild_if_stale(
                &self,
                db: &Db,
                path: &Path,
                policy: &Policy,
                age: Option<Duration>,
            ) -> Result<Option<BuildReport>> {
                match self {
                    $( Self::$kind(kind) => rebuild_if_stale(db, kind, path, policy, age), )*
                }
            }
        }
    };
}

types! {
    #[doc = "Ready tasks of a queue, by type, in the order of claims."]
    PendingTasks(PendingTasks),
    #[doc = "Rows and bytes by key prefix."]
    PrefixCounts(PrefixCounts),
}

/// The cartridges named for the database at `database`: files in its folder whose names start with its
/// name and a dot, sorted. None when the folder cannot be listed.
pub fn named_for(database: &Path) -> Vec<PathBuf> {
    let folder = database.parent().unwrap_or(Path::new(""));
    let Some(name) = database.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let names = RealStorage::new().list(folder, &format!("{name}.")).unwrap_or_default();
    let paths = names.into_iter().map(|name| folder.join(name));
    paths.filter(|path| is_cartridge(path)).collect()
}

/// Checks every checksum of `cartridge`, and every rule of its type where this program has the type.
///
/// # Errors
/// `Corrupt` with the rule that is broken.
pub fn check(cartridge: &Cartridge) -> Result<()> {
    if Kind::NAMES.contains(&cartridge.type_name()) {
        return Kind::of(cartridge)?.check(cartridge);
    }
    cartridge.verify_sections()
}

/// How `cartridge` stands to the database at `database`, of which identity and newest state were read: judged
/// by the files of its log alone, by the default policy. Takes no lock.
///
/// # Errors
/// As [`staleness`]; `Io` when the path cannot be resolved.
pub fn judge(
    database: &Path,
    (uuid, newest): (FileUuid, TxnId),
    kind: &Kind,
    cartridge: &Cartridge,
) -> Result<Staleness> {
    let log = LogFiles::of(database, uuid, newest)?;
    kind.staleness(&log, cartridge, &Policy::default(), None)
}
