//! `cartridge`: immutable artefacts built from the commit stream, for questions that are asked often.

mod build;
mod query;

use super::{Database, shown};
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, json, table::Table},
};
use clap::{Args, Subcommand, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    cartridge::{
        Cartridge, CartridgeType, Policy, SectionInfo, Staleness, prefix_counts::PrefixCounts,
        staleness,
    },
    format::content_hash::ContentHash,
    queue::pending_tasks::PendingTasks,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

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
    Info(Info),
    Verify(Verify),
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

/// Show what a cartridge holds and what it was built from
///
/// With --db also whether it still answers for that database; a stale one is exit status 1.
#[derive(Args, Debug)]
struct Info {
    /// The cartridge
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Judge it against this database
    #[arg(long, value_hint = clap::ValueHint::FilePath)]
    db: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Verify every checksum and every rule of a cartridge
#[derive(Args, Debug)]
struct Verify {
    /// The cartridge
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// What `cartridge info --json` prints.
#[derive(Debug, Serialize)]
struct InfoJson {
    r#type: String,
    type_version: u32,
    version: u32,
    bytes: u64,
    source_uuid: String,
    source_txn: u64,
    source_lsn: u64,
    input_rows: u64,
    input_hash: String,
    sections: Vec<SectionInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    staleness: Option<Staleness>,
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
            Self::PendingTasksByType => PendingTasks::default().check(cartridge),
            Self::PrefixCounts => PrefixCounts::default().check(cartridge),
        }
    }
}

fn open(file: &Path) -> Result<Cartridge> {
    super::must_be_file(file)?;
    Cartridge::open(file).wrap_err_with(|| format!("cannot open {}", shown(file)))
}

impl Info {
    fn run(self, out: &mut Out) -> Result<Exit> {
        let cartridge = open(&self.file)?;
        let staleness = self.db.as_ref().map(|db| judge(&cartridge, db)).transpose()?;
        let fresh = staleness.as_ref().is_none_or(Staleness::is_fresh);
        let header = cartridge.header();
        let info = InfoJson {
            r#type: Printable::new(cartridge.type_name()).into_string(),
            type_version: header.type_version,
            version: header.version,
            bytes: header.file_bytes,
            source_uuid: header.source_uuid.to_string(),
            source_txn: header.source_txn.get(),
            source_lsn: header.source_lsn.get(),
            input_rows: header.input_rows,
            input_hash: ContentHash(u128::from_le_bytes(header.input_hash)).to_string(),
            sections: cartridge.sections().collect(),
            staleness,
        };
        if self.json {
            json::document(out, &info)?;
        } else {
            info.print(out)?;
        }
        Ok(if fresh { Exit::Done } else { Exit::No })
    }
}

/// Whether the cartridge still answers for the database.
fn judge(cartridge: &Cartridge, db: &Path) -> Result<Staleness> {
    let db = Database { path: db.to_path_buf() }.open_for_reading()?;
    let policy = Policy::default();
    Ok(match Kind::of(cartridge)? {
        Kind::PendingTasksByType => {
            staleness(&db, &PendingTasks::default(), cartridge, &policy, None)?
        }
        Kind::PrefixCounts => staleness(&db, &PrefixCounts::default(), cartridge, &policy, None)?,
    })
}

impl InfoJson {
    fn print(&self, out: &mut Out) -> Result<()> {
        let mut facts = vec![
            ("type", format!("{} version {}", self.r#type, self.type_version)),
            ("format version", self.version.to_string()),
            ("bytes", self.bytes.to_string()),
            ("built from", self.source_uuid.clone()),
            ("at transaction", self.source_txn.to_string()),
            ("input rows", self.input_rows.to_string()),
            ("input hash", self.input_hash.clone()),
        ];
        if let Some(staleness) = &self.staleness {
            let verdict = if staleness.is_fresh() { "fresh" } else { "stale" };
            facts.push(("verdict", format!("{verdict}, the database is at {}", staleness.now_at)));
            facts.extend(staleness.reasons.iter().map(|reason| ("reason", reason.to_string())));
        }
        for (name, value) in facts {
            out.line(format_args!("{name:16}{value}"))?;
        }
        out.line("")?;
        let titles = ["section", "offset", "bytes", "entries", "crc"];
        let mut table = Table::new(titles).right(&[0, 1, 2, 3]);
        for section in &self.sections {
            table.row([
                section.kind.to_string(),
                section.offset.to_string(),
                section.bytes.to_string(),
                section.count.to_string(),
                format!("{:08x}", section.crc),
            ]);
        }
        table.print(out)
    }
}

impl Verify {
    fn run(self, out: &mut Out) -> Result<Exit> {
        let cartridge = open(&self.file)?;
        let kind = Kind::of(&cartridge)?;
        kind.check(&cartridge).wrap_err_with(|| format!("{} is damaged", shown(&self.file)))?;
        out.line(format_args!(
            "{}: sound, {} {} sections, {} bytes",
            shown(&self.file),
            kind.name(),
            cartridge.sections().count(),
            cartridge.header().file_bytes
        ))?;
        Ok(Exit::Done)
    }
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
