//! Transactions: snapshots for readers, one writer, the commit pipeline.

pub mod read;
pub mod write;
