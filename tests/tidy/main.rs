//! Tidy: what a reviewer would otherwise have to look for in every change.
//!
//! Layer arrows, file headers, who may touch the file system, tables and numbers of `spec/` against
//! the code, rule numbers in both directions. Long files are reported, never refused.
//!
//! `NORTHSTAR_BLESS=1 cargo test -p northstar-engine --test tidy` writes the generated tables of
//! `spec/` anew.

mod arrows;
mod hardening;
mod owners;
mod rules;
mod source;
mod sources;
mod tables;

use std::path::PathBuf;

/// The repository's root.
fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
