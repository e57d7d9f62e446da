//! A run of one benchmark: the runner starts a process a repeat, its events are passed on as they come.

use super::{Baseline, Outcome, Profile, plan};
use crate::job::{Data, Desk, Job};
use northstar_bench::events::Event;
use northstar_bench::gate::Side;
use northstar_bench::result::Observer;
use northstar_bench::runner::{Control, Settings, run};

/// Repeats of a run from the screen: enough for a spread, short enough to watch.
pub const REPEATS: u32 = 5;

/// What a run tells.
#[derive(Debug)]
pub enum Told {
    /// An event of the runner.
    Event(Box<Event>),
    /// The end.
    Ended(Box<Outcome>),
}

/// Runs one benchmark.
#[derive(Debug)]
pub struct RunBench {
    /// Its id.
    pub id: &'static str,
    /// Its size.
    pub profile: Profile,
    /// Stops and holds it.
    pub control: Control,
    /// What it is compared with afterwards.
    pub baseline: Option<Baseline>,
}

impl Job for RunBench {
    fn name(&self) -> String {
        format!("bench {}", self.id)
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let folder = scratch()?;
        let out = folder.path().join("results");
        let plan = plan(self.id, self.profile, REPEATS)?;
        let mut settings = Settings::new(&out).map_err(|error| error.to_string())?;
        settings.observer = Observer::Tui;
        let stop = self.control.clone();
        let mut watch = |event: &Event| {
            desk.part(Box::new(Told::Event(Box::new(event.clone()))));
            if !desk.wanted() {
                stop.cancel();
            }
        };
        run(&plan, &settings, &self.control, &mut watch).map_err(|error| error.to_string())?;
        let side = Side::read(&out).map_err(|error| error.to_string())?;
        let outcome = Outcome::new(&side, self.baseline.as_ref(), self.id);
        Ok(Box::new(Told::Ended(Box::new(outcome))))
    }
}

/// A folder for results nobody keeps.
pub(super) fn scratch() -> Result<tempfile::TempDir, String> {
    let made = tempfile::Builder::new().prefix("northstar-bench-").tempdir();
    made.map_err(|error| format!("no folder for the results: {error}"))
}
