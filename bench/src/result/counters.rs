//! The counters of a repeat: one field a counter, absent where it cannot be known.
//!
//! Filled by the worker from three sources: the counting storage (calls and bytes), the engine's own
//! statistics (pages), the counting allocator. Compared by the gate as integers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What was counted in the timed section. All exact for a benchmark of class `exact`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Counters {
            $($(#[doc = $doc])+
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $name: Option<u64>,)+
        }

        impl Counters {
            /// Every counter's name, in the order of the fields.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The counter called `name`.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => self.$name,)+
                    _ => None,
                }
            }

            /// Sets the counter called `name`; whether there is one.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => self.$name = Some(value),)+
                    _ => return false,
                }
                true
            }
        }
    };
}

counters! {
    /// Syncs of a file's data and length (fsync).
    fsyncs,
    /// Syncs of a file's data (fdatasync).
    fdatasyncs,
    /// Syncs of a directory.
    dir_syncs,
    /// Write calls.
    write_calls,
    /// Bytes written, log included.
    bytes_written,
    /// Bytes written to the log.
    log_bytes_written,
    /// Read calls.
    read_calls,
    /// Bytes read.
    bytes_read,
    /// Files created.
    files_created,
    /// Pages looked up: hits and misses.
    pages_touched,
    /// Pages read from storage.
    pages_read,
    /// Pages written to storage.
    pages_written,
    /// Pages allocated by the tree and the rest of the engine.
    pages_allocated,
    /// Look-ups that found the page in the pool.
    cache_hits,
    /// Pages put out of the pool.
    cache_evictions,
    /// Commits.
    commits,
    /// Checkpoints.
    checkpoints,
    /// Meta slots written.
    meta_writes,
    /// Allocations of memory; a reallocation is one.
    alloc_count,
    /// Bytes of memory asked for.
    alloc_bytes,
    /// Most bytes alive at once, of those allocated in the timed section.
    alloc_peak_bytes,
}

impl Counters {
    /// The counters that are known, by name.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Self::NAMES.iter().filter_map(|name| Some((*name, self.get(name)?)))
    }

    /// Names of the counters that differ, with both values.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, Option<u64>, Option<u64>)> {
        let pairs = Self::NAMES.iter().map(|name| (*name, self.get(name), other.get(name)));
        pairs.filter(|(_, mine, theirs)| mine != theirs).collect()
    }

    /// fsync, fdatasync and directory syncs together.
    #[must_use]
    pub fn syncs(&self) -> Option<u64> {
        Some(self.fsyncs? + self.fdatasyncs? + self.dir_syncs?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_reach_their_fields() {
        let mut counters = Counters::default();
        for (value, name) in Counters::NAMES.iter().enumerate() {
            assert!(counters.set(name, value as u64), "{name}");
        }
        assert!(!counters.set("no_such", 1));
        for (value, name) in Counters::NAMES.iter().enumerate() {
            assert_eq!(counters.get(name), Some(value as u64), "{name}");
        }
        assert_eq!(counters.known().count(), Counters::NAMES.len());
        assert_eq!(counters.syncs(), Some(1 + 2));
        let other = Counters { fsyncs: Some(9), ..counters.clone() };
        assert_eq!(counters.differences(&other), [("fsyncs", Some(0), Some(9))]);
    }
}
