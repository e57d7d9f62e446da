//! Cartridges: immutable artefacts built from the commit stream and memory-mapped for hot look-ups.
//!
//! A cartridge answers one kind of question about one state of a database, faster than the tree can:
//! how many tasks of a type are pending and which come first ([`crate::queue::pending_tasks`]), how many rows and
//! bytes lie under a key prefix ([`prefix_counts`]). Bytes and rules: `spec/cartridge_v0.md`, CART-1 to
//! CART-7.
//!
//! ```text
//! commits(1..)            ─┐
//! snapshot                ─┼─▶ rows of the inputs, in key order ─▶ CartridgeType ─▶ sections ─▶ file
//! previous file + commits ─┘   (the same rows on every way: the same bytes)
//! file ─▶ map ─▶ header, table verified ─▶ section verified at first use ─▶ look-up, no copy
//! ```

mod build;
mod file;
mod keeper;
mod map;
mod past;
pub mod prefix_counts;
mod publish;
mod staleness;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod tests;

pub use build::{BuildReport, BuildRequest, Route, build, build_bytes};
pub use file::{
    CARTRIDGE_MAGIC, Cartridge, CartridgeHeader, SectionEntry, SectionInfo, is_cartridge,
};
pub use keeper::{Keeper, KeeperState};
pub use past::{LogFiles, Past};
pub use publish::is_temporary;
pub use staleness::{Policy, Reason, Staleness, rebuild_if_stale, staleness};

use crate::error::{Error, Place, Result};

/// The format this program writes, and the newest it reads.
pub const CARTRIDGE_VERSION: u32 = 0;

/// Most sections a cartridge may have.
pub const SECTIONS_MAX: u32 = 64;

/// One section to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its number, unique in the cartridge; the type gives the meaning.
    pub kind: u32,
    /// How many entries it has; the type gives the meaning.
    pub count: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A key, and what a type keeps of its value.
pub type KeptRow = (Vec<u8>, Vec<u8>);

/// What a new type of cartridge implements: which rows it reads, what it keeps of each, and the
/// sections it makes of them.
///
/// Everything must follow from the rows and the options alone: no clock, no randomness, no hash order.
pub trait CartridgeType: Clone {
    /// Its name in the header: up to 32 ASCII bytes.
    const NAME: &'static str;
    /// The version of its sections. A reader refuses a newer one.
    const VERSION: u32;
    /// The sections it makes and knows.
    const SECTIONS: &'static [u32];

    /// The options it was made with, as stored in the header block.
    fn options(&self) -> Vec<u8>;

    /// The type with the options of a cartridge; `None` when they are not what [`Self::options`] writes.
    fn from_options(options: &[u8]) -> Option<Self>;

    /// The key prefixes it reads; an empty prefix reads every row.
    fn prefixes(&self) -> Vec<Vec<u8>>;

    /// What must be kept of a row's value; kept in memory for each row while building.
    fn keep(&self, key: &[u8], value: &[u8]) -> Vec<u8>;

    /// Makes the sections of the kept rows, which come in key order.
    ///
    /// # Errors
    /// `Corrupt` when a row is not what its key promises.
    fn sections(&self, rows: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<Vec<Section>>;

    /// The kept rows that `cartridge` was made of, if it holds them: lets a build start from it
    /// instead of from the beginning. `None` when it does not.
    ///
    /// # Errors
    /// `Corrupt` when its sections do not verify.
    fn restore(&self, cartridge: &Cartridge) -> Result<Option<Vec<KeptRow>>>;

    /// Checks what the section checksums cannot: order, lengths, sums.
    ///
    /// # Errors
    /// `Corrupt` with the rule that is broken.
    fn check(&self, cartridge: &Cartridge) -> Result<()>;
}

/// The type `T` with the options that `cartridge` was built with.
///
/// # Errors
/// `InvalidArgument` when it is of another type; `UnsupportedFormat` for a newer version or a section
/// that must be known and is not; `Corrupt` (CART-7) for options that the type does not write.
pub fn type_of<T: CartridgeType>(cartridge: &Cartridge) -> Result<T> {
    expect_type::<T>(cartridge)?;
    T::from_options(cartridge.options()).ok_or_else(|| {
        let expected = format_args!("options of {}", T::NAME);
        cartridge.bad("CART-7", Place::File, expected, cartridge.options().escape_ascii())
    })
}

/// An error unless `cartridge` is of type `T` in a version that this program reads. Allocates nothing: every
/// look-up may ask.
pub(crate) fn expect_type<T: CartridgeType>(cartridge: &Cartridge) -> Result<()> {
    if cartridge.type_name() != T::NAME {
        let name = cartridge.type_name().escape_debug().to_string();
        return Err(Error::InvalidArgument(format!("a cartridge {name}, not {}", T::NAME)));
    }
    let unsupported =
        |found| Error::UnsupportedFormat { path: cartridge.path().to_path_buf(), found };
    if cartridge.header().type_version > T::VERSION {
        let version = cartridge.header().type_version;
        return Err(unsupported(format!("{} version {version}", T::NAME)));
    }
    if let Some(unknown) = cartridge.must_be_known().find(|kind| !T::SECTIONS.contains(kind)) {
        return Err(unsupported(format!("section {unknown} in a cartridge {}", T::NAME)));
    }
    Ok(())
}
