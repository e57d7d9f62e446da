//! Tests of surveys, maps, referrers and the check, on the sample image and on damaged ones.

use super::*;
use crate::format::chain::{ChainHeader, ENTRIES_OFFSET};
use crate::format::page::PageType;
use crate::ids::{PageId, Pointer};
use crate::inspect::testing::{
    UUID, internal, leaf, meta, node, pointer, resealed, sample, source,
};
use crate::inspect::{Severity, Source, check_source, metas, no_progress};
use crate::limits::PAGE_BYTES;
use proptest::prelude::*;

#[test]
fn the_sample_is_clean() {
    let report = check_source(&source(&sample()), &mut no_progress());
    assert_eq!(report.problems, []);
    assert_eq!((report.rows, report.txn_id), (43, Some(7)));
}

/// A scan that reads holes keeps a processor busy for many seconds over a sparse file of 10 GiB.
#[test]
fn a_hole_is_told_and_not_read() {
    let page = PAGE_BYTES as u64;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.ns");
    let file = std::fs::File::create_new(&path).unwrap();
    let put = |at: u64, bytes: &[u8]| {
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, at * page).unwrap();
    };
    for (id, bytes) in (0..).zip(sample()) {
        put(id, &bytes);
    }
    // Zeros that are stored, a page behind a hole, and one that starts with zeros.
    put(20, &[0; PAGE_BYTES]);
    put(200, &leaf(pointer(200, 5), &[("a", "b")]));
    put(300, &[&[0; PAGE_BYTES - 1][..], &[1]].concat());
    file.set_len(1000 * page + 77).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (sparse, memory) = (Source::open(&path).unwrap(), Source::from_bytes(&bytes, &[]).unwrap());
    for depth in [SummaryDepth::Whole, SummaryDepth::Header] {
        for window in [0..1001, 100..250, 250..2000, 301..302, 1000..1001] {
            let found = summaries(&sparse, window.clone(), depth, None, None);
            let expected = summaries(&memory, window.clone(), depth, None, None);
            assert_eq!(found, expected, "{window:?}");
        }
    }
    assert_eq!((memory.next_data(0), memory.next_data(99)), (0, 99), "memory has no holes");
    if std::os::unix::fs::MetadataExt::blocks(&file.metadata().unwrap()) * 512 < 100 * page {
        assert_eq!(sparse.next_data(100 * page), 200 * page);
        assert_eq!(sparse.next_data(200 * page + 5), 200 * page + 5);
        assert_eq!(sparse.next_data(400 * page), bytes.len() as u64);
    }
}

#[test]
fn every_page_has_its_state() {
    use PageState::{Chain, Free, Kept, Live, Meta, Retired};
    let source = source(&sample());
    let survey = survey(&source, &mut no_progress());
    let expected = [
        Meta, Meta, Live, Live, Live, Live, Live, Free, Live, Kept, Chain, Chain, Chain, Retired,
        Free, Free,
    ];
    let states: Vec<PageState> = (0..16).map(|id| survey.state(PageId::new(id))).collect();
    assert_eq!(states, expected);
    assert_eq!(survey.state(PageId::new(16)), PageState::Outside);
    assert_eq!(survey.levels.len(), 2);
    assert_eq!((survey.levels[0].nodes, survey.levels[0].entries), (2, 43));
    assert_eq!((survey.overflow_pages, survey.live_pages()), (3, 6));
    assert_eq!(survey.roots.len(), 3, "both metas and the past state");

    let map = FreeMap::read(&source, metas(&source).meta().expect("slot B")).expect("a bitmap");
    assert_eq!((map.page_count(), map.used_count()), (16, 13));
    let window = summaries(&source, 2..99, SummaryDepth::Whole, Some(&survey), None);
    assert_eq!(window.len(), 14, "the window ends with the file");
    assert_eq!(window[0].page_type, Some(PageType::Internal));
    assert!(window.iter().all(|page| page.checksum == Some(true) || page.zero));
    let quick = summaries(&source, 0..16, SummaryDepth::Header, None, Some(&map));
    assert_eq!(quick[3].state, Some(PageState::Used));
    assert_eq!(quick[14].state, Some(Free));
    assert_eq!(quick[3].fill_permille, window[1].fill_permille);
}

