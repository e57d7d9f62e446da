//! Replays small seed corpora and every reproducer through all fuzz targets, and measures what hostile
//! files cost in memory: with a counting allocator, and in a process with little address space.
//!
//! The bodies are those of `fuzz/`. Seeds are in `fuzz/seeds`, what fuzzing once found in
//! `fuzz/reproducers`; `NORTHSTAR_BLESS=1 cargo test -p northstar-headless --test fuzz` writes the
//! seeds anew.

#![allow(unreachable_pub, reason = "a test binary: its modules share freely")]

#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/hostile/answers.rs"]
mod answers;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/between.rs"]
mod between;
#[allow(dead_code, clippy::result_large_err, reason = "shared with the crash suites")]
#[path = "../crash/explore.rs"]
mod explore;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/hostile/forge.rs"]
mod forge;
#[path = "../../fuzz/src/targets/load.rs"]
mod load;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/long.rs"]
mod long;
mod memory;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/oracle.rs"]
mod oracle;
mod replay;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/runner.rs"]
mod runner;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/tally.rs"]
mod tally;
#[path = "../../fuzz/src/targets/table.rs"]
mod targets;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../crash/workload.rs"]
mod workload;

use northstar_bench::alloc::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();
