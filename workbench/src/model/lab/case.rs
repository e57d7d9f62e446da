//! A case in a file: enough to crash the same way again, and what came of it.
//!
//! The lab saves and loads these; the test below runs every one in `goldens/crash_cases`, so that a
//! case somebody found stays tried.

use super::experiment::{Experiment, LabDisk};
use super::outcome::{Outcome, Verdict};
use crate::job::{Data, Desk, Job};
use crate::model::deed::Script;
use northstar_engine::TxnId;
use northstar_engine::sim::Fate;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Longest file that is taken for a case.
const CASE_BYTES_MAX: u64 = 1 << 20;

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The workload: deeds, in words.
    pub workload: Script,
    /// What the disk did with syncs.
    #[serde(default)]
    pub disk: LabDisk,
    /// Before which operation the power went.
    pub at: usize,
    /// What survived: `kept`, `lost`, `zeros`, `ones`, `noise N`, `foreign`.
    pub fates: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// The state recovery arrived at.
    pub recovered: Option<TxnId>,
}

impl Case {
    /// The case of an outcome.
    pub fn new(experiment: &Experiment, disk: LabDisk, fates: &[Fate], outcome: &Outcome) -> Self {
        Self {
            workload: experiment.script.clone(),
            disk,
            at: outcome.at,
            fates: fates.iter().map(|fate| fate_name(*fate)).collect(),
            verdict: outcome.verdict,
            recovered: outcome.recovered,
        }
    }

    /// Its fates.
    ///
    /// # Errors
    /// A word that is no fate.
    pub fn fates(&self) -> Result<Vec<Fate>, String> {
        self.fates
            .iter()
            .map(|name| fate_of(name).ok_or_else(|| format!("no fate is called {name}")))
            .collect()
    }
}

/// A case that was loaded, with its workload run.
#[derive(Clone, Debug)]
pub struct LoadedCase {
    /// Where it came from.
    pub path: PathBuf,
    /// The case.
    pub case: Case,
    /// Its fates.
    pub fates: Vec<Fate>,
    /// Its workload.
    pub experiment: Arc<Experiment>,
}

/// Loads a case from a file and runs its workload.
#[derive(Debug)]
pub struct LoadCase(pub PathBuf);

impl Job for LoadCase {
    fn name(&self) -> String {
        "load a case".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        let path = self.0;
        let wrong = |why: String| format!("{}: {why}", path.display());
        let bytes = std::fs::metadata(&path).map_err(|error| wrong(error.to_string()))?.len();
        if bytes > CASE_BYTES_MAX {
            return Err(wrong("too long for a case".to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let case: Case = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let fates = case.fates().map_err(wrong)?;
        let experiment =
            Experiment::run(case.workload.clone()).map_err(|error| wrong(error.to_string()))?;
        if case.at > experiment.trace.len() {
            let operations = experiment.trace.len();
            return Err(wrong(format!("it crashes at operation {} of {operations}", case.at)));
        }
        let experiment = Arc::new(experiment);
        Ok(Box::new(LoadedCase { path, case, fates, experiment }))
    }
}

/// A fate in a word.
pub fn fate_name(fate: Fate) -> String {
    match fate {
        Fate::Kept => "kept".to_owned(),
        Fate::Lost => "lost".to_owned(),
        Fate::Zeros => "zeros".to_owned(),
        Fate::Ones => "ones".to_owned(),
        Fate::Noise(seed) => format!("noise {seed}"),
        Fate::Foreign => "foreign".to_owned(),
    }
}

fn fate_of(name: &str) -> Option<Fate> {
    Some(match name {
        "kept" => Fate::Kept,
        "lost" => Fate::Lost,
        "zeros" => Fate::Zeros,
        "ones" => Fate::Ones,
        "foreign" => Fate::Foreign,
        name => Fate::Noise(name.strip_prefix("noise ")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_case_reads_back_and_is_the_same_again() {
        let script: Script = "put apple, checkpoint, put pear".parse().expect("a script");
        let experiment = Experiment::run(script).expect("the workload runs");
        let at = experiment.trace.len() / 2;
        let fates = [Fate::Kept, Fate::Noise(9), Fate::Zeros, Fate::Lost];
        let outcome = experiment.crash(at, LabDisk::Honest, &fates);
        let case = Case::new(&experiment, LabDisk::Honest, &fates, &outcome);
        let text = serde_json::to_string(&case).expect("JSON");
        let read: Case = serde_json::from_str(&text).expect("the same case");
        assert_eq!(read, case);
        assert_eq!(read.fates().as_deref(), Ok(&fates[..]));
        let again = Experiment::run(read.workload).expect("the workload runs");
        assert_eq!(again.crash(read.at, read.disk, &fates), outcome);
    }

    #[test]
    fn what_is_no_case_is_refused() {
        let case = |workload: &str, fate: &str| {
            format!(
                "{{\"workload\":\"{workload}\",\"at\":1,\"fates\":[\"{fate}\"],\
                 \"verdict\":\"kept\",\"recovered\":null}}"
            )
        };
        assert!(serde_json::from_str::<Case>(&case("put a", "kept")).is_ok());
        assert!(serde_json::from_str::<Case>(&case("dance", "kept")).is_err());
        let odd: Case = serde_json::from_str(&case("put a", "eaten")).expect("a case so far");
        assert_eq!(odd.fates(), Err("no fate is called eaten".to_owned()));
    }

    /// Every saved case still comes out as it did when it was saved.
    #[test]
    fn saved_cases_come_out_as_they_did() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens/crash_cases");
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a case");
            let case: Case = serde_json::from_str(&text).expect("a case");
            let fates = case.fates().expect("fates");
            let experiment = Experiment::run(case.workload.clone()).expect("the workload runs");
            let outcome = experiment.crash(case.at, case.disk, &fates);
            let found = Case::new(&experiment, case.disk, &fates, &outcome);
            assert_eq!(found, case, "{}: {}", path.display(), outcome.story);
            count += 1;
        }
        assert!(count >= 4, "{count} cases in {}", folder.display());
    }
}
