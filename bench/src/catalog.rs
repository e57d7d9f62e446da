//! The benchmarks: one plain list. `bench --list` prints it, the plan chooses from it.
//!
//! An entry is data and one function that sets the benchmark up. To add one: write a type with
//! [`Bench`] in `suite/`, add an entry to the list of its suite, run `bench capture-baseline`.
//! Names are fixed: results of years are compared by them.

use crate::{
    context::Context,
    error::{Error, Result},
    profile::Profile,
    recorder::Recorder,
    result::{Better, Class, NamedMetric, ParameterValue, Parameters},
    rng::Checksum,
    suite,
};
use northstar_engine::Stats;

/// A benchmark that has been set up.
pub trait Bench {
    /// Does `ops` operations; times them, and nothing else, with `recorder`.
    ///
    /// # Errors
    /// Any error fails the repeat.
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()>;

    /// Does `ops` operations that are not counted. The default does what `batch` does; a benchmark
    /// whose operations change what it measures warms up on something else.
    ///
    /// # Errors
    /// Any error fails the repeat.
    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.batch(ops, recorder)
    }

    /// What belongs to the operations and comes once, at the end: the last sync. Timed by itself.
    ///
    /// # Errors
    /// Any error fails the repeat.
    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        let _ = recorder;
        Ok(())
    }

    /// The engine's statistics, for the page counters; `None` if the database does not stay open.
    fn stats(&self) -> Option<Stats> {
        None
    }

    /// Proves that the operations did what they should, and hashes what they computed. Not timed.
    ///
    /// # Errors
    /// [`Error::Wrong`] when they did not.
    fn verify(&mut self, report: &mut Verification) -> Result<()>;
}

/// What a benchmark says about its own result.
#[derive(Debug, Default)]
pub struct Verification {
    /// Hash of what was computed; must not depend on time, threads or addresses.
    pub checksum: Checksum,
    /// Named metrics of the scenario.
    pub metrics: Vec<NamedMetric>,
    /// Remarks.
    pub notes: Vec<String>,
    /// Operations that failed.
    pub errors: u64,
}

impl Verification {
    /// Adds a named metric.
    pub fn metric(&mut self, name: &str, unit: &str, better: Better, value: f64) {
        self.metrics.push(NamedMetric { name: name.into(), unit: unit.into(), better, value });
    }

    /// Adds a remark.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// A parameter of a benchmark and its value in each profile.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its unit, for people.
    pub unit: &'static str,
    /// Its value in profile `ci`.
    pub ci: u64,
    /// Its value in profile `dev_nvme`: the size the benchmark's name speaks of.
    pub full: u64,
}

/// How many operations are counted: fixed before the run, never tuned by it.
#[derive(Clone, Copy, Debug)]
pub enum Ops {
    /// This many in profile `ci`, this many in full.
    Fixed(u64, u64),
    /// As many as there are records.
    Records,
    /// This share of the records, in percent.
    RecordsPercent(u64),
}

