//! Every way to read rows, against a map: the same checks for a snapshot and for a writer's own view.

use crate::program::{Chance, Shape};
use northstar_engine::{Cursor, Range, ReadTxn, Result, Value, WriteTxn};
use std::{collections::BTreeMap, ops::Bound};

pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What both kinds of transaction can.
pub trait Readable {
    fn get(&self, key: &[u8]) -> Result<Option<Value<'_>>>;
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Value<'_>>>>;
    fn range(&self, bounds: Bounds) -> Result<Range<'_>>;
    fn prefix(&self, prefix: &[u8]) -> Result<Range<'_>>;
    fn cursor(&self) -> Result<Cursor<'_>>;
    fn len(&self) -> u64;
    fn is_empty(&self) -> bool;
}

macro_rules! readable {
    ($type:ty) => {
        impl Readable for $type {
            fn get(&self, key: &[u8]) -> Result<Option<Value<'_>>> {
                <$type>::get(self, key)
            }
            fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Value<'_>>>> {
                <$type>::get_many(self, keys)
            }
            fn range(&self, bounds: Bounds) -> Result<Range<'_>> {
                <$type>::range(self, bounds)
            }
            fn prefix(&self, prefix: &[u8]) -> Result<Range<'_>> {
                <$type>::prefix(self, prefix)
            }
            fn cursor(&self) -> Result<Cursor<'_>> {
                <$type>::cursor(self)
            }
            fn len(&self) -> u64 {
                <$type>::len(self)
            }
            fn is_empty(&self) -> bool {
                <$type>::is_empty(self)
            }
        }
    };
}
readable!(ReadTxn);
readable!(WriteTxn);

/// One round of each: single and many look-ups, a range from both ends, a prefix, a walk.
pub fn check(txn: &impl Readable, rows: &Rows, shape: &Shape, chance: &mut Chance, place: &str) {
    assert_eq!((txn.len(), txn.is_empty()), (rows.len() as u64, rows.is_empty()), "{place}: len");
    look_up(txn, rows, shape, chance, place);
    take_a_range_from_both_ends(txn, rows, shape, chance, place);
    list_a_prefix(txn, rows, shape, chance, place);
    walk(txn, rows, shape, chance, place);
}

/// How many rows one check looks at: enough to cross pages, few beside what is written.
const ROWS_MAX: usize = 40;

fn look_up(txn: &impl Readable, rows: &Rows, shape: &Shape, chance: &mut Chance, place: &str) {
    // Some twice, some that are not there, out of order.
    let count = chance.below(20);
    let keys: Vec<Vec<u8>> = (0..count).map(|_| chance.key(shape)).collect();
    let found = txn.get_many(&keys).unwrap_or_else(|e| panic!("{place}: get_many: {e}"));
    assert_eq!(found.len(), keys.len(), "{place}: get_many");
    for (key, many) in keys.iter().zip(&found) {
        let expected = rows.get(key).map(Vec::as_slice);
        assert!(many.as_deref() == expected, "{place}: get_many of {key:?}");
        let one = txn.get(key).unwrap_or_else(|e| panic!("{place}: get: {e}"));
        assert!(one.as_deref() == expected, "{place}: get of {key:?}");
    }
}

/// Bounds of all nine kinds; never backwards.
pub fn bounds(shape: &Shape, chance: &mut Chance) -> Bounds {
    let (a, b) = (chance.key(shape), chance.key(shape));
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    let same = a == b;
    let start = match chance.below(4) {
        0 => Bound::Unbounded,
        1 if !same => Bound::Excluded(a),
        _ => Bound::Included(a),
    };
    let end = match chance.below(4) {
        0 => Bound::Unbounded,
        1 => Bound::Included(b),
        _ => Bound::Excluded(b),
    };
    match (&start, &end) {
        // The map of the model refuses an empty range with the same key excluded twice.
        (Bound::Excluded(a), Bound::Excluded(b)) if a == b => (start, Bound::Unbounded),
        _ => (start, end),
    }
}

