//! Any range of keys as a half-open one, which is what a DelRange of the log says.
//!
//! Called by the parent module. Bounds longer than a key are cut to the next key, so that what the log
//! stores is always in its limits.

use crate::limits::KEY_BYTES_MAX;
use crate::txn::read;
use std::ops::Bound;

/// Any range as `start <= key < end`, with bounds that are keys; `None` when no key is in it.
pub(super) fn half_open(
    start: Bound<&[u8]>,
    end: Bound<&[u8]>,
) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let start = match start {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => at_or_after(key)?,
        Bound::Excluded(key) => after(key)?,
    };
    let end = match end {
        Bound::Unbounded => None,
        Bound::Included(key) => after(key),
        Bound::Excluded(key) => at_or_after(key),
    };
    let empty = end.as_ref().is_some_and(|end| *end <= start);
    (!empty).then_some((start, end))
}

/// The lowest key that is not below `bytes`, which may be longer than a key; `None` above them all.
fn at_or_after(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.get(..KEY_BYTES_MAX) {
        Some(front) if bytes.len() > KEY_BYTES_MAX => read::behind_prefix(front),
        _ => Some(bytes.to_vec()),
    }
}

/// The lowest key above `bytes`.
fn after(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.get(..KEY_BYTES_MAX) {
        Some(front) => read::behind_prefix(front),
        None => Some([bytes, &[0]].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_a_half_open_form() {
        let long = |byte: u8| vec![byte; KEY_BYTES_MAX];
        let over = |byte: u8| vec![byte; KEY_BYTES_MAX + 1];
        let behind_long = |byte: u8| {
            let mut key = vec![byte; KEY_BYTES_MAX];
            key[KEY_BYTES_MAX - 1] += 1;
            key
        };
        use Bound::{Excluded, Included, Unbounded};
        type Case<'a> =
            (&'a str, Bound<Vec<u8>>, Bound<Vec<u8>>, Option<(Vec<u8>, Option<Vec<u8>>)>);
        let cases: &[Case<'_>] = &[
            ("all", Unbounded, Unbounded, Some((vec![], None))),
            ("start in", Included(b"a".to_vec()), Unbounded, Some((b"a".to_vec(), None))),
            ("start out", Excluded(b"a".to_vec()), Unbounded, Some((b"a\0".to_vec(), None))),
            ("end in", Unbounded, Included(b"a".to_vec()), Some((vec![], Some(b"a\0".to_vec())))),
            ("end out", Unbounded, Excluded(b"a".to_vec()), Some((vec![], Some(b"a".to_vec())))),
            (
                "one",
                Included(b"a".to_vec()),
                Included(b"a".to_vec()),
                Some((b"a".to_vec(), Some(b"a\0".to_vec()))),
            ),
            ("empty", Included(b"a".to_vec()), Excluded(b"a".to_vec()), None),
            ("before the empty key", Unbounded, Excluded(vec![]), None),
            ("longest out", Excluded(long(7)), Unbounded, Some((behind_long(7), None))),
            ("longest in", Unbounded, Included(long(7)), Some((vec![], Some(behind_long(7))))),
            ("above the highest key", Excluded(long(255)), Unbounded, None),
            ("to the highest key", Unbounded, Included(long(255)), Some((vec![], None))),
            (
                "bounds longer than keys",
                Included(over(7)),
                Excluded(over(9)),
                Some((behind_long(7), Some(behind_long(9)))),
            ),
        ];
        for (name, start, end, expected) in cases {
            let got = half_open(start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
            assert_eq!(&got, expected, "{name}");
        }
    }
}
