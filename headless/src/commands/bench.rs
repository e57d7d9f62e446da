//! `bench`: run the benchmarks, compare and gate their results, and test the gate.
//!
//! Arguments and printing only: everything it does is in the library `northstar-bench`.

mod ab;
mod capture;
mod compare;
mod gate;
mod list;
#[cfg(feature = "peers")]
mod peers;
mod progress;
mod report;
mod run;
mod selftest;

use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::{Args, Subcommand};
use color_eyre::eyre::{Report, Result, WrapErr};
use northstar_bench::{Error, runner::Control};

/// Run benchmarks, compare results, decide whether a change may land
///
/// Every repeat is a process of its own and writes a JSON file of its own. `bench gate` judges counters
/// anywhere, and timings only where that means something; bench/README.md explains.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Bench {
    /// List every benchmark and suite, one a line
    #[arg(long, required = true)]
    list: bool,
    /// List as one JSON document
    #[arg(long, requires = "list")]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Compare(compare::Compare),
    Gate(gate::Gate),
    Ab(ab::Ab),
    CaptureBaseline(capture::CaptureBaseline),
    #[cfg(feature = "peers")]
    Peers(peers::Peers),
    #[cfg(not(feature = "peers"))]
    Peers(NoPeers),
    Selftest(selftest::Selftest),
    Report(report::ReportCommand),
}

/// Measure other engines under the same workloads (needs a build with --features peers)
#[cfg(not(feature = "peers"))]
#[derive(Args, Debug)]
struct NoPeers {
    /// Whatever the command takes when it is built in
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<String>,
}

impl Bench {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        match self.command {
            None => list::run(self.json, out),
            Some(Command::Run(args)) => args.run(out),
            Some(Command::Compare(args)) => args.run(out),
            Some(Command::Gate(args)) => args.run(out),
            Some(Command::Ab(args)) => args.run(out),
            Some(Command::CaptureBaseline(args)) => args.run(out),
            #[cfg(feature = "peers")]
            Some(Command::Peers(args)) => args.run(out),
            #[cfg(not(feature = "peers"))]
            Some(Command::Peers(args)) => {
                let _ = args.ignored;
                Err(Told::usage("this program was built without the other engines")
                    .hint("cargo build --release -p northstar-headless --features peers")
                    .into())
            }
            Some(Command::Selftest(args)) => args.run(out),
            Some(Command::Report(args)) => args.run(out),
        }
    }
}

/// A request that makes no sense exits with 2, everything else as usual.
fn told(error: Error) -> Report {
    match error {
        Error::Usage(text) => Told::usage(text).into(),
        other => Report::from(other),
    }
}

/// A control that Ctrl-C and a polite kill cancel.
fn control() -> Result<Control> {
    let control = Control::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, control.cancel_flag())
            .wrap_err("cannot listen for Ctrl-C")?;
    }
    Ok(control)
}

/// A program's own path, for the workers.
fn this_program() -> Result<std::path::PathBuf> {
    std::env::current_exe().wrap_err("cannot find the running program")
}
