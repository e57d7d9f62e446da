//! `history`: the states that can be opened.

use super::Database;
use crate::{
    exit::Exit,
    output::{Out, json, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::Origin;

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
        let entries = self.db.open_for_reading()?.history()?;
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
}
