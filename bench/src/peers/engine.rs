//! What an engine must be able to do to stand in the table. Everything goes through trait objects, ours
//! too: the same cost for all.

use crate::{
    error::{Error, Result},
    rng::{Key, Rows},
};

/// One change of a transaction, borrowed from whoever makes it.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Store a row: key and value.
    Put(&'a [u8], &'a [u8]),
    /// Remove a row.
    Delete(&'a [u8]),
}

/// Makes the changes of a transaction, one after the other.
pub trait Changes {
    /// The next one; `None` at the end.
    fn next(&mut self) -> Option<Change<'_>>;
}

/// What is done with a snapshot.
pub type Work<'a> = dyn FnMut(&mut dyn Reader) -> Result<()> + 'a;

/// An engine under test.
pub trait Engine: Send + Sync {
    /// Applies `changes` in one transaction; waits for durability if `durable`.
    ///
    /// # Errors
    /// What the engine says.
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()>;

    /// Opens a snapshot, hands it to `work` and closes it.
    ///
    /// # Errors
    /// What the engine or `work` says.
    fn read(&self, work: &mut Work<'_>) -> Result<()>;

    /// Opens and closes a snapshot, as cheaply as the engine allows.
    ///
    /// # Errors
    /// What the engine says.
    fn snapshot(&self) -> Result<()>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// What the engine says.
    fn sync(&self) -> Result<()>;

    /// Does, or waits for, everything the engine puts off: checkpoints, flushes, compactions. Reads are
    /// measured after it, so that nobody's background work is in them.
    ///
    /// # Errors
    /// What the engine says.
    fn settle(&self) -> Result<()>;

    /// Gives back as much space as the engine can, and closes.
    ///
    /// # Errors
    /// What the engine says.
    fn compact(self: Box<Self>) -> Result<()>;
}

/// A snapshot of an engine, in one thread's hands.
pub trait Reader {
    /// First byte plus length of the value under `key`; `None` if it is not there.
    ///
    /// # Errors
    /// What the engine says.
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>>;

    /// The same for several keys at once, where the engine has a call for it.
    ///
    /// # Errors
    /// What the engine says; a key that is not there.
    fn get_many(&mut self, keys: &[Key]) -> Result<u64> {
        let mut total = 0_u64;
        for key in keys {
            total = total.wrapping_add(self.get(key.as_ref())?.ok_or_else(missing)?);
        }
        Ok(total)
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// What the engine says.
    fn row_count(&mut self) -> Result<u64>;

    /// Reads `rows` rows from `start` on; the sum of each value's first byte and the last of its key.
    ///
    /// # Errors
    /// What the engine says; [`Error::Wrong`] when there are fewer rows.
    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64>;
}

/// What a get adds to its sum.
pub(super) fn digest(value: &[u8]) -> u64 {
    u64::from(value.first().copied().unwrap_or(0)) + value.len() as u64
}

/// What a scanned row adds to its sum.
pub(super) fn row_digest(key: &[u8], value: &[u8]) -> u64 {
    let end = |bytes: Option<&u8>| u64::from(bytes.copied().unwrap_or(0));
    end(key.last()) + end(value.first())
}

pub(super) fn missing() -> Error {
    Error::wrong("a row is not there")
}

pub(super) fn ended_early() -> Error {
    Error::wrong("a scan ended early")
}

/// Puts the rows with the numbers `next..end`.
pub(super) struct Puts<'a> {
    pub(super) rows: &'a mut Rows,
    pub(super) next: u64,
    pub(super) end: u64,
    pub(super) key: Key,
    pub(super) round: u64,
}

impl<'a> Puts<'a> {
    pub(super) fn new(rows: &'a mut Rows, numbers: std::ops::Range<u64>) -> Self {
        let key = rows.key(numbers.start);
        Self { rows, next: numbers.start, end: numbers.end, key, round: 0 }
    }

    /// The same with other values, different in each round: SQLite takes a row that stays as it is for no
    /// change, and commits it without a sync.
    pub(super) fn again(self, round: u64) -> Self {
        Self { round, ..self }
    }
}

impl Changes for Puts<'_> {
    fn next(&mut self) -> Option<Change<'_>> {
        if self.next == self.end {
            return None;
        }
        self.key = self.rows.key(self.next);
        let value = self.rows.value(self.next, self.round);
        self.next += 1;
        Some(Change::Put(self.key.as_ref(), value))
    }
}

/// Deletes rows by number.
pub(super) struct Deletes<'a> {
    pub(super) rows: &'a Rows,
    pub(super) numbers: std::slice::Iter<'a, u32>,
    pub(super) key: Key,
}

impl Changes for Deletes<'_> {
    fn next(&mut self) -> Option<Change<'_>> {
        self.key = self.rows.key(u64::from(*self.numbers.next()?));
        Some(Change::Delete(self.key.as_ref()))
    }
}

/// No change at all.
pub(super) struct Nothing;

impl Changes for Nothing {
    fn next(&mut self) -> Option<Change<'_>> {
        None
    }
}
