//! Which source the measured program came from: commit, compiler, locked dependencies.
//!
//! Asked of `git` and `rustc` in the current folder when a run begins; "unknown" outside a checkout.

use crate::{machine::UNKNOWN, result::Source, rng::Checksum};
use std::process::Command;

/// Looks at the current folder.
#[must_use]
pub fn look() -> Source {
    let tree = match first_output("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(text) if text.is_empty() => "clean",
        Some(_) => "dirty",
        None => UNKNOWN,
    };
    let commit = first_output("git", &["rev-parse", "HEAD"]);
    let rustc = first_output("rustc", &["--version"]);
    Source {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: commit.unwrap_or_else(|| UNKNOWN.to_owned()),
        git_tree: tree.to_owned(),
        rustc: rustc.unwrap_or_else(|| UNKNOWN.to_owned()),
        lock_hash: lock_hash().unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}

/// What `program` prints, if it succeeds.
pub(crate) fn first_output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn lock_hash() -> Option<String> {
    let folder = std::env::current_dir().ok()?;
    let lock =
        folder.ancestors().map(|path| path.join("Cargo.lock")).find(|path| path.is_file())?;
    let mut sum = Checksum::default();
    sum.add(&std::fs::read(lock).ok()?);
    Some(sum.to_hex())
}
