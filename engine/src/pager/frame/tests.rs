//! Frames changing hands: who sees what, and when a frame is used again.

use super::*;

const BIRTH: TxnId = TxnId::new(1);

fn page(id: u64) -> PageId {
    PageId::new(id)
}

/// Loads `id` with every byte `fill`.
fn load(pool: &Pool, id: u64, fill: u8) -> Option<Pin<'_>> {
    let mut frame = pool.acquire(Need::Budget)?;
    frame.bytes().fill(fill);
    frame.share(page(id), BIRTH)
}

#[test]
fn pinned_pages_stay_and_others_make_room() {
    let pool = Pool::new(4, 0);
    let pins: Vec<_> = (2..5).map(|id| load(&pool, id, id as u8).unwrap()).collect();
    for id in 5..40 {
        drop(load(&pool, id, id as u8).unwrap());
    }
    for (id, pin) in (2..5).zip(&pins) {
        assert!(pin.bytes().iter().all(|byte| *byte == id), "page {id} while pinned");
        assert!(pool.enter().pin(page(id.into())).is_some(), "page {id} is still found");
    }
    assert!(pool.evictions() >= 34);
    let last = load(&pool, 41, 41).unwrap();
    assert!(pool.acquire(Need::Budget).is_none(), "all frames are pinned");
    drop(last);
    assert!(pool.acquire(Need::Budget).is_some(), "one is not");
}

#[test]
fn an_operation_keeps_what_it_has_seen() {
    let pool = Pool::new(4, 0);
    drop(load(&pool, 2, 7).unwrap());
    let epoch = pool.enter();
    let seen = epoch.page(page(2)).unwrap();
    pool.forget(page(2));
    assert!(epoch.page(page(2)).is_none(), "nobody finds it any more");
    for id in 3..6 {
        drop(load(&pool, id, 9).unwrap());
    }
    assert!(seen.bytes().iter().all(|byte| *byte == 7), "its frame was not used again");
    drop(epoch);
    let frame = pool.acquire(Need::Budget).unwrap();
    assert_eq!(frame.frame, 0, "now it is");
}

#[test]
fn a_private_page_is_its_owners_alone() {
    let pool = Pool::new(4, 2);
    let (mut owner, mut other) = (pool.new_owner(), pool.new_owner());
    pool.acquire(Need::Reserve).unwrap().privatise(&mut owner, page(2), BIRTH);
    pool.private_mut(&mut owner, page(2)).unwrap().fill(5);
    assert!(pool.enter().page(page(2)).is_none(), "no reader sees it");
    assert!(pool.private(&other, page(2)).is_none());
    assert!(pool.private_mut(&mut other, page(2)).is_none());
    assert!(!pool.open(&mut other, page(2), State::Dirty));
    assert!(pool.begin_writing(page(2)).is_none(), "it is not dirty yet");
    assert_eq!(pool.unclean(), 1);
    assert!(pool.open(&mut owner, page(2), State::Dirty));
    assert!(pool.private_mut(&mut owner, page(2)).is_none(), "shared pages do not change");
    assert!(pool.enter().page(page(2)).unwrap().bytes().iter().all(|byte| *byte == 5));
}

#[test]
fn a_dirty_page_stays_until_it_is_written() {
    let pool = Pool::new(2, 0);
    let mut owner = pool.new_owner();
    pool.acquire(Need::Budget).unwrap().privatise(&mut owner, page(2), BIRTH);
    assert!(pool.open(&mut owner, page(2), State::Dirty));
    for id in 3..9 {
        drop(load(&pool, id, 1).unwrap());
    }
    drop(pool.begin_writing(page(2)).unwrap());
    assert_eq!(pool.unclean(), 1, "a write that failed leaves it dirty");
    let writing = pool.begin_writing(page(2)).unwrap();
    assert!(pool.begin_writing(page(2)).is_none(), "one writes it");
    assert!(pool.enter().page(page(2)).is_some(), "it is readable meanwhile");
    writing.finish();
    assert_eq!(pool.unclean(), 0);
    assert!(pool.pages_in(&[State::Dirty], BIRTH, None).is_empty());
    for id in 3..9 {
        drop(load(&pool, id, 1).unwrap());
    }
    assert!(pool.enter().page(page(2)).is_none(), "clean, it makes room");
}

#[test]
fn only_clean_pages_that_nobody_looks_at_are_dropped() {
    let pool = Pool::new(8, 0);
    let mut owner = pool.new_owner();
    pool.acquire(Need::Budget).unwrap().privatise(&mut owner, page(2), BIRTH);
    pool.acquire(Need::Budget).unwrap().privatise(&mut owner, page(3), BIRTH);
    assert!(pool.open(&mut owner, page(3), State::Dirty));
    let pinned = load(&pool, 4, 4).unwrap();
    drop(load(&pool, 5, 5).unwrap());
    let frame = pool.enter().pin(page(5)).unwrap().frame;
    pool.drop_clean((2..7).map(page));
    assert!(pool.is_private(&owner, page(2)));
    assert!(pool.enter().page(page(3)).is_some() && pool.enter().page(page(4)).is_some());
    assert!(pool.enter().page(page(5)).is_none());
    assert!(pinned.bytes().iter().all(|byte| *byte == 4));
    assert_eq!((pool.resident(), pool.unclean()), (3, 2));
    assert_eq!(pool.acquire(Need::Budget).unwrap().frame, frame, "it goes to the next page");
}

#[test]
fn a_page_released_while_it_is_written_does_not_come_back() {
    let pool = Pool::new(2, 0);
    let mut owner = pool.new_owner();
    pool.acquire(Need::Budget).unwrap().privatise(&mut owner, page(2), BIRTH);
    assert!(pool.open(&mut owner, page(2), State::Dirty));
    let writing = pool.begin_writing(page(2)).unwrap();
    pool.forget(page(2));
    writing.finish();
    assert!(pool.enter().page(page(2)).is_none());
    assert_eq!(pool.unclean(), 0);
}

#[test]
fn the_second_of_two_loads_gives_way() {
    let pool = Pool::new(4, 0);
    let mut slow = pool.acquire(Need::Budget).unwrap();
    slow.bytes().fill(1);
    let fast = load(&pool, 2, 2).unwrap();
    assert!(slow.share(page(2), BIRTH).is_none());
    assert!(fast.bytes().iter().all(|byte| *byte == 2));
    assert_eq!(pool.resident(), 1);
}

#[test]
fn memory_given_ahead_changes_no_page_and_stays_in_the_budget() {
    let pool = Pool::new(8, 2);
    let first: Vec<_> = (2..5).map(|id| load(&pool, id, id as u8).unwrap()).collect();
    let ahead = || {
        pool.populate_ahead();
        pool.spare().populated()
    };
    assert_eq!(ahead(), 6, "as many as were touched");
    assert_eq!(ahead(), 6, "and no more while none is");
    let second: Vec<_> = (5..9).map(|id| load(&pool, id, id as u8).unwrap()).collect();
    assert_eq!(ahead(), 8, "not beyond the budget");
    for (pin, id) in first.iter().chain(&second).zip(2..) {
        assert!(pin.bytes().iter().all(|byte| *byte == id), "page {id}");
    }
}
