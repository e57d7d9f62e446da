//! Capturing a baseline: the summaries of a finished run, without what must not be compared later.
//!
//! Called by `bench capture-baseline`. A baseline is a result folder without repeats, so compare and gate
//! read both alike. Profile `ci` keeps counters only: its timings would cry wolf (bench/README.md).

use crate::{
    error::{Error, Result},
    profile::Profile,
    result::{
        RunState, SummaryFile,
        store::{self, Store},
    },
};
use std::{collections::BTreeMap, path::Path};

/// Copies what a baseline holds from the finished run in `out` to `target`, replacing what is there.
/// Returns the number of benchmarks.
///
/// # Errors
/// [`Error::Usage`] when the run is not complete; what reading and writing says.
pub fn capture(out: &Path, target: &Path, keep_timings: bool) -> Result<usize> {
    let source = Store::new(out);
    let run = source.read_run()?;
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
            summary.metrics.clear();
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
        result::{FORMAT, Observer, RunFile, RunKind, store::tests::repeat_file},
        source,
    };

    #[test]
    fn a_baseline_has_the_counters_and_not_the_timings() {
        let folder = tempfile::tempdir().expect("a folder");
        let (out, target) = (folder.path().join("out"), folder.path().join("baseline"));
        let store = Store::new(&out);
        let place = "btree/point_get_hot_1m/records=1000";
        store.write_repeat(place, &repeat_file(0)).expect("written");
        store.refresh_summary("btree/point_get_hot_1m", place).expect("written");
        let mut run = RunFile {
            format: FORMAT.into(),
            kind: RunKind::Run,
            profile: "ci".into(),
            seed: 1,
            repeats: 1,
            observer: Observer::None,
            machine: Machine::look(&out),
            source: source::look(),
            plan: Vec::new(),
            state: RunState::Cancelled,
            failures: Vec::new(),
        };
        store.write_run(&run).expect("written");
        assert!(matches!(capture(&out, &target, false), Err(Error::Usage(_))), "not complete");
        run.state = RunState::Complete;
        store.write_run(&run).expect("written");
        assert_eq!(capture(&out, &target, false).expect("captured"), 1);
        let summaries = Store::new(&target).read_summaries().expect("read");
        let summary = &summaries[place];
        assert_eq!(summary.timing, None);
        assert_eq!(summary.counters, repeat_file(0).measured.counters);
        assert!(!target.join(place).exists(), "no repeats in a baseline");
        assert_eq!(capture(&out, &target, true).expect("captured again"), 1);
        let summaries = Store::new(&target).read_summaries().expect("read");
        assert!(summaries[place].timing.is_some());
    }
}