/// Each damage is found by its own rule.
#[test]
fn damage_is_found() {
    type Damage = fn(&mut Vec<Vec<u8>>);
    fn reseal(pages: &mut [Vec<u8>], id: usize) {
        pages[id] = resealed(pages[id].clone());
    }
    let cases: &[(&str, &str, Severity, Damage)] = &[
        ("torn leaf", "PAGE-3", Severity::Error, |pages| pages[3][9000] ^= 1),
        ("stale leaf", "PAGE-6", Severity::Error, |pages| {
            pages[3] = leaf(pointer(3, 5), &[("a", "old")]);
        }),
        ("leaf where a node should be", "TREE-1", Severity::Error, |pages| {
            pages[3] = internal(pointer(3, 6), 1, &[("", pointer(4, 6)), ("b", pointer(9, 4))]);
        }),
        ("key outside its parent's range", "TREE-2", Severity::Error, |pages| {
            pages[3] = leaf(pointer(3, 6), &[("a", "1"), ("n", "2")]);
        }),
        ("key below its parent's range", "TREE-2", Severity::Error, |pages| {
            pages[4] = leaf(pointer(4, 6), &[("l", "1"), ("m/1", "2")]);
        }),
        ("rows missing", "TREE-3", Severity::Error, |pages| {
            pages[4] = leaf(pointer(4, 6), &[("m/1", "thirteen")]);
        }),
        ("one child twice", "TREE-4", Severity::Error, |pages| {
            let child = pointer(4, 6);
            pages[2] = internal(pointer(2, 6), 1, &[("", child), ("m/", child)]);
        }),
        ("child behind the file", "TREE-5", Severity::Error, |pages| {
            pages[2] = internal(pointer(2, 6), 1, &[("", pointer(3, 6)), ("m/", pointer(99, 6))]);
        }),
        ("value cut short", "OVF-5", Severity::Error, |pages| {
            // The first extent names no next one.
            pages[5][52..76].fill(0);
            reseal(pages, 5);
        }),
        ("torn piece of a value", "PAGE-3", Severity::Error, |pages| pages[6][9000] ^= 1),
        ("bitmap frees the root", "MAP-5", Severity::Error, |pages| {
            pages[10][ENTRIES_OFFSET] &= !(1 << 2);
            reseal(pages, 10);
        }),
        ("bitmap frees a past root", "MAP-5", Severity::Error, |pages| {
            pages[10][ENTRIES_OFFSET + 1] &= !(1 << 1);
            reseal(pages, 10);
        }),
        ("bitmap frees itself", "MAP-5", Severity::Error, |pages| {
            pages[10][ENTRIES_OFFSET + 1] &= !(1 << 2);
            reseal(pages, 10);
        }),
        ("page in use for nothing", "MAP-6", Severity::Warning, |pages| {
            pages[10][ENTRIES_OFFSET] |= 1 << 7;
            reseal(pages, 10);
        }),
        ("bitmap too short", "MAP-4", Severity::Warning, |pages| {
            let header = ChainHeader { next: Pointer::NULL, count: 8, first: 0 };
            let page = header.to_page(UUID, pointer(10, 7), PageType::Bitmap, &[0xff]);
            pages[10] = page.to_vec();
        }),
        ("bitmap frees a meta", "MAP-3", Severity::Warning, |pages| {
            pages[10][ENTRIES_OFFSET] &= !1;
            reseal(pages, 10);
        }),
        ("torn bitmap", "PAGE-3", Severity::Warning, |pages| pages[10][9000] ^= 1),
        ("history row of the future", "HIST-2", Severity::Error, |pages| {
            pages[11][ENTRIES_OFFSET] = 8;
            reseal(pages, 11);
        }),
        ("broken past root", "PAGE-3", Severity::Warning, |pages| pages[9][9000] ^= 1),
        ("live page retired", "RET-3", Severity::Error, |pages| {
            pages[12][ENTRIES_OFFSET] = 3;
            reseal(pages, 12);
        }),
        ("retired run past the file", "RET-2", Severity::Error, |pages| {
            pages[12][ENTRIES_OFFSET + 8] = 4;
            reseal(pages, 12);
        }),
        ("slot A torn", "META-5", Severity::Warning, |pages| pages[0][100] ^= 1),
        ("a meta write was lost", "META-12", Severity::Warning, |pages| {
            pages[0] = crate::format::meta::Meta { sequence: 4, ..meta(6) }.to_page().to_vec();
        }),
        ("both slots torn", "META-5", Severity::Error, |pages| {
            pages[0][100] ^= 1;
            pages[1][100] ^= 1;
        }),
        ("root torn", "META-9", Severity::Warning, |pages| pages[2][9000] ^= 1),
        ("file cut", "FILE-1", Severity::Error, |pages| pages.truncate(14)),
        ("file cut inside a page", "FILE-2", Severity::Note, |pages| {
            pages.push(vec![0; 100]);
        }),
        ("heap and dead bytes differ", "NODE-4", Severity::Error, |pages| {
            pages[4][46] = 11;
            reseal(pages, 4);
        }),
        ("keys out of order", "NODE-5", Severity::Error, |pages| {
            let row = |key: &str| (key.as_bytes().to_vec(), Vec::new(), false);
            pages[4] = node(pointer(4, 6), 0, &[row("m/1"), row("m/3"), row("m/2")], 0);
        }),
    ];
    for (name, rule, severity, damage) in cases {
        let mut pages = sample();
        damage(&mut pages);
        let report = check_source(&source(&pages), &mut no_progress());
        let found = report.problems.iter().find(|problem| problem.rule == *rule);
        let found = found.unwrap_or_else(|| panic!("{name}: {:?}", report.problems));
        assert_eq!(found.severity, *severity, "{name}: {found}");
    }
}

