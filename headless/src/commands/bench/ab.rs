//! `bench ab`: two programs timed in pairs.

use super::{control, gate::Rules, run::What, this_program, told};
use crate::{
    exit::{Exit, Told},
    output::{Out, note},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr, bail};
use northstar_bench::{
    ab::{self, AbRequest, Program},
    gate::{self, approvals::Date, paired},
    worker::Inject,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Time this program against another one, in pairs, and judge; exit 4 on a confirmed regression
///
/// Both run in this job, in turn, each time as a fresh process with its database in memory. The other
/// program is timed against itself first: if even that differs, nothing is concluded.
#[derive(Args, Debug)]
pub(super) struct Ab {
    #[command(flatten)]
    what: What,
    /// The other program
    #[arg(long, value_name = "PATH", required_unless_present = "base_ref", conflicts_with = "base_ref", value_hint = clap::ValueHint::FilePath)]
    base_bin: Option<PathBuf>,
    /// Build the other program from this git revision
    #[arg(long, value_name = "REF")]
    base_ref: Option<String>,
    /// The program to be judged, instead of this one
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    candidate_bin: Option<PathBuf>,
    /// Folder for the rounds (ab.json)
    #[arg(long, value_name = "DIR", default_value = "bench-out-ab", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Benchmarks that are only shown by the gate, too
    #[arg(long)]
    uncritical: bool,
    #[command(flatten)]
    rules: Rules,
    /// Break something in the candidate on purpose: slow_percent=10
    #[arg(long, value_name = "FAULT=N", hide = true)]
    inject: Option<String>,
}

impl Ab {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let policy = self.rules.policy()?;
        let approvals = self.rules.approvals()?;
        std::fs::create_dir_all(&self.out)
            .wrap_err_with(|| format!("cannot create {}", self.out.display()))?;
        let base = match (&self.base_bin, &self.base_ref) {
            (Some(path), _) => path.clone(),
            (None, Some(revision)) => build(revision)?,
            (None, None) => return Err(Told::usage("give --base-bin or --base-ref").into()),
        };
        let inject = self.inject.as_deref().map(Inject::parse).transpose().map_err(told)?;
        let candidate = match self.candidate_bin {
            Some(path) => path,
            None => this_program()?,
        };
        let label = |path: &Path| path.display().to_string();
        let request = AbRequest {
            plan: self.what.request(),
            base: Program {
                label: self.base_ref.unwrap_or_else(|| label(&base)),
                path: base,
                inject: Inject::default(),
            },
            candidate: Program {
                label: label(&candidate),
                path: candidate,
                inject: inject.unwrap_or_default(),
            },
            out: self.out,
            critical_only: !self.uncritical,
        };
        let file =
            ab::run(&request, &policy.timing, &control()?, &mut |line| note(line)).map_err(told)?;
        let findings = paired::judge(&file, &policy.timing);
        let report = gate::conclude(findings, &approvals, Date::today());
        self.rules.conclude(&report, out)
    }
}

/// Builds the program of `revision` in a work tree of its own under `target/`; its path.
fn build(revision: &str) -> Result<PathBuf> {
    let tree = Path::new("target/bench-base");
    let run = |program: &str, arguments: &[&str], folder: &Path| -> Result<()> {
        note(format_args!("{program} {}", arguments.join(" ")));
        let status = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .status()
            .wrap_err_with(|| format!("cannot start {program}"))?;
        if !status.success() {
            bail!("{program} {} failed", arguments.join(" "));
        }
        Ok(())
    };
    let here = Path::new(".");
    let tree_name = tree.display().to_string();
    if tree.exists() {
        // Not `worktree remove`: a restored cache brings the folder without git knowing of it.
        std::fs::remove_dir_all(tree)
            .wrap_err_with(|| format!("cannot remove {}", tree.display()))?;
    }
    run("git", &["worktree", "prune"], here)?;
    run("git", &["worktree", "add", "--detach", &tree_name, revision], here)?;
    let arguments = [
        "build",
        "--release",
        "--locked",
        "-p",
        "northstar-headless",
        "--target-dir",
        "../bench-base-target",
    ];
    run("cargo", &arguments, tree)?;
    let program = Path::new("target/bench-base-target/release")
        .join(format!("northstar-headless{}", std::env::consts::EXE_SUFFIX));
    program.canonicalize().wrap_err("the build left no program")
}
