//! `del`: removes one row, durably.

use super::{Database, Form};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::Result;
use std::ffi::OsString;

/// Remove a key
///
/// A key that is not there is exit status 1, and nothing is committed.
#[derive(Args, Debug)]
pub struct Del {
    #[command(flatten)]
    db: Database,
    /// The key
    key: OsString,
    #[command(flatten)]
    form: Form,
}

impl Del {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let key = self.form.bytes("KEY", &self.key)?;
        let db = self.db.open_for_writing()?;
        let mut txn = db.begin_write()?;
        if !txn.del(&key)? {
            txn.abort();
            db.close()?;
            return Err(Told::no(format!("no such key: {}", self.form.show(&key, 200))).into());
        }
        let txn_id = txn.commit()?;
        out.line(format_args!("transaction {txn_id}"))?;
        db.close()?;
        Ok(Exit::Done)
    }
}
