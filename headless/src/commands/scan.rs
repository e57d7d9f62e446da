//! `scan`: rows in key order, as a table, JSON lines or CSV.
//!
//! Streams: holds a few hundred rows at most. JSON lines and CSV are what `load` reads.

use super::{At, Database, Form, QUEUE_PREFIX};
use crate::{
    exit::Exit,
    output::{Out, csv::CsvRows, json, note, table::RowTable},
};
use clap::{Args, ValueEnum};
use color_eyre::eyre::Result;
use northstar_engine::{ReadTxn, queue::key::prefix_end};
use std::{ffi::OsString, ops::Bound};

/// Print rows in key order
///
/// On a terminal a table; into a pipe one line a row, key, TAB, value, both escaped. `scan --format
/// jsonl` piped into `load` makes a database with the same hash. Rows of the task queue are left out
/// unless --with-queue is given or --prefix asks for them.
#[derive(Args, Debug)]
pub struct Scan {
    #[command(flatten)]
    db: Database,
    /// Only keys that start with this
    #[arg(long, short, value_name = "P")]
    prefix: Option<OsString>,
    /// Only keys from this one on
    #[arg(long, value_name = "K")]
    from: Option<OsString>,
    /// Only keys before this one
    #[arg(long, value_name = "K")]
    to: Option<OsString>,
    /// Last key first
    #[arg(long, short)]
    reverse: bool,
    /// At most so many rows
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    at: At,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// CSV: put an apostrophe before cells that a spreadsheet would take for a formula
    #[arg(long)]
    guard: bool,
    /// The rows of the task queue too
    #[arg(long)]
    with_queue: bool,
    #[command(flatten)]
    form: Form,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns on a terminal, key TAB value elsewhere
    Table,
    /// One JSON object a line
    Jsonl,
    /// Key and value, no header
    Csv,
}

/// The keys of one stretch of the scan.
type Keys = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl Scan {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let stretches = self.stretches()?;
        let txn = self.at.begin(&self.db.open_for_reading()?)?;
        let form = self.form;
        let rows = match self.format {
            Format::Table => {
                let mut table = RowTable::new(["key", "value"]);
                let walked = self.walk(&txn, stretches, |key, value| {
                    table.row(out, [key, value], |bytes, chars| form.show(bytes, chars))
                });
                // Rows that were read before an error are good.
                table.print(out)?;
                walked?
            }
            Format::Jsonl => self
                .walk(&txn, stretches, |key, value| json::line(out, &json::Row::new(key, value)))?,
            Format::Csv => {
                let mut csv = CsvRows::new(out, self.guard);
                let walked = self.walk(&txn, stretches, |key, value| {
                    if form.hex {
                        let cells = [key, value].map(|cell| form.show(cell, usize::MAX));
                        csv.row(cells.each_ref().map(|cell| cell.as_str().as_bytes()))
                    } else {
                        csv.row([key, value])
                    }
                });
                csv.finish()?;
                walked?
            }
        };
        if out.is_terminal() && self.format == Format::Table {
            note(format_args!("{rows} rows of {} in transaction {}", txn.len(), txn.txn_id()));
        }
        Ok(Exit::Done)
    }

    /// Hands the rows of all stretches to `print`; returns how many there were.
    fn walk(
        &self,
        txn: &ReadTxn,
        stretches: Vec<Keys>,
        mut print: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<u64> {
        let limit = self.limit.unwrap_or(u64::MAX);
        let mut rows = 0;
        for keys in stretches {
            let mut range = txn.range::<Vec<u8>, _>(keys)?;
            while rows < limit {
                let next = if self.reverse { range.next_back() } else { range.next() };
                let Some(row) = next else { break };
                let (key, value) = row?;
                print(&key, &value)?;
                rows += 1;
            }
        }
        Ok(rows)
    }

    /// The key ranges to walk, in the order of the walk.
    fn stretches(&self) -> Result<Vec<Keys>> {
        let argument = |what, text: &Option<OsString>| {
            text.as_ref().map(|text| self.form.bytes(what, text)).transpose()
        };
        let prefix = argument("--prefix", &self.prefix)?.unwrap_or_default();
        let from = argument("--from", &self.from)?.unwrap_or_default().max(prefix.clone());
        let to = match (argument("--to", &self.to)?, prefix_end(&prefix)) {
            (Some(to), Some(end)) => Some(to.min(end)),
            (to, end) => to.or(end),
        };
        let with_queue = self.with_queue || prefix.starts_with(QUEUE_PREFIX);
        let mut stretches = if with_queue {
            vec![(from, to)]
        } else {
            let queue_end = prefix_end(QUEUE_PREFIX).unwrap_or_default();
            let before_queue =
                to.clone().map_or(QUEUE_PREFIX.to_vec(), |to| to.min(QUEUE_PREFIX.to_vec()));
            vec![(from.clone(), Some(before_queue)), (from.max(queue_end), to)]
        };
        stretches.retain(|(from, to)| to.as_ref().is_none_or(|to| from < to));
        if self.reverse {
            stretches.reverse();
        }
        let bounds = |(from, to): (Vec<u8>, Option<Vec<u8>>)| {
            (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded))
        };
        Ok(stretches.into_iter().map(bounds).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        scan: Scan,
    }

    /// Which of these keys a scan with the given arguments would walk, in its order.
    fn walked(arguments: &[&str]) -> Vec<&'static str> {
        let keys = ["", "\0p", "\0q", "\0q/", "\0q/a", "\0q0", "a", "a\u{ff}", "b", "ba", "c"];
        let line = ["scan", "x.ns"].iter().chain(arguments);
        let scan = Only::parse_from(line).scan;
        let stretches = scan.stretches().expect("sound arguments");
        let mut walked = Vec::new();
        for stretch in stretches {
            use std::ops::RangeBounds;
            let mut part: Vec<_> =
                keys.into_iter().filter(|key| stretch.contains(&key.as_bytes().to_vec())).collect();
            if scan.reverse {
                part.reverse();
            }
            walked.extend(part);
        }
        walked
    }

    #[test]
    fn stretches() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("all but the queue", &[], &["", "\0p", "\0q", "\0q0", "a", "a\u{ff}", "b", "ba", "c"]),
            (
                "the queue too",
                &["--with-queue", "--to", "a"],
                &["", "\0p", "\0q", "\0q/", "\0q/a", "\0q0"],
            ),
            ("the queue by prefix", &["--escaped", "--prefix", r"\x00q/"], &["\0q/", "\0q/a"]),
            ("a prefix around the queue", &["--hex", "--prefix", "00"], &["\0p", "\0q", "\0q0"]),
            ("a prefix", &["--prefix", "b"], &["b", "ba"]),
            ("a prefix and a start", &["--prefix", "b", "--from", "ba"], &["ba"]),
            ("a prefix and an end", &["--prefix", "b", "--to", "ba"], &["b"]),
            ("an end is not included", &["--from", "a", "--to", "b"], &["a", "a\u{ff}"]),
            ("an empty range", &["--from", "c", "--to", "a"], &[]),
            ("ends in the queue", &["--escaped", "--to", r"\x00q/a"], &["", "\0p", "\0q"]),
            ("starts in the queue", &["--escaped", "--from", r"\x00q/a", "--to", "a"], &["\0q0"]),
            ("backwards", &["--reverse", "--to", "b"], &["a\u{ff}", "a", "\0q0", "\0q", "\0p", ""]),
        ];
        for (name, arguments, expected) in cases {
            assert_eq!(walked(arguments), *expected, "{name}");
        }
    }
}
