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
    map.legend(mode)
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

#[test]
fn a_pool_that_is_seen_is_shown_and_one_that_is_not_counts_nothing() {
    let db =
        northstar_engine::Options::new().background(false).open_in_memory().expect("a database");
    let mut write = db.begin_write().expect("a writer");
    write.put("apple", "red").expect("a put");
    write.commit().expect("a commit");
    let mut map = PageMap::default();
    map.take(0, &leaves(0, 2, 1), None);
    assert_eq!((map.class(2, Mode::Pool), counted(&map, Mode::Pool)), (Class::Unread, vec![]));
    let pool = Arc::new(PoolView::of(&db));
    assert!(map.set_pool(Some(&pool)) && !map.set_pool(Some(&pool)), "new once");
    // Its leaf was never written: it is behind the end of the two metas.
    assert_eq!((map.extent(Mode::Kind), map.extent(Mode::Pool)), (2, 3));
    assert_eq!(map.class(2, Mode::Pool), Class::Dirty);
    assert_eq!(map.class_of_range(0..4, Mode::Pool), Class::Dirty);
    assert_eq!(counted(&map, Mode::Pool), [(Class::Dirty, 1), (Class::NotPooled, 2)]);
    assert_eq!(map.class(2, Mode::Kind), Class::Unread, "other modes know the file only");
    assert!(map.set_pool(None));
    assert_eq!(map.class(1, Mode::Pool), Class::NotSeen);
}
