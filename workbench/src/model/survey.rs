//! The check of everything: what is reachable, what is free, what is wrong, what is worth knowing.

use crate::job::{Data, Desk, Job};
use northstar_engine::examine::examine;
use northstar_engine::inspect::Severity;
use northstar_engine::inspect::find::Survey;

/// Files up to this size are checked without being asked.
pub const CHECK_UNASKED_BYTES_MAX: u64 = 256 << 20;

/// Checks everything, the cartridges named for the database included.
#[derive(Debug)]
pub struct CheckAll;

impl Job for CheckAll {
    fn name(&self) -> String {
        "check everything".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let found = examine(&source, &mut |done, total| desk.progress(done, total));
        if found.survey.report.cancelled {
            return Err("the check was stopped; ctrl-k starts it again".to_owned());
        }
        Ok(Box::new(found))
    }
}

/// How many problems of a severity.
pub fn count(survey: &Survey, severity: Severity) -> u64 {
    let of = survey.report.problems.iter().filter(|problem| problem.severity == severity);
    of.count() as u64
}
