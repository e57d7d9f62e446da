//! Replays small seed corpora and every reproducer through all fuzz targets, and measures what hostile
//! files cost in memory: with a counting allocator, and in a process with little address space.
//!
//! The bodies are those of `fuzz/`. Seeds are in `fuzz/seeds`, what fuzzing once found in
//! `fuzz/reproducers`; `NORTHSTAR_BLESS=1 cargo test -p northstar-headless --test fuzz` writes the
//! seeds anew.

#![allow(unreachable_pub, reason = "a test binary: its modules share freely")]

#[path = "../../fuzz/src/targets/load.rs"]
mod load;
mod memory;
mod replay;
#[path = "../../fuzz/src/targets/table.rs"]
mod targets;

use northstar_bench::alloc::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();
