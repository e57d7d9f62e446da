//! `cartridge info` and `cartridge verify`.

use super::{
    Database, Kind, Out, Printable,
    policy::{PolicyArgs, age_of},
    shown,
};
use crate::{
    exit::Exit,
    output::{hex::Hex, json, table::Table},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    cartridge::{Cartridge, SectionInfo, Staleness},
    format::content_hash::ContentHash,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show what a cartridge holds and what it was built from
///
/// With --db also whether it still answers for that database, and if not, why; a stale one is exit
/// status 1.
#[derive(Args, Debug)]
pub(super) struct Info {
    /// The cartridge
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Judge it against this database
    #[arg(long, value_hint = clap::ValueHint::FilePath)]
    db: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Verify every checksum and every rule of a cartridge
///
/// Damage is exit status 3. There is no repair: build it again.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The cartridge
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `cartridge info --json` prints.
#[derive(Debug, Serialize)]
struct InfoJson<'a> {
    r#type: String,
    type_version: u32,
    version: u32,
    bytes: u64,
    options_hex: Hex<'a>,
    source_uuid: String,
    source_txn: u64,
    source_lsn: u64,
    input_rows: u64,
    input_hash: String,
    sections: Vec<SectionInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    staleness: Option<Staleness>,
}

/// What `cartridge verify --json` prints.
#[derive(Debug, Serialize)]
struct VerifyJson {
    r#type: &'static str,
    sound: bool,
    sections: usize,
    bytes: u64,
}

impl Info {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        self.policy.only_with(self.db.is_some(), "--db")?;
        let cartridge = super::open(&self.file)?;
        let staleness = self.db.as_ref().map(|db| self.judge(&cartridge, db)).transpose()?;
        let fresh = staleness.as_ref().is_none_or(Staleness::is_fresh);
        let header = cartridge.header();
        let info = InfoJson {
            r#type: Printable::new(cartridge.type_name()).into_string(),
            type_version: header.type_version,
            version: header.version,
            bytes: header.file_bytes,
            options_hex: Hex(cartridge.options()),
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
            info.print(cartridge.options(), out)?;
        }
        Ok(if fresh { Exit::Done } else { Exit::No })
    }

    /// Whether the cartridge still answers for the database.
    fn judge(&self, cartridge: &Cartridge, db: &Path) -> Result<Staleness> {
        let db = Database { path: db.to_path_buf() }.open_for_reading()?;
        let (policy, age) = (self.policy.policy(), age_of(&self.file));
        Ok(Kind::of(cartridge)?.staleness(&db, cartridge, &policy, age)?)
    }
}

impl InfoJson<'_> {
    fn print(&self, options: &[u8], out: &mut Out) -> Result<()> {
        let mut facts = vec![
            ("type", format!("{} version {}", self.r#type, self.type_version)),
            ("format version", self.version.to_string()),
            ("options", Printable::capped(options, 200).into_string()),
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
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let cartridge = super::open(&self.file)?;
        let kind = Kind::of(&cartridge)?;
        kind.check(&cartridge).wrap_err_with(|| format!("{} is damaged", shown(&self.file)))?;
        let verdict = VerifyJson {
            r#type: kind.name(),
            sound: true,
            sections: cartridge.sections().count(),
            bytes: cartridge.header().file_bytes,
        };
        if self.json {
            json::document(out, &verdict)?;
        } else {
            let VerifyJson { r#type, sections, bytes, .. } = verdict;
            let file = shown(&self.file);
            out.line(format_args!(
                "{file}: sound, {} with {sections} sections, {bytes} bytes",
                r#type
            ))?;
        }
        Ok(Exit::Done)
    }
}
