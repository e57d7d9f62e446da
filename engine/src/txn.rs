//! Transactions: snapshots for readers, one writer, the commit pipeline.
//!
//! Spec: `spec/semantics_v0.md`. Reading order: what a state is, who reads it, who keeps it, when its
//! pages are free, who may write, how a commit becomes visible.

pub(crate) mod combiner;
pub(crate) mod commit;
pub(crate) mod core;
pub mod event;
pub(crate) mod history;
pub(crate) mod pipeline;
pub mod read;
pub(crate) mod reclaim;
pub(crate) mod registry;
pub(crate) mod snapshot;
pub mod write;
pub(crate) mod writer_gate;

pub use history::History;
pub use snapshot::{Durability, Origin};
