//! What a workload was promised, and when.

use crate::rows::Rows;
use std::sync::Arc;

/// What was promised, by operation number.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The state after each transaction.
    pub models: Vec<Arc<Rows>>,
    /// The operation before which commit t was called.
    pub issued: Vec<usize>,
    /// (operation, highest transaction acknowledged as durable by then).
    pub acked: Vec<(usize, u64)>,
    /// (operation by which the database had been created).
    pub created: Option<usize>,
}

impl Timeline {
    pub fn new() -> Self {
        Self { models: vec![Arc::default()], issued: vec![0], ..Self::default() }
    }

    /// Lowest and highest state a crash before operation `at` may leave.
    pub fn bounds(&self, at: usize) -> (u64, u64) {
        let acked = self.acked.iter().take_while(|(op, _)| *op <= at).map(|(_, t)| *t).max();
        let issued = self.issued.iter().take_while(|op| **op < at).count();
        (acked.unwrap_or(0), issued.saturating_sub(1) as u64)
    }

    pub fn last(&self) -> u64 {
        self.models.len() as u64 - 1
    }
}
