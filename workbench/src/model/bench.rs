//! Benchmarks: the catalog, a run in a child process, what it looks like while it goes on, and how it
//! compares.
//!
//! Everything that measures is `northstar_bench`; the work is done by its runner in processes of their
//! own (this program is its own worker). Here is only what a screen needs to show.

mod baseline;
mod live;
mod observer;
mod outcome;
mod replay;
mod run;

pub use baseline::{Axis, Baseline, LoadBaseline};
pub use live::{Live, Repeat, Stall};
pub use observer::{MeasureObserver, ObserverCost, PAIRS};
pub use outcome::{Figure, Outcome};
pub use replay::{LoadEvents, Recording};
pub use run::{REPEATS, RunBench, Told};

use northstar_bench::plan::{Plan, Request};
pub use northstar_bench::profile::Profile;

/// One benchmark of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BenchEntry {
    /// `suite/name`.
    pub id: &'static str,
    /// What it is for.
    pub why: &'static str,
    /// Whether a regression fails the gate.
    pub critical: bool,
}

/// The catalog.
pub fn catalog() -> Vec<BenchEntry> {
    northstar_bench::catalog::all()
        .into_iter()
        .map(|entry| BenchEntry { id: entry.id, why: entry.why, critical: entry.critical })
        .collect()
}

/// The plan of one benchmark at the size of `profile`. A filter finds parts of names, so what it found
/// besides is left out.
fn plan(id: &str, profile: Profile, repeats: u32) -> Result<Plan, String> {
    let request =
        Request { filters: vec![id.to_owned()], repeats: Some(repeats), ..Request::new(profile) };
    let mut plan = Plan::new(&request).map_err(|error| error.to_string())?;
    plan.benches.retain(|bench| bench.identity.bench == id);
    Ok(plan)
}
