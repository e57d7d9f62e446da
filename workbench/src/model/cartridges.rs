//! Cartridges beside a database: found by their magic, each verified whole, judged, asked, and built again.
//!
//! Looking takes no lock and writes nothing: a cartridge is judged by the files of the log alone
//! ([`find`]). Building again is the one thing here that writes, and only the cartridge ([`rebuild`]).

pub mod answer;
pub mod find;
pub mod rebuild;

pub use answer::Answer;
pub use find::{CartridgeView, Cartridges, FindCartridges};
pub use rebuild::{Rebuild, Rebuilt};

use northstar_engine::printable::Printable;
use serde::Serializer;

/// Bytes of a person's, in JSON as they are shown.
fn printable<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(Printable::new(bytes).as_str())
}
