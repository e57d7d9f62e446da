//! Bytes to structures and back: every on-disk structure is declared here, once.
//!
//! Pure: no I/O, no clock, no panic on any input. The codecs of the engine, the hex view of the
//! workbench, the checker and the tables of `spec/` all come from these declarations
//! ([`field::Layout`]).

#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic))]

pub mod chain;
pub mod checksum;
pub mod content_hash;
pub mod field;
pub mod log_record;
pub mod meta;
pub mod node;
pub mod op;
pub mod overflow;
pub mod page;
pub mod segment;

pub use page::verify_page;

/// Every structure of fixed width in the database file and its log.
pub const LAYOUTS: [field::Layout; 14] = [
    page::PageHeader::LAYOUT,
    meta::Meta::LAYOUT,
    node::NodeHeader::LAYOUT,
    node::Slot::LAYOUT,
    overflow::ValueDescriptor::LAYOUT,
    overflow::OverflowHeader::LAYOUT,
    chain::ChainHeader::LAYOUT,
    chain::HistoryRow::LAYOUT,
    chain::RetiredRow::LAYOUT,
    segment::SegmentHeader::LAYOUT,
    log_record::RecordHeader::LAYOUT,
    log_record::RecordTrailer::LAYOUT,
    log_record::CommitHeader::LAYOUT,
    op::OpHeader::LAYOUT,
];
