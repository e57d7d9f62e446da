//! A store of numbers behind a real gate, for the tests and the models.

use super::*;
use crate::txn::writer_gate::WriterGate;

#[derive(Default)]
pub(super) struct Store {
    pub(super) gate: WriterGate,
    pub(super) combiner: Combiner<Txn>,
    /// What was committed, a list a transaction.
    pub(super) committed: Mutex<Vec<Vec<u32>>>,
    /// What every commit fails with.
    pub(super) fails: Mutex<Option<Error>>,
}

/// Numbers on their way in. Dropping it leaves the gate, as a write transaction does.
pub(super) struct Txn {
    store: Arc<Store>,
    pub(super) numbers: Vec<u32>,
}

impl Drop for Txn {
    fn drop(&mut self) {
        self.store.gate.leave();
    }
}

/// Who has so much patience.
pub(super) struct Caller(pub(super) Arc<Store>, pub(super) Duration);

impl Door for Caller {
    type Txn = Txn;

    fn begin(&self) -> Result<Txn> {
        if !self.0.gate.enter_within(self.1) {
            return Err(Error::WriteBusy);
        }
        Ok(Txn { store: Arc::clone(&self.0), numbers: Vec::new() })
    }

    fn commit(&self, mut txn: Txn) -> Result<()> {
        if let Some(error) = locked(&self.0.fails).clone() {
            return Err(error);
        }
        let numbers = mem::take(&mut txn.numbers);
        locked(&self.0.committed).push(numbers);
        Ok(())
    }

    fn patience(&self) -> Duration {
        self.1
    }
}

impl Caller {
    /// Puts a number by a shared step, which gives it back.
    pub(super) fn put(&self, number: u32) -> Result<u32> {
        self.0.combiner.run(self, move |txn: &mut Txn| {
            txn.numbers.push(number);
            Ok(number)
        })
    }
}

impl Store {
    /// All that was committed, in order of size, and by how many transactions.
    pub(super) fn committed(&self) -> (Vec<u32>, usize) {
        let committed = locked(&self.committed);
        let mut numbers = committed.concat();
        numbers.sort_unstable();
        (numbers, committed.len())
    }
}
