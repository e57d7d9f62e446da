//! `diff`: what changed between two states, in key order.

use super::{Database, Form, shown};
use crate::{
    exit::Exit,
    output::{Out, Printable, hex::Hex, json, json::Bytes},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{Change, TxnId};
use serde::Serialize;

/// Show what changed between two transactions, in key order
///
/// `+` is a row that is new or has another value, `-` a row that is gone.
#[derive(Args, Debug)]
pub struct Diff {
    #[command(flatten)]
    db: Database,
    /// The earlier transaction
    from: u64,
    /// The later transaction
    to: u64,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    form: Form,
}

/// A line of `diff --json`.
#[derive(Debug, Serialize)]
struct ChangeJson<'a> {
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<Hex<'a>>,
}

impl Diff {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let db = self.db.open_for_reading()?;
        let (from, to) = (TxnId::new(self.from), TxnId::new(self.to));
        let changes = db.diff(from, to).wrap_err_with(|| {
            format!("cannot compare {from} and {to} of {}", shown(&self.db.path))
        })?;
        for change in changes {
            let change = change?;
            let (verb, key, value) = match &change {
                Change::Put { key, value } => ("put", key.as_slice(), Some(value.as_slice())),
                Change::Del { key } => ("del", key.as_slice(), None),
            };
            if self.json {
                let (key, value) = (Bytes(key), value.map(Bytes));
                let line = ChangeJson {
                    change: verb,
                    key: key.text(),
                    key_hex: key.hex(),
                    value: value.and_then(Bytes::text),
                    value_hex: value.and_then(Bytes::hex),
                };
                json::line(out, &line)?;
            } else {
                let chars_max = if out.is_terminal() { 120 } else { usize::MAX };
                let key: Printable = self.form.show(key, usize::MAX);
                match value {
                    Some(value) => {
                        out.line(format_args!("+ {key}\t{}", self.form.show(value, chars_max)))?;
                    }
                    None => out.line(format_args!("- {key}"))?,
                }
            }
        }
        Ok(Exit::Done)
    }
}
