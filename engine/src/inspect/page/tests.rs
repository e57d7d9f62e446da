//! Tests of page views: every byte has one owner, whatever the bytes are.

use super::*;
use crate::inspect::testing::{UUID, resealed, sample};
use crate::inspect::view::Link;
use proptest::prelude::*;

/// Every byte of the page is in exactly one leaf field or one gap, and `at` finds it there.
fn check_cover(bytes: &[u8], view: &PageView, name: &str) {
    let mut owners = vec![0_u8; bytes.len()];
    let gaps = view.gaps.iter().map(|gap| gap.range.clone());
    for range in view.leaf_ranges().into_iter().chain(gaps) {
        assert!(range.start < range.end && range.end <= bytes.len(), "{name}: {range:?}");
        for owner in &mut owners[range] {
            *owner += 1;
        }
    }
    let wrong = owners.iter().position(|&owners| owners != 1);
    assert_eq!(wrong, None, "{name}: owners of byte {wrong:?}: {:?}", wrong.map(|at| owners[at]));
    for at in (0..bytes.len()).step_by(97) {
        match view.at(at) {
            Some(Spot::Field(path)) => {
                let field = view.field(&path).unwrap();
                assert!(field.range.contains(&at) && field.children.is_empty(), "{name} {at}");
            }
            Some(Spot::Gap(index)) => assert!(view.gaps[index].range.contains(&at), "{name} {at}"),
            None => panic!("{name}: nothing stands at {at}"),
        }
    }
}

#[test]
fn sound_pages_have_no_problem() {
    for (id, bytes) in sample().iter().enumerate() {
        let view = page(bytes, PageId::new(id as u64), UUID);
        assert_eq!(view.problems, [], "page {id}");
        assert_eq!(view.verified, !view.zero, "page {id}");
        assert!(view.fields.iter().all(|field| !field.has_problem()), "page {id}");
        check_cover(bytes, &view, &format!("page {id}"));
    }
}

#[test]
fn kinds_gaps_and_links_are_named() {
    let pages = sample();
    type Look = fn(&PageView) -> bool;
    let gap = |view: &PageView, name: &str| view.gaps.iter().any(|gap| gap.name == name);
    let cases: &[(&str, usize, PageType, u64, Look)] = &[
        ("meta", 1, PageType::Meta, 1, |view| view.fields[1].children[6].name == "txn_id"),
        ("internal", 2, PageType::Internal, 2, |view| {
            let cells = &view.fields[3];
            let links: Vec<_> = cells
                .children
                .iter()
                .filter_map(|cell| cell.children.last()?.link.clone())
                .collect();
            matches!(links[..], [Link::Pointer(a), Link::Pointer(b)]
                if a.page.get() == 3 && b.page.get() == 4)
        }),
        ("leaf", 3, PageType::Leaf, 40, |view| {
            view.field(&[3, 7, 1]).is_some_and(|value| value.value.to_string() == "\"value 7\"")
        }),
        ("leaf with a long value", 4, PageType::Leaf, 3, |view| {
            view.field(&[3, 1, 1]).is_some_and(|field| field.name == "value descriptor")
        }),
        ("overflow", 5, PageType::Overflow, 16_304, |view| view.fill_permille == 1000),
        ("bitmap", 10, PageType::Bitmap, 16, |view| {
            view.fields[2].value.to_string() == "13 of 16 pages in use"
        }),
        ("history", 11, PageType::History, 1, |view| view.fields[2].children.len() == 1),
        ("retired", 12, PageType::Retired, 1, |view| view.fields[2].children.len() == 1),
    ];
    for (name, id, page_type, entries, look) in cases {
        let view = page(&pages[*id], PageId::new(*id as u64), UUID);
        assert_eq!(view.page_type, Some(*page_type), "{name}");
        assert_eq!(view.entries, *entries, "{name}");
        assert!(look(&view), "{name}: {:#?}", view.fields);
    }
    let right = page(&pages[4], PageId::new(4), UUID);
    assert!(gap(&right, "free space") && gap(&right, "dead cells"), "{:?}", right.gaps);
    let never = page(&pages[7], PageId::new(7), UUID);
    assert!(gap(&never, "never written"));
    let foreign = page(&[0x55; PAGE_BYTES], PageId::new(7), UUID);
    assert!(gap(&foreign, "undecoded") && !foreign.problems.is_empty());
}

#[test]
fn damage_is_shown_at_its_field() {
    // Page, byte, new value, field that is marked, rule.
    let cases: &[(&str, usize, usize, u8, &str, &str)] = &[
        ("magic", 3, 0, b'X', "magic", "PAGE-2"),
        ("id", 3, 16, 9, "page_id", "PAGE-4"),
        ("type", 3, 10, 9, "page_type", "PAGE-5"),
        ("heap before the slots", 3, 45, 0, "heap_start", "NODE-1"),
        ("cell out of the heap", 3, 121, 0x01, "offset", "NODE-2"),
        ("pointer of another width", 2, 124, 19, "value_bytes", "NODE-3"),
        ("head", 3, 126 + 10, 0xff, "head", "NODE-5"),
        ("overflow index", 5, 40, 9, "index", "OVF-2"),
        ("chain count", 12, 60, 0, "count", "RET-1"),
        ("meta sequence", 1, 40 + 32, 8, "sequence", "META-6"),
    ];
    for (name, id, at, byte, field, rule) in cases {
        let mut bytes = sample().swap_remove(*id);
        bytes[*at] = *byte;
        let bytes = if *at < 40 { bytes } else { resealed(bytes) };
        let view = page(&bytes, PageId::new(*id as u64), UUID);
        let mut marked = Vec::new();
        for group in &view.fields {
            group.visit(&mut |field| {
                if let Some(verdict) = field.verdict.as_ref().filter(|verdict| !verdict.ok) {
                    marked.push((field.name.to_string(), verdict.rule));
                }
            });
        }
        let expected = ((*field).to_owned(), *rule);
        assert!(marked.contains(&expected), "{name}: marked are {marked:?}");
        assert!(!view.problems.is_empty(), "{name}");
        check_cover(&bytes, &view, name);
    }
}

#[test]
fn a_view_is_json() {
    let view = page(&sample()[3], PageId::new(3), UUID);
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["page_type"], "leaf");
    assert_eq!(json["fields"][0]["children"][0]["value"], "NSDB");
    assert_eq!(json["fields"][3]["children"][0]["children"][0]["value"]["hex"], "3030");
}

proptest! {
    #[test]
    fn any_bytes_have_one_owner(bytes in prop::collection::vec(any::<u8>(), 0..2000), id: u64) {
        let view = page(&bytes, PageId::new(id), UUID);
        check_cover(&bytes, &view, "random bytes");
    }

    /// Sound pages with a few bytes changed, resealed or not: the damage lands in headers and slots.
    #[test]
    fn any_damaged_page_has_one_owner(
        id in 0..16_usize,
        changes in prop::collection::vec((0..400_usize, any::<u8>()), 1..8),
        reseal: bool,
        cut in prop::option::of(0..PAGE_BYTES),
    ) {
        let mut bytes = sample().swap_remove(id);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if reseal {
            bytes = resealed(bytes);
        }
        bytes.truncate(cut.unwrap_or(PAGE_BYTES));
        let view = page(&bytes, PageId::new(id as u64), UUID);
        check_cover(&bytes, &view, "damaged page");
    }
}
