//! `cartridge`: immutable artefacts built from the commit stream, for questions that are asked often.

mod build;
mod info;
mod policy;
mod query;

use super::{Database, shown};
use crate::{
    exit::Exit,
    output::{Out, Printable},
};
use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{cartridge::Cartridge, shelf::Kind};
use std::path::Path;

/// Build, check and ask cartridges
///
/// A cartridge answers one kind of question about one state of a database without reading the
/// database: how many tasks of a type are pending and which come first, or how many rows and bytes lie
/// under a key prefix.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true)]
pub struct CartridgeCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Build),
    Info(info::Info),
    Verify(info::Verify),
    Query(query::Query),
}

impl CartridgeCommand {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        match self.command {
            Command::Build(args) => args.run(out),
            Command::Info(args) => args.run(out),
            Command::Verify(args) => args.run(out),
            Command::Query(args) => args.run(out),
        }
    }
}

/// Reads a cartridge. Not mapped: the file may be anybody's, and one that is truncated meanwhile shall be
/// an error, not a signal.
fn open(file: &Path) -> Result<Cartridge> {
    super::must_be_file(file)?;
    Cartridge::read(file).wrap_err_with(|| format!("cannot open {}", shown(file)))
}
