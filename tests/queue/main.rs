//! The task queue as its users see it: against a reference model, under power cuts and kills, and with
//! many threads and many processes at once.
//!
//! Longer forms, for a night: `NORTHSTAR_KILLS` kills of each kind, `NORTHSTAR_QUEUE_TASKS` tasks for the
//! crowds. With `--nocapture` each prints what it did and measured.

mod contract;
mod crowd;
mod kills;
mod model;
mod power;
mod worker;
