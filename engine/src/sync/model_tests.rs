//! How models are run, and what shows that they see what they should.
//!
//! ```console
//! RUSTFLAGS="--cfg loom" cargo test -p northstar-engine --lib model_tests -- --nocapture
//! ```
//!
//! Each model has a bound on how often a running thread is put aside in one run; without one the
//! larger models would take days. `LOOM_MAX_PREEMPTIONS` sets another for all of them.

use super::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;
use std::time::Instant;

/// Runs `model` in every order in which at most `preemptions` times a thread is put aside that could
/// have gone on. Prints how many runs that were.
pub(crate) fn explore(name: &str, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = builder.max_branches.max(20_000);
    let (runs, start) = (Arc::new(std::sync::atomic::AtomicU64::new(0)), Instant::now());
    let counted = Arc::clone(&runs);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let bound = builder.preemption_bound.unwrap_or_default();
    println!("{name}: {runs:?} runs, {bound} preemptions, {:.1?}", start.elapsed());
}

/// Two threads that each store and then look at the other's number; whether both can miss it.
fn both_can_miss(order: Ordering) -> bool {
    let (store, load) = match order {
        Ordering::SeqCst => (Ordering::SeqCst, Ordering::SeqCst),
        _ => (Ordering::Release, Ordering::Acquire),
    };
    let missed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&missed);
    loom::model(move || {
        let numbers = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let others = Arc::clone(&numbers);
        let other = thread::spawn(move || {
            others[0].store(1, store);
            others[1].load(load)
        });
        numbers[1].store(1, store);
        let mine = numbers[0].load(load);
        if mine + other.join().unwrap() == 0 {
            seen.store(true, Ordering::Relaxed);
        }
    });
    missed.load(Ordering::Relaxed)
}

#[test]
fn models_see_weak_memory_and_the_order_that_forbids_it() {
    assert!(both_can_miss(Ordering::AcqRel), "release and acquire allow it");
    assert!(!both_can_miss(Ordering::SeqCst), "sequential consistency does not");
}
