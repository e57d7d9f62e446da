//! `hash`: the content hash of a state.

use super::{At, Database};
use crate::{
    exit::Exit,
    output::{Out, json},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::{ReadTxn, format::content_hash::ContentHasher};
use serde::Serialize;

/// Print the content hash of a state
///
/// Equal states have equal hashes, however they came about: compare a copy with its original, or a
/// replayed log with its database.
#[derive(Args, Debug)]
pub struct Hash {
    #[command(flatten)]
    db: Database,
    #[command(flatten)]
    at: At,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `hash --json` prints.
#[derive(Debug, Serialize)]
struct HashJson {
    txn_id: u64,
    rows: u64,
    hash: String,
}

impl Hash {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let txn = self.at.begin(&self.db.open_for_reading()?)?;
        let (hash, rows) = content_hash(&txn)?;
        if self.json {
            json::document(out, &HashJson { txn_id: txn.txn_id().get(), rows, hash })?;
        } else {
            out.line(hash)?;
        }
        Ok(Exit::Done)
    }
}

/// The hash of all rows, and how many there are.
pub(super) fn content_hash(txn: &ReadTxn) -> Result<(String, u64)> {
    let mut hasher = ContentHasher::default();
    let mut rows = 0;
    let mut cursor = txn.cursor()?;
    cursor.seek(b"")?;
    while let Some((key, value)) = cursor.next()? {
        hasher.row(key, value);
        rows += 1;
    }
    Ok((hasher.finish().to_string(), rows))
}
