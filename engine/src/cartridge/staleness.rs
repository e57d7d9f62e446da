//! Whether a cartridge still answers for the database, and why not.
//!
//! Three triggers, each with its reason: how many transactions passed; whether a commit since touched a
//! key the type reads (found in the commit stream); how old the file is. Time is passed in.

use super::build::{self, BuildReport, BuildRequest, build};
use super::{Cartridge, CartridgeType, Past};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::TxnId;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// When a cartridge counts as stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Stale when more transactions than this have passed; `None` for any number.
    pub txns_max: Option<u64>,
    /// Stale when a commit since touched a key the type reads.
    pub on_input_change: bool,
    /// Stale when older than this; `None` for any age.
    pub age_max: Option<Duration>,
}

impl Default for Policy {
    /// Stale as soon as an input changed, and not before.
    fn default() -> Self {
        Self { txns_max: None, on_input_change: true, age_max: None }
    }
}

/// Why a cartridge is stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It was built from another database.
    OtherDatabase,
    /// Its TxnId now names another commit: the one it was built from was lost.
    OtherHistory,
    /// The log no longer holds the commits since, so nobody can tell what changed.
    Unknown,
    /// It was built by another version of its type, or with other options.
    OtherBuild,
    /// More transactions passed than the policy allows.
    TxnsPassed {
        /// How many passed.
        passed: u64,
        /// How many may.
        allowed: u64,
    },
    /// Commits since touched keys it reads.
    InputChanged {
        /// The first that did.
        first: TxnId,
        /// The last that did.
        last: TxnId,
        /// How many did.
        commits: u64,
    },
    /// It is older than the policy allows.
    TooOld {
        /// Its age in milliseconds.
        age_ms: u64,
        /// The allowed age in milliseconds.
        allowed_ms: u64,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherDatabase => f.write_str("built from another database"),
            Self::OtherHistory => f.write_str("built from a commit that this database has lost"),
            Self::Unknown => f.write_str("the log no longer holds the commits since"),
            Self::OtherBuild => f.write_str("built by another version or with other options"),
            Self::TxnsPassed { passed, allowed } => {
                write!(f, "{passed} transactions passed, {allowed} allowed")
            }
            Self::InputChanged { first, last, commits } => {
                write!(f, "inputs touched by {commits} commits, {first} to {last}")
            }
            Self::TooOld { age_ms, allowed_ms } => {
                write!(f, "{age_ms} ms old, {allowed_ms} ms allowed")
            }
        }
    }
}

/// How a cartridge stands to a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Staleness {
    /// The state it was built from.
    pub built_at: TxnId,
    /// The newest durable state.
    pub now_at: TxnId,
    /// Why it is stale; empty when it is fresh.
    pub reasons: Vec<Reason>,
}

impl Staleness {
    /// Whether no reason stands against it.
    pub fn is_fresh(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Judges `cartridge` against a database. `age` is how long ago the file was written, where known.
///
/// Cost: reads the commits since the cartridge was built, when the policy asks for inputs.
///
/// # Errors
/// `Corrupt` or `Io` from the log.
pub fn staleness<T: CartridgeType>(
    past: &dyn Past,
    kind: &T,
    cartridge: &Cartridge,
    policy: &Policy,
    age: Option<Duration>,
) -> Result<Staleness> {
    let header = cartridge.header();
    let now_at = past.newest();
    let built_at = header.source_txn;
    let mut reasons = Vec::new();
    if header.type_version != T::VERSION || cartridge.options() != kind.options() {
        reasons.push(Reason::OtherBuild);
    }
    if header.source_uuid != past.uuid() {
        reasons.push(Reason::OtherDatabase);
        return Ok(Staleness { built_at, now_at, reasons });
    }
    let passed = now_at.get().saturating_sub(built_at.get());
    match build::is_ancestor(past, cartridge)? {
        Some(false) => reasons.push(Reason::OtherHistory),
        None if policy.on_input_change && passed > 0 => reasons.push(Reason::Unknown),
        Some(true) if policy.on_input_change && passed > 0 => {
            reasons.extend(input_change(past, kind, built_at, now_at)?);
        }
        _ => {}
    }
    if let Some(allowed) = policy.txns_max
        && passed > allowed
    {
        reasons.push(Reason::TxnsPassed { passed, allowed });
    }
    if let (Some(allowed), Some(age)) = (policy.age_max, age)
        && age > allowed
    {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        reasons.push(Reason::TooOld { age_ms: ms(age), allowed_ms: ms(allowed) });
    }
    Ok(Staleness { built_at, now_at, reasons })
}

/// The commits since that touched a key the type reads, or that nobody can tell.
fn input_change<T: CartridgeType>(
    past: &dyn Past,
    kind: &T,
    built_at: TxnId,
    now_at: TxnId,
) -> Result<Option<Reason>> {
    let prefixes = kind.prefixes();
    let mut change: Option<(TxnId, TxnId, u64)> = None;
    let seen = past.visit(built_at.next(), now_at, &mut |commit| {
        if commit.ops.iter().any(|op| build::touches(op, &prefixes)) {
            let (first, _, count) = change.unwrap_or((commit.txn_id, commit.txn_id, 0));
            change = Some((first, commit.txn_id, count + 1));
        }
    });
    match seen {
        Err(Error::SnapshotNotFound { .. }) => Ok(Some(Reason::Unknown)),
        seen => seen.map(|()| {
            change.map(|(first, last, commits)| Reason::InputChanged { first, last, commits })
        }),
    }
}

/// Builds the cartridge at `path` again when it is missing, unreadable or stale; what was built, or
/// `None` when it is fresh. Starts from the old one where that is possible.
///
/// # Errors
/// As [`build`].
pub fn rebuild_if_stale<T: CartridgeType>(
    db: &Db,
    kind: &T,
    path: impl AsRef<Path>,
    policy: &Policy,
    age: Option<Duration>,
) -> Result<Option<BuildReport>> {
    let path = path.as_ref();
    // Any damage is answered by building again: the database has everything a cartridge has. Read, not
    // mapped: every byte is looked at once, and nobody knows who else may truncate the file.
    let old = Cartridge::read(path).ok();
    if let Some(old) = &old
        && old.type_name() == T::NAME
        && old.verify_sections().is_ok()
        && staleness(db, kind, old, policy, age)?.is_fresh()
    {
        return Ok(None);
    }
    let request = BuildRequest { previous: old.as_ref(), ..BuildRequest::default() };
    build(db, kind, path, request).map(Some)
}
