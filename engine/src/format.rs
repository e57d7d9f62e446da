//! Bytes to structures and back: every on-disk structure is declared here, once.
//!
//! Pure: no I/O, no clock, no panic on any input. The codecs of the engine, the hex view of the
//! workbench, the checker and the tables of `spec/` all come from these declarations
//! ([`field::Layout`]).

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
