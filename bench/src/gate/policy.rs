//! The thresholds, from `bench/policy.toml` or another file of that form.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// The policy that is compiled in.
pub const COMMITTED: &str = include_str!("../../policy.toml");

/// All thresholds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Tier 0, by name of the counter.
    pub counters: BTreeMap<String, CounterRule>,
    /// Tiers 1 and 2.
    pub timing: TimingPolicy,
}

/// How much a counter may rise.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterRule {
    /// In percent; 0 for not at all.
    pub max_percent: f64,
    /// A rise below this much an operation is not judged.
    #[serde(default)]
    pub floor_per_op: f64,
}

impl CounterRule {
    /// Whether `now` is allowed where `old` was, at `ops` operations.
    #[must_use]
    pub fn allows(&self, old: u64, now: u64, ops: u64) -> bool {
        if now <= old {
            return true;
        }
        let rise = (now - old) as f64;
        rise <= old as f64 * self.max_percent / 100.0
            || self.floor_per_op > 0.0 && rise < self.floor_per_op * ops as f64
    }
}

/// Thresholds of timings.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingPolicy {
    /// Operations a second.
    pub throughput: TimingRule,
    /// Median latency; judged in pairs only.
    pub p50: TimingRule,
    /// 99th percentile of latency.
    pub p99: TimingRule,
    /// CPU time an operation.
    pub cpu: TimingRule,
    /// Fewest samples for a p99 to be judged.
    pub p99_samples_min: u64,
    /// Greatest coefficient of variation in tier 2.
    pub cv_max: f64,
    /// Fewest repeats in tier 2.
    pub repeats_min: u32,
}

/// How much worse a timing may be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingRule {
    /// In percent: throughput down, latency or CPU time up.
    pub max_percent: f64,
    /// Changes below this many nanoseconds an operation are not judged.
    pub floor_ns: f64,
}

impl Policy {
    /// The policy that is compiled in.
    ///
    /// # Panics
    /// Never: a test parses it.
    #[must_use]
    pub fn committed() -> Self {
        toml::from_str(COMMITTED).expect("a test parses the committed policy")
    }

    /// The policy in `path`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file is no policy, or judges a counter that does not exist.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let policy: Self = toml::from_str(&text)
            .map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
        policy.check().map_err(|why| Error::Usage(format!("{}: {why}", path.display())))?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        let known = crate::result::Counters::NAMES;
        match self.counters.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("there is no counter called {name:?}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_policy_has_the_required_thresholds() {
        let policy = Policy::committed();
        policy.check().expect("all counters exist");
        assert_eq!(policy.timing.throughput.max_percent, 5.0);
        assert_eq!(policy.timing.p50.max_percent, 5.0);
        assert_eq!(policy.timing.p99.max_percent, 10.0);
        assert_eq!(policy.counters["alloc_count"].max_percent, 5.0);
        for name in ["fsyncs", "fdatasyncs", "dir_syncs", "write_calls"] {
            assert_eq!(policy.counters[name].max_percent, 0.0, "{name}: no increase");
        }
    }

    #[test]
    fn rules_at_their_edges() {
        let none = CounterRule { max_percent: 0.0, floor_per_op: 0.0 };
        let five = CounterRule { max_percent: 5.0, floor_per_op: 0.001 };
        let cases = [
            ("equal", none, 10, 10, true),
            ("less", none, 10, 9, true),
            ("one more sync", none, 10, 11, false),
            ("the first sync", none, 0, 1, false),
            ("exactly five percent", five, 1_000_000, 1_050_000, true),
            ("a hair over", five, 1_000_000, 1_050_001, false),
            ("from nothing, below the floor", five, 0, 9, true),
            ("from nothing, at the floor", five, 0, 10, false),
        ];
        for (name, rule, old, now, expected) in cases {
            assert_eq!(rule.allows(old, now, 10_000), expected, "{name}");
        }
    }
}
