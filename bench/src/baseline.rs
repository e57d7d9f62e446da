//! Capturing a baseline: the summaries of a finished run, without what must not be compared later.
//!
//! Called by `bench capture-baseline`. A baseline is a result folder without repeats, so compare and gate
//! read both alike. Profile `ci` keeps counters only: its timings would cry wolf (bench/README.md). Without
//! timings, `dev_nvme` keeps the named metrics that are none (syncs a claim, file size): shown, not judged.

use crate::{
    error::{Error, Result},
    profile::Profile,
    result::{
        RunState, SummaryFile,
        store::{self, Store},
    },
};
use std::{collections::BTreeMap, path::Path};

/// Units of metrics that depend on the machine's speed. Break-even points are quotients of times.
const TIMING_UNITS: [&str; 3] = ["ns", "1/s", "questions"];

/// Copies what a baseline of `profile` holds from the finished run in `out` to `target`, replacing what is
/// there. Returns the number of benchmarks.
///
/// # Errors
/// [`Error::Usage`] when the run is not complete or of another profile; what reading and writing says.
pub fn capture(out: &Path, target: &Path, profile: Profile, keep_timings: bool) -> Result<usize> {
    let source = Store::new(out);
    let run = source.read_run()?;
    if run.profile != profile.name() {
        let (found, asked) = (&run.profile, profile.name());
        return Err(Error::Usage(format!("the run is of profile {found}, not {asked}")));
    }
    if run.state != RunState::Complete {
        let state = run.state;
        return Err(Error::Usage(format!(
            "only a complete run makes a baseline; this is {state:?}"
        )));
    }
    let mut files: BTreeMap<String, SummaryFile> = BTreeMap::new();
    let mut count = 0;
    for (_, mut summary) in source.read_summaries()? {
        if !keep_timings {
            summary.timing = None;
            let is_counted = |unit: &str| !TIMING_UNITS.contains(&unit);
            let keeps_any = profile == Profile::DevNvme;
            summary.metrics.retain(|metric| keeps_any && is_counted(&metric.unit));
        }
        count += 1;
        let bench = summary.identity.bench.clone();
        files.entry(bench.clone()).or_insert_with(|| SummaryFile::new(&bench)).insert(summary);
    }
    if target.exists() {
        std::fs::remove_dir_all(target).map_err(|e| Error::io("remove", target, e))?;
    }
    let target = Store::new(target);
    for (bench, file) in &files {
        store::write(&target.summary_path(bench), file)?;
    }
    target.write_run(&run)?;
    Ok(count)
}

/// Whether a baseline of `profile`, captured on `machine` words, keeps timings by default.
#[must_use]
pub fn keeps_timings(profile: Profile) -> bool {
    profile == Profile::DevNvme
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        machine::Machine,
        result::{
            Better, FORMAT, NamedMetric, Observer, RunFile, RunKind, store::tests::repeat_file,
        },
        source,
    };

    const PLACE: &str = "btree/point_get_hot_1m/records=1000";

    /// A run of one repeat with a metric that is counted and one that is timed.
    fn write_run(out: &Path, profile: Profile, state: RunState) {
        let store = Store::new(out);
        let metric = |name: &str, unit: &str| NamedMetric {
            name: name.into(),
            unit: unit.into(),
            better: Better::Lower,
            value: 2.0,
        };
        let mut repeat = repeat_file(0);
        repeat.measured.metrics = vec![metric("syncs_per_claim", "1"), metric("claim_p50", "ns")];
        store.write_repeat(PLACE, &repeat).expect("written");
        store.refresh_summary("btree/point_get_hot_1m", PLACE).expect("written");
        let run = RunFile {
            format: FORMAT.into(),
            kind: RunKind::Run,
            profile: profile.name().into(),
            seed: 1,
            repeats: 1,
            observer: Observer::None,
            machine: Machine::look(out),
            source: source::look(),
            plan: Vec::new(),
            state,
            failures: Vec::new(),
        };
        store.write_run(&run).expect("written");
    }

    #[test]
    fn a_baseline_has_the_counters_and_not_the_timings() {
        let folder = tempfile::tempdir().expect("a folder");
        let (out, target) = (folder.path().join("out"), folder.path().join("baseline"));
        write_run(&out, Profile::Ci, RunState::Cancelled);
        assert!(
            matches!(capture(&out, &target, Profile::Ci, false), Err(Error::Usage(_))),
            "not complete"
        );
        write_run(&out, Profile::Ci, RunState::Complete);
        assert_eq!(capture(&out, &target, Profile::Ci, false).expect("captured"), 1);
        let summaries = Store::new(&target).read_summaries().expect("read");
        let summary = &summaries[PLACE];
        assert_eq!(summary.timing, None);
        assert_eq!(summary.metrics, []);
        assert_eq!(summary.counters, repeat_file(0).measured.counters);
        assert!(!target.join(PLACE).exists(), "no repeats in a baseline");
        assert_eq!(capture(&out, &target, Profile::Ci, true).expect("captured again"), 1);
        let summaries = Store::new(&target).read_summaries().expect("read");
        assert!(summaries[PLACE].timing.is_some());
        assert_eq!(summaries[PLACE].metrics.len(), 2);
    }

    #[test]
    fn dev_nvme_keeps_the_metrics_that_are_no_timings() {
        let folder = tempfile::tempdir().expect("a folder");
        let (out, target) = (folder.path().join("out"), folder.path().join("baseline"));
        write_run(&out, Profile::DevNvme, RunState::Complete);
        let other = capture(&out, &target, Profile::Ci, false);
        assert!(matches!(other, Err(Error::Usage(_))), "a run of another profile: {other:?}");
        capture(&out, &target, Profile::DevNvme, false).expect("captured");
        let summaries = Store::new(&target).read_summaries().expect("read");
        let names: Vec<&str> = summaries[PLACE].metrics.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["syncs_per_claim"]);
    }
}
