//! `dump`: one structure of a file, decoded, with offsets. Works on damaged files: nothing is opened
//! as a database.

mod fields;
mod meta;
mod page;
mod space;
mod tree;

use super::shown;
use crate::{exit::Exit, output::Out};
use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::inspect::Source;
use std::path::PathBuf;

/// Show one structure of a database file, decoded, with offsets
///
/// Reads the bytes as they are, without a lock, also of a file that does not open. What is wrong is
/// marked; whether anything is wrong at all is `check`'s to say.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true)]
pub struct Dump {
    /// The database file
    #[arg(value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    #[command(subcommand)]
    what: What,
    /// Print one JSON document; for `tree` one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The two meta slots, and which one recovery chooses and why
    Meta,
    /// One page: every field, every gap, the verdicts
    Page {
        /// Its number
        #[arg(value_name = "N")]
        id: u64,
    },
    /// The nodes of the tree, from the root down
    Tree {
        /// How many levels to show
        #[arg(long, value_name = "N")]
        depth: Option<usize>,
    },
    /// Free, retired and orphaned pages
    Freelist,
    /// What the pages of the file are used for
    Stats,
}

impl Dump {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        super::must_be_file(&self.path)?;
        let source = Source::open(&self.path)
            .wrap_err_with(|| format!("cannot open {}", shown(&self.path)))?;
        match self.what {
            What::Meta => meta::run(&source, self.json, out),
            What::Page { id } => page::run(&source, id, self.json, out),
            What::Tree { depth } => tree::run(&source, depth, self.json, out),
            What::Freelist => space::freelist(&source, self.json, out),
            What::Stats => space::stats(&source, self.json, out),
        }
    }
}
