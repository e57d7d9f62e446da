//! `put`: stores one row, durably.

use super::{Database, Form, shown};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::limits::VALUE_BYTES_MAX;
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

/// Store a value under a key, replacing an earlier one
///
/// Makes the database when there is none. The row is durable once the transaction's number is printed.
#[derive(Args, Debug)]
pub struct Put {
    #[command(flatten)]
    db: Database,
    /// The key
    key: OsString,
    /// The value
    #[arg(required_unless_present = "file")]
    value: Option<OsString>,
    /// Take the value's bytes from this file, or from standard input for `-`
    #[arg(long, value_name = "FILE|-", conflicts_with = "value", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

impl Put {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let key = self.form.bytes("KEY", &self.key)?;
        let value = match (&self.value, &self.file) {
            (Some(value), _) => self.form.bytes("VALUE", value)?,
            (None, Some(file)) => read_value(file)?,
            (None, None) => return Err(Told::usage("VALUE or --file is needed").into()),
        };
        let db = self.db.open_or_create()?;
        let mut txn = db.begin_write()?;
        txn.put(&key, &value)?;
        let txn_id = txn.commit()?;
        out.line(format_args!("transaction {txn_id}"))?;
        db.close()?;
        Ok(Exit::Done)
    }
}

/// Reads one byte more than a value may have, so that the engine's own limit speaks.
fn read_value(file: &PathBuf) -> Result<Vec<u8>> {
    let limit = VALUE_BYTES_MAX as u64 + 1;
    let mut value = Vec::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut value)
    } else {
        File::open(file).and_then(|file| file.take(limit).read_to_end(&mut value))
    };
    read.wrap_err_with(|| format!("cannot read the value from {}", shown(file)))?;
    Ok(value)
}