fn take_a_range_from_both_ends(
    txn: &impl Readable,
    rows: &Rows,
    shape: &Shape,
    chance: &mut Chance,
    place: &str,
) {
    let bounds = bounds(shape, chance);
    let mut range =
        txn.range(bounds.clone()).unwrap_or_else(|e| panic!("{place}: range {bounds:?}: {e}"));
    let mut expected = rows.range(bounds.clone());
    let back = chance.below(3);
    for _ in 0..ROWS_MAX {
        let (row, wanted) = if chance.below(2) < back {
            (range.next_back(), expected.next_back())
        } else {
            (range.next(), expected.next())
        };
        let row = row.map(|row| row.unwrap_or_else(|e| panic!("{place}: range: {e}")));
        let row = row.as_ref().map(|(key, value)| (&key[..], &value[..]));
        let wanted = wanted.map(|(key, value)| (&key[..], &value[..]));
        assert!(row == wanted, "{place}: range {bounds:?} has {row:?}, not {wanted:?}");
        if wanted.is_none() {
            assert!(range.next().is_none() && range.next_back().is_none(), "{place}: it ends");
            break;
        }
    }
}

fn list_a_prefix(
    txn: &impl Readable,
    rows: &Rows,
    shape: &Shape,
    chance: &mut Chance,
    place: &str,
) {
    let key = chance.key(shape);
    let prefix = &key[..chance.below(key.len() as u64 + 1) as usize];
    let found = txn.prefix(prefix).unwrap_or_else(|e| panic!("{place}: prefix: {e}"));
    let found = found.take(ROWS_MAX).map(|row| row.expect("readable"));
    let from = rows.range(prefix.to_vec()..);
    let expected = from.take_while(|(key, _)| key.starts_with(prefix)).take(ROWS_MAX);
    assert!(
        found
            .map(|(key, value)| (key.to_vec(), value.into_vec()))
            .eq(expected.map(|(key, value)| (key.clone(), value.clone()))),
        "{place}: prefix {prefix:?}"
    );
}

/// A cursor that seeks, steps and turns; the model's place is a key and whether it is passed.
fn walk(txn: &impl Readable, rows: &Rows, shape: &Shape, chance: &mut Chance, place: &str) {
    let mut cursor = txn.cursor().unwrap_or_else(|e| panic!("{place}: cursor: {e}"));
    // Rows at or above this are ahead; `None` when none is.
    let mut ahead: Bound<Vec<u8>> = Bound::Unbounded;
    let mut at_end = false;
    for _ in 0..ROWS_MAX {
        match chance.below(8) {
            0 => {
                let key = chance.key(shape);
                cursor.seek(&key).unwrap_or_else(|e| panic!("{place}: seek: {e}"));
                (ahead, at_end) = (Bound::Included(key), false);
            }
            1 => {
                cursor.seek_end().unwrap_or_else(|e| panic!("{place}: seek_end: {e}"));
                at_end = true;
            }
            2..=4 => {
                let row = cursor.next().unwrap_or_else(|e| panic!("{place}: next: {e}"));
                let wanted = (!at_end)
                    .then(|| rows.range((ahead.clone(), Bound::Unbounded)).next())
                    .flatten();
                let wanted_row = wanted.map(|(key, value)| (&key[..], &value[..]));
                assert!(row == wanted_row, "{place}: next is {row:?}, not {wanted_row:?}");
                match wanted {
                    Some((key, _)) => ahead = Bound::Excluded(key.clone()),
                    None => at_end = true,
                }
            }
            _ => {
                let row = cursor.prev().unwrap_or_else(|e| panic!("{place}: prev: {e}"));
                let behind = match (&ahead, at_end) {
                    (_, true) => Bound::Unbounded,
                    (Bound::Included(key), _) => Bound::Excluded(key.clone()),
                    (Bound::Excluded(key), _) => Bound::Included(key.clone()),
                    (Bound::Unbounded, _) => Bound::Excluded(Vec::new()),
                };
                let wanted = rows.range((Bound::Unbounded, behind)).next_back();
                let wanted_row = wanted.map(|(key, value)| (&key[..], &value[..]));
                assert!(row == wanted_row, "{place}: prev is {row:?}, not {wanted_row:?}");
                at_end = false;
                ahead = match wanted {
                    Some((key, _)) => Bound::Included(key.clone()),
                    None => Bound::Unbounded,
                };
            }
        }
    }
}
