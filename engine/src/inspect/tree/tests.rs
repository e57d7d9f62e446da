//! Tests of nodes, look-ups and row windows on the sample image.

use super::*;
use crate::inspect::testing::{long_value, pointer, resealed, sample, source};
use crate::inspect::{Source, metas};
use proptest::prelude::*;

fn root(source: &Source) -> Root {
    metas(source).slots[1].root.expect("slot B of the sample is valid")
}

fn keys(rows: &Rows) -> Vec<String> {
    rows.items
        .iter()
        .map(|item| match item {
            RowItem::Row(row) => String::from_utf8_lossy(&row.key).into_owned(),
            RowItem::Hole { page, .. } => format!("hole at {page}"),
        })
        .collect()
}

fn all_keys() -> Vec<String> {
    let mut keys: Vec<String> = (0..40).map(|index| format!("a/{index:03}")).collect();
    keys.extend(["m/1", "m/long", "m/z"].map(String::from));
    keys
}

#[test]
fn nodes_show_children_and_rows() {
    let source = source(&sample());
    let root = root(&source);
    let top = node(&source, root.pointer, root.level()).expect("a root");
    assert!(!top.leaf && top.problems.is_empty(), "{top:?}");
    let separators: Vec<&[u8]> = top.entries.iter().map(Entry::key).collect();
    assert_eq!(separators, [&b""[..], b"m/"]);
    let Entry::Child { pointer, .. } = top.entries[1] else { panic!("a child") };
    let leaf = node(&source, pointer, Some(0)).expect("a leaf");
    assert_eq!((leaf.prefix.as_slice(), leaf.dead_bytes), (&b"m/"[..], 10));
    let Entry::Row { value, .. } = leaf.entries[1] else { panic!("a row") };
    assert_eq!(value.bytes, long_value().len() as u64);
    assert_eq!(value.overflow.map(|(first, count)| (first.page.get(), count)), Some((5, 2)));
}

#[test]
fn lookups_tell_their_way() {
    let source = source(&sample());
    let root = root(&source);
    for (key, found, pages) in [
        ("a/007", true, vec![2, 3]),
        ("a/0071", false, vec![2, 3]),
        ("", false, vec![2, 3]),
        ("lzzz", false, vec![2, 3]),
        ("m/", false, vec![2, 4]),
        ("m/long", true, vec![2, 4]),
        ("z", false, vec![2, 4]),
    ] {
        let steps = lookup(&source, &root, key.as_bytes());
        let way: Vec<u64> = steps.iter().map(|step| step.pointer.page.get()).collect();
        assert_eq!(way, pages, "{key}");
        let last = steps.last().expect("two steps");
        assert_eq!(matches!(last.outcome, Outcome::Found(_)), found, "{key}: {:?}", last.outcome);
        assert_eq!(last.chosen.is_some(), found, "{key}");
        let most = if last.slots > 0 { last.slots.ilog2() as usize + 1 } else { 0 };
        assert!(last.comparisons.len() <= most, "{key}: a binary search");
    }
    let empty = metas(&source).slots[0].root.expect("slot A");
    assert_eq!(lookup(&source, &empty, b"a"), []);
}

#[test]
fn windows_of_rows() {
    let source = source(&sample());
    let root = root(&source);
    let all = all_keys();
    assert_eq!(keys(&rows(&source, &root, b"", b"", 1000)), all);
    assert!(rows(&source, &root, b"", b"", 1000).complete);
    assert_eq!(keys(&rows_before(&source, &root, None, b"", 1000)), all);
    assert_eq!(keys(&rows(&source, &root, b"a/038", b"", 3)), ["a/038", "a/039", "m/1"]);
    assert_eq!(keys(&rows_before(&source, &root, Some(b"m/1"), b"", 2)), ["a/038", "a/039"]);
    assert_eq!(keys(&rows(&source, &root, b"", b"m/", 9)), ["m/1", "m/long", "m/z"]);
    assert_eq!(keys(&rows_before(&source, &root, None, b"a/00", 2)), ["a/008", "a/009"]);
    assert_eq!(keys(&rows(&source, &root, b"zz", b"", 9)), [""; 0]);
    assert_eq!(keys(&rows_before(&source, &root, Some(b""), b"", 9)), [""; 0]);
}

