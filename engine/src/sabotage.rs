//! Switches that break one rule each on purpose: the test of the tests.
//!
//! Asked by the code that keeps the rule; `tests/crash/sabotage.rs` turns each on in turn and expects the crash
//! suites to go red. Without the feature `sabotage` the question is a constant `false` and costs
//! nothing. A switch is thrown for the calling thread only, so that tests run side by side.

/// A rule that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Switch {
    /// A commit is acknowledged without syncing the log.
    SkipLogSync,
    /// A checkpoint writes its meta without syncing the pages first.
    SkipDataSync,
    /// A checkpoint writes its meta before its pages.
    FlipMetaFirst,
    /// A failed sync is taken for a good one.
    IgnoreSyncError,
    /// Pages are used again while the older meta still names them.
    ReuseEarly,
    /// Recovery takes records without looking at their checksums.
    AcceptStaleRecord,
    /// The checksum of a page does not cover its page id.
    DropPageIdFromCrc,
    /// The directory is not synced after files were created or renamed.
    SkipDirSync,
    /// Recovery goes on in the old segment instead of copying the unproven tail.
    TrustPageCache,
    /// The log is trimmed up to the newer meta's position instead of the older one's.
    TrimToNewerMeta,
    /// A damaged record is taken for the end of the log even where a later one proves it was durable.
    CorruptIsTorn,
    /// Nonce and birth of a page are not compared with its pointer.
    TrustStalePage,
    /// The file is cut to what the newer meta needs, whatever the older one names.
    CutToNewerMeta,
    /// The log is trimmed before the meta that makes it needless is durable.
    TrimBeforeMeta,
    /// A meta's free space is that of now, with what later transactions allocated.
    BitmapOfLater,
    /// A meta's log position is the log's end, inside a chain that is still open.
    PositionAtEnd,
    /// A new file gets its final name before its content is synced.
    RenameBeforeSync,
    /// Pages are used again while an open snapshot still reads them.
    ForgetReaders,
    /// Pages are used again while another process still reads them.
    IgnoreForeignReaders,
    /// A segment is read past the start of its successor.
    ReadPastSegment,
    /// A torn tail is taken for damage.
    TornIsCorrupt,
    /// A commit takes in the operations of a chain that was given up before it.
    JoinAnyChain,
    /// A failed sync is tried again, and believed.
    RetrySync,
    /// The first checkpoint after an open does not write the chosen meta again.
    SkipMetaRewrite,
    /// Replay forms the last root only, not those that history keeps.
    SkipReplayRoots,
    /// A durable commit is shown before its sync has returned.
    PublishEarly,
    /// A reader beside a live writer shows records that nothing proves durable.
    ShowUnproven,
    /// A relocation takes a place in the history of its own.
    CountRelocations,
    /// A bitmap is believed although the tree uses pages that it frees.
    TrustBitmap,
    /// Opening takes defaults for options that nobody set, whatever is stored.
    ForgetOptions,
    /// A page that was written to make room is changed in its place afterwards.
    EditWritten,
    /// The commit stream starts with what there is when the commit asked for is gone.
    SkipMissing,
}

impl Switch {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::SkipLogSync,
        Self::SkipDataSync,
        Self::FlipMetaFirst,
        Self::IgnoreSyncError,
        Self::ReuseEarly,
        Self::AcceptStaleRecord,
        Self::DropPageIdFromCrc,
        Self::SkipDirSync,
        Self::TrustPageCache,
        Self::TrimToNewerMeta,
        Self::CorruptIsTorn,
        Self::TrustStalePage,
        Self::CutToNewerMeta,
        Self::TrimBeforeMeta,
        Self::BitmapOfLater,
        Self::PositionAtEnd,
        Self::RenameBeforeSync,
        Self::ForgetReaders,
        Self::IgnoreForeignReaders,
        Self::ReadPastSegment,
        Self::TornIsCorrupt,
        Self::JoinAnyChain,
        Self::RetrySync,
        Self::SkipMetaRewrite,
        Self::SkipReplayRoots,
        Self::PublishEarly,
        Self::ShowUnproven,
        Self::CountRelocations,
        Self::TrustBitmap,
        Self::ForgetOptions,
        Self::EditWritten,
        Self::SkipMissing,
    ];
}

/// Whether the rule is to be broken.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn on(_switch: Switch) -> bool {
    false
}

#[cfg(feature = "sabotage")]
pub use thrown::{on, with};

#[cfg(feature = "sabotage")]
mod thrown {
    use super::Switch;
    use std::cell::Cell;

    thread_local! {
        static THROWN: Cell<Option<Switch>> = const { Cell::new(None) };
    }

    /// Whether the rule is to be broken.
    #[inline]
    pub fn on(switch: Switch) -> bool {
        THROWN.get() == Some(switch)
    }

    /// Runs `body` with `switch` thrown on this thread; it is back afterwards, a panic included.
    pub fn with<T>(switch: Switch, body: impl FnOnce() -> T) -> T {
        struct Back(Option<Switch>);
        impl Drop for Back {
            fn drop(&mut self) {
                THROWN.set(self.0);
            }
        }
        let _back = Back(THROWN.replace(Some(switch)));
        body()
    }
}
