//! What several suites share: filling a database, choosing rows, comparing what was read.

use crate::{
    catalog::Parameter,
    context::Context,
    error::{Error, Result},
    rng::{Checksum, KeyOrder, Rows},
};
use northstar_engine::{Db, Durability, Options, ReadTxn, inspect::Severity};

/// Rows: a twentieth of the name's size in profile `ci`.
pub const RECORDS: Parameter =
    Parameter { name: "records", unit: "rows", ci: 20_000, full: 1_000_000 };
/// Bytes of a key.
pub const KEY_BYTES: Parameter = Parameter { name: "key_bytes", unit: "B", ci: 16, full: 16 };
/// Bytes of a value.
pub const VALUE_BYTES: Parameter = Parameter { name: "value_bytes", unit: "B", ci: 128, full: 128 };
/// Rows a transaction.
pub const TXN_ROWS: Parameter = Parameter { name: "txn_rows", unit: "rows", ci: 1000, full: 1000 };

/// Rows put by one transaction while a database is filled.
const FILL_TXN_ROWS: u64 = 10_000;

/// The rows of `context`: key and value sizes from its parameters.
///
/// # Errors
/// A parameter is missing.
pub fn rows(context: &Context, order: KeyOrder) -> Result<Rows> {
    let key_bytes = context.number("key_bytes")? as usize;
    let value_bytes = context.number("value_bytes")? as usize;
    Ok(Rows::new(context.seed, order, key_bytes, value_bytes))
}

/// Name of the file of a [`Filled`] database.
pub const FILLED: &str = "filled.ns";

/// A database with rows in it, checkpointed, and what made the rows.
#[derive(Debug)]
pub struct Filled {
    /// The database.
    pub db: Db,
    /// Makes its rows again.
    pub rows: Rows,
    /// How many there are.
    pub records: u64,
}

impl Filled {
    /// As many rows as the parameter `records` says, in keys of the given order.
    ///
    /// # Errors
    /// A parameter is missing; what the engine says.
    pub fn new(context: &Context, options: Options, order: KeyOrder) -> Result<Self> {
        let records = context.number("records")?;
        let mut rows = rows(context, order)?;
        let db = filled(context, FILLED, options, &mut rows, records)?;
        Ok(Self { db, rows, records })
    }

    /// Row `number` must be in `read` with the value of its `round`-th version.
    ///
    /// # Errors
    /// [`Error::Wrong`] when it is not; what the engine says.
    pub fn check_row(&mut self, read: &ReadTxn, number: u64, round: u64) -> Result<()> {
        let value = read.get(self.rows.key(number))?.ok_or_else(|| missing(number))?;
        if *value == *self.rows.value(number, round) {
            Ok(())
        } else {
            Err(Error::wrong(format!("row {number} does not have the value of version {round}")))
        }
    }
}

/// Opens a database called `name` with `count` rows in it, checkpointed.
///
/// # Errors
/// What the engine says.
pub fn filled(
    context: &Context,
    name: &str,
    options: Options,
    rows: &mut Rows,
    count: u64,
) -> Result<Db> {
    let db = context.open(name, options)?;
    put_rows(&db, rows, 0..count, FILL_TXN_ROWS)?;
    db.sync()?;
    db.checkpoint()?;
    Ok(db)
}

/// Puts the rows with the given numbers, `txn_rows` a transaction, without waiting for durability.
///
/// # Errors
/// What the engine says.
pub fn put_rows(
    db: &Db,
    rows: &mut Rows,
    numbers: std::ops::Range<u64>,
    txn_rows: u64,
) -> Result<()> {
    let mut number = numbers.start;
    while number < numbers.end {
        let end = (number + txn_rows).min(numbers.end);
        let mut txn = db.begin_write()?;
        for number in number..end {
            let key = rows.key(number);
            txn.put(key, rows.value(number, 0))?;
        }
        txn.commit_with(Durability::Eventual)?;
        number = end;
    }
    Ok(())
}

/// Reads everything: the number of rows and a sum over keys and values. Also runs the engine's own
/// check of every structure.
///
/// # Errors
/// [`Error::Wrong`] when the check finds an error, keys do not rise, or `len` does not agree.
pub fn sum_of(db: &Db) -> Result<(u64, Checksum)> {
    let read = db.begin_read()?;
    let mut sum = Checksum::default();
    let mut count = 0;
    let mut last: Option<Vec<u8>> = None;
    let mut cursor = read.cursor()?;
    cursor.seek(b"")?;
    while let Some((key, value)) = cursor.next()? {
        if last.as_deref().is_some_and(|last| last >= key) {
            return Err(Error::wrong(format!("keys do not rise at row {count}")));
        }
        last = Some(key.to_vec());
        sum.add(key);
        sum.add(value);
        count += 1;
    }
    expect("rows by len() and by scan", read.len(), count)?;
    let report = db.verify()?;
    let problem = report.problems.iter().find(|problem| problem.severity == Severity::Error);
    match problem {
        Some(problem) => Err(Error::wrong(format!("verify: {problem:?}"))),
        None => Ok((count, sum)),
    }
}

/// Two numbers that must be equal.
///
/// # Errors
/// [`Error::Wrong`] with both when they are not.
pub fn expect(what: &str, found: u64, expected: u64) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::wrong(format!("{what}: expected {expected}, found {found}")))
    }
}

/// A row that must be there.
pub fn missing(number: u64) -> Error {
    Error::wrong(format!("row {number} is not there"))
}
