//! The Crash Lab's experiments: the real engine on a simulated disk, and the power cut at any moment.
//!
//! A workload runs once and leaves a trace of every disk operation. For an instant and a choice of
//! what survived, the disk as it then is gets opened by the real recovery, and what comes out is held
//! against what had been acknowledged. Everything is seeded: the same case is the same case again.

pub mod case;
pub mod chance;
pub mod experiment;
pub mod meaning;
pub mod outcome;
pub mod survivors;

pub use case::{Case, LoadCase};
pub use chance::{CrashAtRandom, Tally};
pub use experiment::{CutPower, Experiment, LabDisk, RunWorkload, WORKLOADS};
pub use meaning::Meaning;
pub use outcome::{Decision, Outcome, Verdict};
pub use survivors::Survivor;
