//! `compact`: gives space back to the file system.

use super::Database;
use crate::{
    exit::Exit,
    output::{Out, json},
};
use clap::Args;
use color_eyre::eyre::Result;

/// Give unused space back to the file system
///
/// Packs the rows of half-full leaves together, moves pages from the end of the file into free ones
/// before it, and cuts the file off behind the last page in use. The content does not change. A program
/// that reads, and a history that is kept, hold pages where they are.
#[derive(Args, Debug)]
pub struct Compact {
    #[command(flatten)]
    db: Database,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Compact {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let db = self.db.open_for_writing()?;
        let report = db.compact()?;
        db.close()?;
        if self.json {
            json::document(out, &report)?;
        } else {
            out.line(format_args!(
                "{} bytes before, {} after; {} leaves saved, {} pages moved",
                report.bytes_before, report.bytes_after, report.leaves_saved, report.pages_moved
            ))?;
        }
        Ok(Exit::Done)
    }
}
