//! The command line over the engine and the benchmarks: parses, runs one command, reports, exits.
//!
//! Everything it can do is in [`northstar_headless::cli`].
#![forbid(unsafe_code)]

use clap::Parser;
use northstar_headless::{cli, exit, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::install_panic_report();
    let cli = cli::Cli::parse();
    let mut out = output::Out::stdout();
    let outcome = cli.run(&mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    exit::report(outcome).into()
}