#[test]
fn who_points_at_a_page() {
    let source = source(&sample());
    let of = |page| {
        let found = referrers(&source, PageId::new(page), &mut no_progress()).unwrap();
        found.iter().map(|r| (r.page.get(), r.index, r.kind)).collect::<Vec<_>>()
    };
    assert_eq!(of(2), [(1, None, ReferrerKind::MetaRoot)]);
    assert_eq!(of(4), [(2, Some(1), ReferrerKind::Child)]);
    assert_eq!(of(6), [(4, Some(1), ReferrerKind::Value)]);
    assert_eq!(of(8), [(5, None, ReferrerKind::NextExtent)]);
    assert_eq!(of(9), [(11, Some(0), ReferrerKind::HistoryRoot)]);
    assert_eq!(of(10), [(1, None, ReferrerKind::MetaBitmap)]);
    assert_eq!(of(13), [(12, Some(0), ReferrerKind::Retired)]);
    assert_eq!(of(7), []);
}

#[test]
fn the_way_to_a_page_and_the_next_problem() {
    let mut pages = sample();
    pages[6][9000] ^= 1;
    let source = source(&pages);
    let root = metas(&source).slots[1].root.expect("slot B");
    let way = |page| {
        let steps = path_to(&source, &root, PageId::new(page))?;
        Some(steps.iter().map(|step| step.pointer.page.get()).collect::<Vec<_>>())
    };
    assert_eq!(way(4), Some(vec![2, 4]));
    assert_eq!(way(2), Some(vec![2]));
    assert_eq!(way(9), None, "a page of another tree");
    assert_eq!(way(5), None, "no node");
    let next = |from, forward| {
        let found = next_problem(&source, PageId::new(from), forward, &mut no_progress()).unwrap();
        found.map(|(id, corrupt)| (id.get(), corrupt.rule))
    };
    assert_eq!(next(0, true), Some((6, "PAGE-3")));
    assert_eq!(next(15, false), Some((6, "PAGE-3")));
    assert_eq!(next(7, true), None);
    assert_eq!(next(5, false), None);
}

#[test]
fn long_work_can_be_stopped() {
    let source = source(&sample());
    let survey = survey(&source, &mut |_, _| false);
    assert!(survey.report.cancelled);
    assert_eq!(referrers(&source, PageId::new(4), &mut |_, _| false).unwrap(), []);
}

proptest! {
    /// Any bytes of the sample changed, and any pages swapped: the check ends, and never panics.
    #[test]
    fn any_damage_is_survived(
        changes in prop::collection::vec((0..16_usize, 0..400_usize, any::<u8>()), 0..12),
        swap in (0..16_usize, 0..16_usize),
        reseal: bool,
        cut in prop::option::of(0..17 * 16_384_usize),
    ) {
        let mut pages = sample();
        for (page, at, byte) in changes {
            pages[page][at] = byte;
            if reseal {
                pages[page] = resealed(pages[page].clone());
            }
        }
        pages.swap(swap.0, swap.1);
        let mut bytes = pages.concat();
        bytes.truncate(cut.unwrap_or(bytes.len()));
        let source = Source::from_bytes(&bytes, &[]).unwrap();
        let survey = survey(&source, &mut no_progress());
        for id in 0..17 {
            let _ = survey.state(PageId::new(id));
        }
        check_source(&source, &mut no_progress());
    }
}
