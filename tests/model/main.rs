//! Random programs against the real engine and against a list of maps, step by step.
//!
//! The model of a database is what it says it is: one sorted map a state. A program is a list of steps
//! (every call of the API: writes and commits of both durabilities, every way to read, past states and
//! rebuilt ones, diffs, streams, a reader of another handle, checkpoints, reopening with other options,
//! compaction, backups that are opened and written to, wrong arguments);
//! after each the engine and the model must say the same. Programs follow from a seed alone; a failure
//! names seed and step. `NORTHSTAR_MODEL_OPS` sets the number of operations (default 1,000,000 in all).

#![allow(unreachable_pub, reason = "a test binary: its modules share freely")]

mod program;
mod reading;
mod session;
mod stream;

use program::Shape;
use session::Session;

/// Operations over the whole suite.
fn operations() -> u64 {
    let text = std::env::var("NORTHSTAR_MODEL_OPS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// Runs programs of a shape until they have done their share of the operations.
fn run(shape: Shape, share: f64) {
    let budget = (operations() as f64 * share) as u64;
    let (mut done, mut programs, mut seed) = (0, 0, 1);
    while done < budget {
        done += Session::run(&shape, seed);
        programs += 1;
        seed += 1;
    }
    println!("{}: {programs} programs, {done} operations", shape.name);
}

#[test]
fn small_values_and_every_kind_of_step() {
    run(Shape::EVERYTHING, 0.15);
}

#[test]
fn deep_trees_of_four_cells_a_page() {
    run(Shape::DEEP, 0.15);
}

#[test]
fn a_cache_of_a_few_pages_and_long_transactions() {
    run(Shape::SPILLING, 0.2);
}

#[test]
fn long_values_among_short_ones() {
    run(Shape::LONG_VALUES, 0.05);
}

#[test]
fn history_of_everything() {
    run(Shape::ALL_HISTORY, 0.1);
}

#[test]
fn large_batches() {
    run(Shape::BATCHES, 0.35);
}
