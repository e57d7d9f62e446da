//! The command line over the engine and the benchmarks: parses, runs one command, reports, exits.
//!
//! Everything it can do is in [`northstar_headless::cli`].
#![forbid(unsafe_code)]

use clap::Parser;
use northstar_headless::{cli, exit, output};
use std::process::ExitCode;

/// Benchmarks count allocations with it; off, it costs one load an allocation.
#[global_allocator]
static ALLOCATOR: northstar_bench::alloc::Counting = northstar_bench::alloc::Counting::new();

fn main() -> ExitCode {
    if let Some(code) = northstar_bench::worker::run_if_asked() {
        return code;
    }
    exit::install_panic_report();
    let cli = cli::Cli::parse();
    let mut out = output::Out::stdout();
    let outcome = cli.run(&mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    exit::report(outcome).into()
}
