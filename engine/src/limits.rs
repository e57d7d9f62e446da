//! Every public limit, with its reason. `spec/limits.md` is held to this file by a test.

/// Bytes of a page. Large enough for long keys and a high fan-out; the head-and-hint search makes up
/// for the longer binary search.
pub const PAGE_BYTES: usize = 16 * 1024;

/// Longest key. Three such cells fit a page, so that a split always leaves two children a side.
pub const KEY_BYTES_MAX: usize = 4096;

/// Longest value: 1 GiB. A longer value is a file, not a row.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// A row whose key and value together are longer than this keeps its value in overflow pages.
pub const INLINE_ROW_BYTES_MAX: usize = 4096;

/// Deepest tree a reader follows; a real tree of 2^48 rows is not deeper than 24.
pub const DEPTH_MAX: usize = 64;

/// A transaction whose log payload is longer than this is written as a chain of continuation records.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Longest payload a log reader accepts: one operation with the longest key and value, and its framing.
pub const RECORD_PAYLOAD_BYTES_LIMIT: usize = VALUE_BYTES_MAX + 2 * KEY_BYTES_MAX + 4096;

/// Bytes of a log segment's header; its first record starts behind it.
pub const SEGMENT_HEADER_BYTES: usize = 4096;

/// Smallest log segment, so that an empty database with its log stays under 100 KB.
pub const SEGMENT_BYTES_MIN: u64 = 32 * 1024;

/// Largest log segment. Each segment is four times the one before, up to this.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Most pages a file may have: 2^48 bytes of 16 KiB pages, so that offsets never overflow.
pub const PAGE_COUNT_MAX: u64 = 1 << 34;

/// Smallest cache budget that is honoured: a descent of two paths and a checkpoint's own pages.
pub const CACHE_BYTES_MIN: usize = 64 * PAGE_BYTES;
