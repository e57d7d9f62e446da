//! Crash suites: workloads on a simulated disk, the power cut at every moment in every way, and an
//! oracle that says what must be left.
//!
//! `NORTHSTAR_CRASH_STATES=n` widens every suite; `NS_SIM=…` reruns one state; each suite prints what
//! it looked at (`cargo test -p northstar-engine --test crash -- --nocapture`).

#![allow(unreachable_pub)]
// A failure is made once, and carries all that is told about it.
#![allow(clippy::result_large_err)]

mod exhaustive;
mod faults;
mod hostile;
mod large;
mod maintenance;
mod process;
mod random;
mod readers;
mod regressions;
mod sabotage;
mod sweep;
