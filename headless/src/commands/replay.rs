//! `replay`: a state rebuilt from the log alone, or from an older database and the log.
//!
//! Without --out in memory, with nothing of the tree in it: an independent witness for `hash`. With
//! --out each transaction is committed to the new database, in the memory of its cache.

use super::{Database, hash::content_hash, must_be_file, shown};
use crate::{
    exit::{Exit, Told},
    output::{Out, json},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Db, Durability, Error, Lsn, Options, TxnId,
    disk::{Storage, file::RealStorage},
    format::op::Op,
    log::{Chain, LogPaths, Scanner, Transactions, replay::MemoryState},
};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Rebuild a state from the log and print its content hash
///
/// The hash equals that of the database the log belongs to. When the log does not reach back to the
/// first transaction and no --base is given, the first one there is is named, and the exit status is 1.
#[derive(Args, Debug)]
pub struct Replay {
    /// The newest log segment (app.ns.log); older ones beside it are read too
    #[arg(value_name = "LOG", value_hint = clap::ValueHint::FilePath)]
    log: PathBuf,
    /// Stop behind this transaction
    #[arg(long, value_name = "TXN")]
    to: Option<u64>,
    /// Start from the latest state of this database, for example a backup
    #[arg(long, value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    base: Option<PathBuf>,
    /// Write the state into this new database
    #[arg(long, value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `replay --json` prints.
#[derive(Debug, Serialize)]
struct ReplayJson {
    txn_id: u64,
    transactions: u64,
    rows: u64,
    hash: String,
}

/// Where the operations go.
enum Target {
    Memory(MemoryState),
    Database(Db),
}

impl Replay {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        must_be_file(&self.log)?;
        if let Some(path) = self.out.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
            return Err(Told::no(format!("{} exists already", shown(path)))
                .hint("--out makes a new database and never overwrites one")
                .into());
        }
        let base = self.base.as_ref().map(|path| open(path)).transpose()?;
        self.base_is_not_behind(base.as_ref())?;
        let (mut target, mut at) = match (&self.out, base) {
            (Some(path), base) => start_database(path, base)?,
            (None, base) => start_memory(base)?,
        };
        let mut transactions = transactions(&self.log)?;
        let (first, mut count) = (at, 0);
        while let Some(transaction) = transactions.next()? {
            let txn_id = transaction.txn_id;
            if txn_id <= first {
                continue;
            }
            if self.to.is_some_and(|to| txn_id.get() > to) {
                break;
            }
            if txn_id != at.next() {
                return Err(out_of_reach(txn_id, at, self.base.is_some()).into());
            }
            target
                .apply(&mut transactions, transaction.lsn)
                .wrap_err_with(|| format!("transaction {txn_id}"))?;
            at = txn_id;
            count += 1;
        }
        if let Some(to) = self.to.filter(|&to| at.get() < to) {
            return Err(Told::no(format!("the log ends at transaction {at}, before {to}")).into());
        }
        let (hash, rows) = target.finish()?;
        if self.json {
            let document = ReplayJson { txn_id: at.get(), transactions: count, rows, hash };
            json::document(out, &document)?;
        } else {
            out.line(hash)?;
        }
        Ok(Exit::Done)
    }
}

impl Replay {
    /// A replay goes forward only.
    fn base_is_not_behind(&self, base: Option<&Db>) -> Result<()> {
        let (Some(base), Some(to)) = (base, self.to) else { return Ok(()) };
        let at = base.begin_read()?.txn_id();
        if at.get() <= to {
            return Ok(());
        }
        let message = format!("the base is at transaction {at} already, behind {to}");
        Err(Told::no(message).hint("an earlier base is needed").into())
    }
}

fn open(path: &Path) -> Result<Db> {
    Database { path: path.to_path_buf() }.open_for_reading()
}

/// The committed transactions of a log and its older segments.
fn transactions(path: &Path) -> Result<Transactions> {
    let paths = LogPaths::of_log(path).unwrap_or_else(|| LogPaths::of_database(path));
    let storage: Arc<dyn Storage> = Arc::new(RealStorage);
    let cannot = || format!("cannot read the log {}", shown(path));
    let chain = Chain::discover(&storage, &paths).wrap_err_with(cannot)?;
    let start = chain.start_lsn().ok_or_else(|| Told::no(format!("{} is no log", shown(path))))?;
    let scanner = Scanner::new(chain, start).wrap_err_with(cannot)?;
    Ok(Transactions::new(scanner, None))
}

fn out_of_reach(found: TxnId, at: TxnId, has_base: bool) -> Told {
    if has_base {
        let message = format!("the base ends at transaction {at}, the log starts at {found}");
        return Told::no(message).hint("a later base is needed");
    }
    Told::no(format!("the log starts at transaction {found}, not at 1"))
        .hint("give a --base: a backup of the database at an earlier transaction")
}

fn start_memory(base: Option<Db>) -> Result<(Target, TxnId)> {
    let mut state = MemoryState::default();
    let mut at = TxnId::GENESIS;
    if let Some(base) = base {
        let txn = base.begin_read()?;
        at = txn.txn_id();
        for row in txn.iter()? {
            let (key, value) = row?;
            state.apply(Op::Put { key: &key, value: &value }, Lsn::default())?;
        }
    }
    Ok((Target::Memory(state), at))
}

fn start_database(path: &Path, base: Option<Db>) -> Result<(Target, TxnId)> {
    let cannot = || format!("cannot make {}", shown(path));
    let mut at = TxnId::GENESIS;
    if let Some(base) = base {
        base.backup(path).wrap_err_with(cannot)?;
        at = base.begin_read()?.txn_id();
    }
    let db = Options::new().open(path).wrap_err_with(cannot)?;
    Ok((Target::Database(db), at))
}

impl Target {
    /// Applies the operations of the transaction that was read last.
    fn apply(&mut self, transactions: &mut Transactions, lsn: Lsn) -> Result<()> {
        match self {
            Self::Memory(state) => transactions.ops(&mut |op| state.apply(op, lsn))?,
            Self::Database(db) => {
                let mut txn = db.begin_write()?;
                transactions.ops(&mut |op| {
                    match op {
                        Op::Put { key, value } => txn.put(key, value)?,
                        Op::Del { key } => {
                            txn.del(key)?;
                        }
                        Op::DelRange { start, end, count } => {
                            let gone = match end {
                                Some(end) => txn.del_range(start..end)?,
                                None => txn.del_range(start..)?,
                            };
                            if gone != count {
                                let why = format!("a range held {gone} rows, not {count}");
                                return Err(Error::InvalidArgument(why));
                            }
                        }
                    }
                    Ok(())
                })?;
                txn.commit_with(Durability::Eventual)?;
            }
        }
        Ok(())
    }

    /// Content hash and rows; a database is made durable.
    fn finish(self) -> Result<(String, u64)> {
        match self {
            Self::Memory(state) => {
                Ok((state.content_hash().to_string(), state.rows().len() as u64))
            }
            Self::Database(db) => {
                db.sync()?;
                let result = content_hash(&db.begin_read()?)?;
                db.close()?;
                Ok(result)
            }
        }
    }
}
