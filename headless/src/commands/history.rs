//! `history`: the states that can be opened.

use super::Database;
use crate::{
    exit::Exit,
    output::{Out, json, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::{
    HistoryEntry, Lsn, Origin,
    inspect::{Source, log},
};

/// Log records read in one go.
const WINDOW: usize = 256;

/// List the transactions whose state can still be opened
///
/// A state is `exact` when its own pages are kept, `replayed` when the log rebuilds it. Any of them can
/// be given to --at and to `diff`.
#[derive(Args, Debug)]
#[command(name = "history")]
pub struct HistoryCommand {
    #[command(flatten)]
    db: Database,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl HistoryCommand {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let mut entries = self.db.open_for_reading()?.history()?;
        self.add_replayed(&mut entries)?;
        if self.json {
            json::document(out, &entries)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(["txn", "rows", "origin"]).right(&[0, 1]);
        for entry in &entries {
            let origin = match entry.origin {
                Origin::Exact => "exact",
                Origin::Replayed => "replayed",
            };
            table.row([entry.txn_id.to_string(), entry.key_count.to_string(), origin.to_owned()]);
        }
        table.print(out)?;
        Ok(Exit::Done)
    }

    /// Adds the states that have no pages of their own any more and that the log rebuilds: it holds
    /// every commit from genesis, or from a state with pages before them, up to them.
    fn add_replayed(&self, entries: &mut Vec<HistoryEntry>) -> Result<()> {
        let source = Source::open(&self.db.path)?;
        let segments = log::segments(&source)?;
        let exact: Vec<_> = entries.iter().map(|entry| entry.txn_id).collect();
        let Some(&latest) = exact.last() else { return Ok(()) };
        let mut first = None;
        let mut next: Option<Lsn> = Some(segments.start());
        while let Some(at) = next {
            let window = log::records(&source, &segments, at, WINDOW)?;
            next = window.next;
            for record in window.records {
                let (txn_id, Some(key_count)) = (record.txn_id, record.key_count) else { continue };
                let first = *first.get_or_insert(txn_id);
                let base = exact.iter().find(|kept| kept.next() >= first);
                let reached = first.get() == 1 || base.is_some_and(|kept| *kept < txn_id);
                if reached && txn_id < latest && exact.binary_search(&txn_id).is_err() {
                    let origin = Origin::Replayed;
                    entries.push(HistoryEntry { txn_id, key_count, origin });
                }
            }
        }
        entries.sort_by_key(|entry| entry.txn_id);
        Ok(())
    }
}