/// One entry of the list.
#[derive(Clone, Copy)]
pub struct Entry {
    /// `suite/name`.
    pub id: &'static str,
    /// Rises when the work changes: older results are then incomparable.
    pub version: u32,
    /// Why it exists, in one line.
    pub why: &'static str,
    /// Whether a regression of it fails the gate.
    pub critical: bool,
    /// How repeatable its counters are.
    pub class: Class,
    /// Parameters.
    pub parameters: &'static [Parameter],
    /// A word each run of it takes one value of (`engine=...`), and those values.
    pub words: Option<(&'static str, &'static [&'static str])>,
    /// Counted operations.
    pub ops: Ops,
    /// Operations before them.
    pub warmup_ops: (u64, u64),
    /// What one operation is: "get", "commit", "row".
    pub unit: &'static str,
    /// Every how many operations one is timed alone.
    pub sample_every: u64,
    /// Batches are whole multiples of this many operations.
    pub granule: fn(&Context) -> u64,
    /// Sets it up.
    pub setup: fn(&Context) -> Result<Box<dyn Bench>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One operation at a time.
pub const fn single(_: &Context) -> u64 {
    1
}

impl Entry {
    /// The part of the id before the slash.
    #[must_use]
    pub fn suite(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(suite, _)| suite)
    }

    /// Counted operations with `params` under `profile`.
    #[must_use]
    pub fn ops(&self, profile: Profile, params: &Parameters) -> u64 {
        let records = match params.get("records") {
            Some(ParameterValue::Number(records)) => *records,
            _ => 0,
        };
        match self.ops {
            Ops::Fixed(ci, full) => profile.pick(ci, full),
            Ops::Records => records,
            Ops::RecordsPercent(percent) => records * percent / 100,
        }
    }

    /// Its parameters under `profile`, one set for each word; `records` replaces the parameter of
    /// that name.
    #[must_use]
    pub fn parameter_sets(&self, profile: Profile, records: Option<u64>) -> Vec<Parameters> {
        let numbers: Parameters = self
            .parameters
            .iter()
            .map(|parameter| {
                let value = match records.filter(|_| parameter.name == "records") {
                    Some(records) => records,
                    None => profile.pick(parameter.ci, parameter.full),
                };
                (parameter.name.to_owned(), ParameterValue::Number(value))
            })
            .collect();
        let Some((name, words)) = self.words else { return vec![numbers] };
        let with = |word: &&str| {
            let mut set = numbers.clone();
            set.insert(name.to_owned(), ParameterValue::Word((*word).to_owned()));
            set
        };
        words.iter().map(with).collect()
    }
}

/// Every benchmark, in the order of the suites.
#[must_use]
pub fn all() -> Vec<Entry> {
    let mut entries = Vec::new();
    entries.extend_from_slice(suite::pager::ENTRIES);
    entries.extend_from_slice(suite::btree::ENTRIES);
    entries.extend_from_slice(suite::mvcc::ENTRIES);
    entries.extend_from_slice(suite::log::ENTRIES);
    entries.extend_from_slice(suite::timetravel::ENTRIES);
    entries.extend_from_slice(suite::r#macro::ENTRIES);
    entries.extend_from_slice(suite::hardening::ENTRIES);
    #[cfg(feature = "peers")]
    entries.extend_from_slice(crate::peers::ENTRIES);
    #[cfg(feature = "peers")]
    entries.extend_from_slice(crate::peers::claims::ENTRIES);
    entries
}

/// The benchmark called `id`.
///
/// # Errors
/// [`Error::Usage`] when there is none.
pub fn find(id: &str) -> Result<Entry> {
    let found = all().into_iter().find(|entry| entry.id == id);
    found.ok_or_else(|| Error::Usage(format!("no benchmark is called {id:?}; see bench --list")))
}

/// The benchmarks whose id contains any of `filters` (all for none) and whose suite is one of
/// `suites` (any for none). Those of the suite `peers` only when they are asked for.
///
/// # Errors
/// [`Error::Usage`] when nothing is left, or a filter or suite finds nothing: a typing error must not
/// look like a success.
pub fn choose(filters: &[String], suites: &[String]) -> Result<Vec<Entry>> {
    let entries = all();
    if let Some(suite) = suites.iter().find(|s| !entries.iter().any(|e| e.suite() == s.as_str())) {
        return Err(Error::Usage(format!("no suite is called {suite:?}; see bench --list")));
    }
    if let Some(filter) =
        filters.iter().find(|f| !entries.iter().any(|e| e.id.contains(f.as_str())))
    {
        return Err(Error::Usage(format!("no benchmark's name contains {filter:?}")));
    }
    let in_suite = |entry: &Entry| match suites {
        [] => entry.suite() != "peers" || filters.iter().any(|filter| entry.id.contains(&**filter)),
        suites => suites.iter().any(|suite| suite == entry.suite()),
    };
    let named = |entry: &Entry| {
        filters.is_empty() || filters.iter().any(|filter| entry.id.contains(filter.as_str()))
    };
    let chosen: Vec<Entry> =
        entries.into_iter().filter(|entry| in_suite(entry) && named(entry)).collect();
    if chosen.is_empty() {
        return Err(Error::Usage("the filters and suites leave no benchmark".into()));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The names the design fixes. Removing one breaks everybody's stored results.
    const FIXED: &[&str] = &[
        "pager/open_close_empty",
        "pager/read_page_random_16k_hot",
        "pager/read_page_random_16k_cold",
        "pager/commit_meta_fsync",
        "pager/checksum_verify_16k",
        "btree/build_sequential_insert_1m",
        "btree/build_random_insert_1m",
        "btree/point_get_hot_1m",
        "btree/range_scan_1k_rows_hot",
        "btree/point_put_update_10pct_hot",
        "btree/delete_10pct",
        "mvcc/snapshot_open_close",
        "mvcc/readers_256_point_get_hot",
        "mvcc/writer_commits_with_readers_128",
        "log/append_commit_record",
        "log/replay_into_memtable",
        "timetravel/open_snapshot_by_txn",
        "macro/task_queue_claims",
        "macro/pending_tasks_cartridge",
        "hardening/recovery_time",
    ];

    #[test]
    fn every_fixed_name_is_there_and_names_are_unique() {
        let ids: Vec<&str> = all().iter().map(|entry| entry.id).collect();
        for id in FIXED {
            assert!(ids.contains(id), "{id}");
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn entries_are_well_formed() {
        for entry in all() {
            let id = entry.id;
            let ok =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '/');
            assert!(id.chars().all(ok) && id.matches('/').count() == 1, "{id}");
            assert!(entry.why.len() > 20, "{id}: says why it exists");
            assert!(entry.version >= 1 && entry.sample_every >= 1, "{id}");
            for profile in Profile::ALL {
                for params in entry.parameter_sets(profile, None) {
                    let ops = entry.ops(profile, &params);
                    assert!(ops >= entry.sample_every, "{id}, {profile:?}: one operation is timed");
                }
            }
        }
    }

    #[test]
    fn a_choice_never_silently_finds_nothing() {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(choose(&words(&["point_get_hot_1m"]), &[]).expect("one").len(), 1);
        assert!(
            choose(&[], &words(&["pager"])).expect("some").iter().all(|e| e.suite() == "pager")
        );
        assert!(choose(&[], &[]).expect("all").iter().all(|e| e.suite() != "peers"));
        for (filters, suites) in [
            (vec!["nothing_like_it"], vec![]),
            (vec![], vec!["pagre"]),
            (vec!["point_get"], vec!["log"]),
        ] {
            assert!(choose(&words(&filters), &words(&suites)).is_err(), "{filters:?} {suites:?}");
        }
    }
}
