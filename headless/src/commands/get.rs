//! `get`: the value under one key.

use super::{At, Database, Form};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::Result;
use std::ffi::OsString;

/// Print the value under a key
///
/// On a terminal control characters are escaped and a line end is added; anywhere else the value's own
/// bytes are written and nothing more. A key that is not there is exit status 1.
#[derive(Args, Debug)]
pub struct Get {
    #[command(flatten)]
    db: Database,
    /// The key
    key: OsString,
    #[command(flatten)]
    at: At,
    /// Write the value's own bytes even to a terminal
    #[arg(long, conflicts_with = "hex")]
    raw: bool,
    #[command(flatten)]
    form: Form,
}

impl Get {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let key = self.form.bytes("KEY", &self.key)?;
        let txn = self.at.begin(&self.db.open_for_reading()?)?;
        let Some(value) = txn.get(&key)? else {
            return Err(Told::no(format!("no such key: {}", self.form.show(&key, 200))).into());
        };
        if self.form.hex || (out.is_terminal() && !self.raw) {
            out.line(self.form.show(&value, usize::MAX))?;
        } else {
            out.bytes(&value)?;
        }
        Ok(Exit::Done)
    }
}
