//! The map's counts against counting anew, whatever came in and in whichever order.

use super::*;

fn page(id: u64, kind: Option<PageType>, birth: u64, checksum: bool) -> PageSummary {
    PageSummary {
        id: PageId::new(id),
        page_type: kind,
        state: None,
        birth: Some(TxnId::new(birth)),
        level: 0,
        fill_permille: 500,
        zero: false,
        checksum: Some(checksum),
    }
}

fn leaves(first: u64, count: u64, birth: u64) -> Vec<PageSummary> {
    (first..first + count).map(|id| page(id, Some(PageType::Leaf), birth, true)).collect()
}

fn counted(map: &PageMap, mode: Mode) -> Vec<(Class, u64)> {
    map.legend(mode).collect()
}

#[test]
fn counts_follow_the_pages_that_come_in() {
    let mut map = PageMap::default();
    map.begin(Some(TxnId::new(5)));
    assert_eq!(map.take(0, &leaves(0, 10, 5), None), 0..10);
    assert_eq!(map.take(10, &leaves(10, 5, 6), None), 10..15);
    map.end();
    assert_eq!(counted(&map, Mode::Kind), [(Class::Leaf, 15)]);
    assert_eq!(counted(&map, Mode::Changed), [(Class::Written, 5), (Class::Older, 10)]);
    assert_eq!((map.newest(), map.problems()), (6, 0));

    // A second scan of a file that has shrunk and has a damaged page.
    map.begin(Some(TxnId::new(6)));
    let mut pages = leaves(0, 12, 7);
    pages[3] = page(3, Some(PageType::Leaf), 7, false);
    map.take(0, &pages, None);
    assert_eq!(map.len(), 15, "what is behind is from the scan before");
    map.end();
    assert_eq!(map.len(), 12);
    assert_eq!(counted(&map, Mode::Kind), [(Class::Bad, 1), (Class::Leaf, 11)]);
    assert_eq!(map.problem_from(0, true), Some(3));
    assert_eq!(map.problem_from(3, false), Some(3), "round and round");
    assert_eq!(map.ages(1).iter().sum::<u64>(), 11, "only sound pages have an age");
}

#[test]
fn a_cell_of_many_pages_shows_a_problem_first_and_then_the_most() {
    let mut map = PageMap::default();
    let mut pages = leaves(0, 8, 1);
    pages[1] = page(1, Some(PageType::Internal), 1, true);
    pages[6] = page(6, Some(PageType::Internal), 1, false);
    map.take(0, &pages, None);
    assert_eq!(map.class_of_range(0..4, Mode::Kind), Class::Leaf);
    assert_eq!(map.class_of_range(4..8, Mode::Kind), Class::Bad);
    assert_eq!(map.class_of_range(8..12, Mode::Kind), Class::Unread);
    assert_eq!(map.class_of_range(0..8, Mode::Pool), Class::NotSeen);
}
