//! `cartridge`: immutable artefacts built from the commit stream, for questions that are asked often.

mod build;
mod info;
mod policy;
mod query;

use super::{Database, shown};
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable},
};
use clap::{Args, Subcommand, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    cartridge::{Cartridge, CartridgeType, prefix_counts::PrefixCounts, type_of},
    queue::pending_tasks::PendingTasks,
};
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

/// The types this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// Ready tasks of the queue, by type, in the order of claims
    PendingTasksByType,
    /// Rows and bytes by key prefix
    PrefixCounts,
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

impl Kind {
    const ALL: [Self; 2] = [Self::PendingTasksByType, Self::PrefixCounts];

    /// The name in a cartridge's header.
    fn name(self) -> &'static str {
        match self {
            Self::PendingTasksByType => PendingTasks::NAME,
            Self::PrefixCounts => PrefixCounts::NAME,
        }
    }

    /// The type of an open cartridge.
    fn of(cartridge: &Cartridge) -> Result<Self> {
        let name = cartridge.type_name();
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let name = Printable::capped(name, 64);
            Told::no(format!("a cartridge of type {name}, which this program does not know")).into()
        })
    }

    fn check(self, cartridge: &Cartridge) -> northstar_engine::Result<()> {
        cartridge.verify_sections()?;
        match self {
            Self::PendingTasksByType => type_of::<PendingTasks>(cartridge)?.check(cartridge),
            Self::PrefixCounts => type_of::<PrefixCounts>(cartridge)?.check(cartridge),
        }
    }
}

/// Reads a cartridge. Not mapped: the file may be anybody's, and one that is truncated meanwhile shall be
/// an error, not a signal.
fn open(file: &Path) -> Result<Cartridge> {
    super::must_be_file(file)?;
    Cartridge::read(file).wrap_err_with(|| format!("cannot open {}", shown(file)))
}

/// Every checksum of a cartridge, and every rule of its type where that is known.
///
/// # Errors
/// `Corrupt`, with the rule.
pub(super) fn check(cartridge: &Cartridge) -> northstar_engine::Result<()> {
    match Kind::of(cartridge) {
        Ok(kind) => kind.check(cartridge),
        Err(_) => cartridge.verify_sections(),
    }
}