#[test]
fn long_values_are_read_along_their_extents() {
    let pages = sample();
    let source = source(&pages);
    let whole = value(&source, &pages[4], 1, usize::MAX).expect("row 1 of page 4");
    assert_eq!((whole.problem, whole.bytes), (None, long_value()));
    assert_eq!(whole.extents, [(pointer(5, 6), 2), (pointer(8, 6), 1)]);
    let front = value(&source, &pages[4], 1, 10).expect("row 1 of page 4");
    assert_eq!((front.total, &front.bytes[..]), (long_value().len() as u64, &long_value()[..10]));
    assert_eq!(value(&source, &pages[4], 3, 10), None);
}

#[test]
fn broken_pieces_end_a_value_with_a_reason() {
    // Page of an extent, byte, new value, rule.
    for (name, id, at, byte, rule) in [
        ("torn piece", 6, 5000, 1, "PAGE-3"),
        ("wrong nonce", 8, 32, 1, "PAGE-6"),
        ("wrong index", 6, 40, 0, "OVF-4"),
        ("no next extent", 5, 52, 0, "OVF-3"),
    ] {
        let mut pages = sample();
        pages[id][at] = byte;
        if rule != "PAGE-3" {
            pages[id] = resealed(pages[id].clone());
        }
        let read = value(&source(&pages), &pages[4], 1, usize::MAX).expect("row 1 of page 4");
        assert_eq!(read.problem.map(|corrupt| corrupt.rule), Some(rule), "{name}");
        assert!(long_value().starts_with(&read.bytes), "{name}: what was read is right");
    }
}

#[test]
fn a_broken_subtree_is_a_hole() {
    let mut pages = sample();
    pages[3][9000] ^= 1;
    let source = source(&pages);
    let root = root(&source);
    let forward = rows(&source, &root, b"", b"", 100);
    assert_eq!(keys(&forward), ["hole at 3", "m/1", "m/long", "m/z"]);
    let backward = rows_before(&source, &root, None, b"", 100);
    assert_eq!(keys(&backward), ["hole at 3", "m/1", "m/long", "m/z"]);
    let Some(RowItem::Hole { from, to, problem, .. }) = forward.items.first() else {
        panic!("a hole")
    };
    assert_eq!((from.as_slice(), to.as_deref()), (&b""[..], Some(&b"m/"[..])));
    assert_eq!(problem.rule, "PAGE-3");
    let steps = lookup(&source, &root, b"a/001");
    assert_eq!(steps.last().map(|step| step.outcome), Some(Outcome::Broken));
}

/// A tree whose internal node points at itself: every walk ends.
#[test]
fn a_cycle_ends() {
    let mut pages = sample();
    let own = pointer(2, 6);
    pages[2] = crate::inspect::testing::internal(own, 1, &[("", own), ("b", own)]);
    let source = source(&pages);
    let root = root(&source);
    assert!(lookup(&source, &root, b"a").len() <= 2);
    assert_eq!(keys(&rows(&source, &root, b"", b"", 100)), ["hole at 2", "hole at 2"]);
}

proptest! {
    #[test]
    fn windows_are_slices_of_all_rows(from in "[a-n]/?[0-9]{0,3}", prefix in "|a/|a/0|m|x", limit in 0..50_usize) {
        let source = source(&sample());
        let root = root(&source);
        let below = |key: &String| key.as_str() < from.as_str();
        let all = all_keys();
        let ours = |key: &&String| key.starts_with(&prefix);
        let expected: Vec<String> =
            all.iter().filter(|key| !below(key)).filter(ours).take(limit).cloned().collect();
        prop_assert_eq!(keys(&rows(&source, &root, from.as_bytes(), prefix.as_bytes(), limit)), expected);
        let mut expected: Vec<String> =
            all.iter().rev().filter(|key| below(key)).filter(ours).take(limit).cloned().collect();
        expected.reverse();
        let window = rows_before(&source, &root, Some(from.as_bytes()), prefix.as_bytes(), limit);
        prop_assert_eq!(keys(&window), expected);
    }
}
