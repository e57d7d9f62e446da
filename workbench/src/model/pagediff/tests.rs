//! Differences of bytes against a slow account of them, and of pages of a real tree against their bytes.

use super::*;
use crate::model::pages::load;
use crate::model::testing::{SCRIPTS, past};
use northstar_engine::inspect::Source;
use northstar_engine::limits::PAGE_BYTES;

/// A name, two texts, and the start and end of each range in which they differ.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [(usize, usize)]);

#[test]
fn ranges_are_as_long_as_they_can_be_and_hold_what_differs() {
    let cases: &[Case<'_>] = &[
        ("the same", "abc", "abc", &[]),
        ("nothing", "", "", &[]),
        ("one byte", "abc", "aXc", &[(1, 2)]),
        ("two runs", "abcdef", "XbcXXf", &[(0, 1), (3, 5)]),
        ("one is longer", "abc", "abcde", &[(3, 5)]),
        ("all", "ab", "", &[(0, 2)]),
    ];
    for (name, one, other, want) in cases {
        let want: Vec<Range<usize>> = want.iter().map(|(start, end)| *start..*end).collect();
        let (one, other) = (one.as_bytes(), other.as_bytes());
        assert_eq!(differing(one, other), want, "{name}");
        assert_eq!(differing(other, one), want, "{name}, the other way");
        assert_eq!(bytes_in(&want), want.iter().map(|range| range.len() as u64).sum::<u64>());
    }
}

/// All pages of all pasts, each against each of the same past: what is told covers exactly what differs.
#[test]
fn every_byte_that_differs_is_told_of_and_no_other() {
    let mut told_of = 0;
    for script in SCRIPTS {
        let past = past(script);
        let source = Source::open(&past.path).expect("the file");
        let count = source.page_count().expect("its length").min(10);
        let pages: Vec<LoadedPage> =
            (0..count).map(|id| load(&source, PageId::new(id)).expect("a page")).collect();
        for earlier in &pages {
            for later in &pages {
                let diff = PageDiff::of(earlier, later);
                let name = format!("{script}: p{} to p{}", diff.earlier, diff.later);
                let counted = (0..PAGE_BYTES).filter(|at| earlier.bytes[*at] != later.bytes[*at]);
                assert_eq!(diff.bytes, counted.count() as u64, "{name}");
                for range in &diff.ranges {
                    let covers = |change: &ByteChange| {
                        change.range.start < range.end && range.start < change.range.end
                    };
                    assert!(diff.changes.iter().any(covers), "{name}: {range:?} is not told of");
                }
                let differs = |change: &ByteChange| {
                    change.range.clone().any(|at| earlier.bytes[at] != later.bytes[at])
                };
                assert!(diff.changes.iter().all(differs), "{name}: {:?}", diff.changes);
                let spread: u64 = diff.density(PAGE_BYTES, 40).iter().sum();
                assert_eq!(spread, diff.bytes, "{name}");
                told_of += diff.changes.len();
            }
        }
    }
    assert!(told_of > 100, "{told_of}");
}

#[test]
fn fields_of_a_page_are_named_and_many_are_counted() {
    let past = past("fill k 100, checkpoint, fill j 40, checkpoint");
    let source = Source::open(&past.path).expect("the file");
    let pages: Vec<LoadedPage> =
        past.roots.iter().map(|root| load(&source, root.pointer.page).expect("the root")).collect();
    let [one, other] = pages.as_slice() else { panic!("two metas, two roots") };
    let diff = PageDiff::of(one, other);
    let names: Vec<&str> = diff.changes.iter().map(|change| change.what.as_str()).collect();
    for name in ["crc", "page_id", "birth", "nonce"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let birth = diff.changes.iter().find(|change| change.what == "birth").expect("a birth");
    let [old, new] = [one, other].map(|page| page.view.birth.expect("a birth").to_string());
    assert_eq!(birth.values, Some((old, new)));
    assert!(names.iter().any(|name| name.contains(" more of ")), "{names:?}");
}
