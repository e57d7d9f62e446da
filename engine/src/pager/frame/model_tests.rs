//! The pool in every order, with one page or two: what a reader sees stays, and no frame is lost.
//!
//! The bytes of a frame are watched: a model fails when they are written while somebody may look at
//! them. Every page is filled with its own number, so that a mix-up shows even where it is ordered.

use super::*;
use crate::sync::model_tests::explore;
use loom::thread;
use std::sync::Arc;

const BIRTH: TxnId = TxnId::new(1);
const NEXT: TxnId = TxnId::new(2);

fn page(id: u64) -> PageId {
    PageId::new(id)
}

/// A pool whose words exist, so that models share what was made before they began.
fn pool(budget: u32, reserve: u32) -> Arc<Pool> {
    let pool = Pool::new(budget, reserve);
    assert!(pool.table.make_room(page(2)));
    Arc::new(pool)
}

/// What a page holds: the number in its first and last byte.
fn mark(page: &mut Page, number: u8) {
    page[0] = number;
    page[PAGE_BYTES - 1] = number;
}

fn number_of(page: &Page) -> u8 {
    assert_eq!(page[0], page[PAGE_BYTES - 1], "one page, not parts of two");
    page[0]
}

/// Reads `id` into a frame, as a look-up that missed does; whether there was a frame for it.
fn load(pool: &Pool, id: u64) -> bool {
    let Some(mut frame) = pool.acquire(Need::Budget) else { return false };
    mark(frame.bytes(), id as u8);
    if let Some(pin) = frame.share(page(id), BIRTH) {
        assert_eq!(number_of(pin.bytes()), id as u8);
    }
    true
}

/// Looks at `id` twice inside one operation, if it is in memory.
fn look(pool: &Pool, id: u64) {
    let epoch = pool.enter();
    let Some(frame) = epoch.frame(page(id)) else { return };
    let Some(seen) = epoch.page(page(id)) else { return };
    let first = number_of(seen.bytes());
    assert!(first == id as u8 || first == 0x80 | id as u8, "page {id} holds {first}");
    assert_eq!(number_of(seen.bytes()), first, "and goes on holding it");
    pool.meta(frame).watch.read();
    drop(epoch);
}

/// Pins `id` inside an operation and looks at it behind the operation.
fn pin_and_look(pool: &Pool, id: u64) {
    let epoch = pool.enter();
    let pin = epoch.pin(page(id));
    drop(epoch);
    let Some(pin) = pin else { return };
    let first = number_of(pin.bytes());
    assert!(first == id as u8 || first == 0x80 | id as u8, "page {id} holds {first}");
    let second = pin.clone();
    drop(pin);
    assert_eq!(number_of(second.bytes()), first, "a clone holds it alone");
}

/// Makes `id` a dirty page anew, as an edit and its commit do.
fn make_dirty(pool: &Pool, id: u64) -> bool {
    let mut owner = pool.new_owner();
    let Some(mut frame) = pool.acquire(Need::Reserve) else { return false };
    mark(frame.bytes(), 0);
    frame.privatise(&mut owner, page(id), NEXT);
    mark(pool.private_mut(&mut owner, page(id)).expect("its own"), 0x80 | id as u8);
    assert!(pool.open(&mut owner, page(id), State::Dirty));
    true
}

fn write_back(pool: &Pool, id: u64) {
    if let Some(writing) = pool.begin_writing(page(id)) {
        assert_eq!(number_of(writing.bytes()), 0x80 | id as u8, "what goes to disk");
        writing.finish();
    }
}

fn beside(pool: &Arc<Pool>, act: impl FnOnce(&Pool) + 'static) -> thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || act(&pool))
}

/// At the end nothing runs and nothing is pinned: every frame but those of unwritten pages can be had.
fn check_frames(pool: &Pool) {
    for frame in 0..pool.meta.len() {
        assert_eq!(pool.pins(frame as u32), 0, "frame {frame} is pinned by nobody");
    }
    let frames: Vec<_> = std::iter::from_fn(|| pool.acquire(Need::Budget)).collect();
    let touched = u64::from(pool.spare().untouched);
    assert!(touched >= u64::from(pool.budget));
    assert_eq!(frames.len() as u64 + pool.unclean(), touched, "no frame is lost");
}

#[test]
fn an_operation_beside_an_eviction() {
    explore("pool of 1: operation, eviction", 6, || {
        let pool = pool(1, 0);
        assert!(load(&pool, 2));
        let reader = beside(&pool, |pool| look(pool, 2));
        load(&pool, 3);
        reader.join().unwrap();
        check_frames(&pool);
    });
}

#[test]
fn a_pin_beside_an_eviction() {
    explore("pool of 1: pin, eviction", 4, || {
        let pool = pool(1, 0);
        assert!(load(&pool, 2));
        let reader = beside(&pool, |pool| pin_and_look(pool, 2));
        load(&pool, 3);
        reader.join().unwrap();
        check_frames(&pool);
    });
}

#[test]
fn two_that_miss_the_same_page() {
    explore("pool of 2: two loads of one page", 8, || {
        let pool = pool(2, 0);
        let other = beside(&pool, |pool| assert!(load(pool, 2)));
        assert!(load(&pool, 2));
        other.join().unwrap();
        assert_eq!(pool.resident(), 1, "one copy stayed");
        look(&pool, 2);
        check_frames(&pool);
    });
}

#[test]
fn a_read_that_fails_gives_its_frame_back() {
    explore("pool of 1: failed read, load", 6, || {
        let pool = pool(1, 0);
        let other = beside(&pool, |pool| drop(pool.acquire(Need::Budget)));
        let loaded = load(&pool, 2);
        other.join().unwrap();
        assert!(loaded || load(&pool, 2), "the frame is there again");
        check_frames(&pool);
    });
}

#[test]
fn a_page_is_released_and_made_anew_under_a_pin() {
    explore("pool of 1 and a reserve of 1: pin, release, new page of the same id", 5, || {
        let pool = pool(1, 1);
        assert!(load(&pool, 2));
        let reader = beside(&pool, |pool| pin_and_look(pool, 2));
        pool.forget(page(2));
        assert!(make_dirty(&pool, 2));
        reader.join().unwrap();
        look(&pool, 2);
        check_frames(&pool);
    });
}

#[test]
fn a_page_is_released_and_made_anew_under_an_operation() {
    explore("pool of 2: operation, release, new page of the same id", 6, || {
        let pool = pool(2, 0);
        assert!(load(&pool, 2));
        let reader = beside(&pool, |pool| look(pool, 2));
        pool.forget(page(2));
        assert!(make_dirty(&pool, 2));
        reader.join().unwrap();
        check_frames(&pool);
    });
}

#[test]
fn a_dirty_page_is_written_read_and_put_out() {
    explore("pool of 1: write-back, reader, eviction", 3, || {
        let pool = pool(1, 0);
        assert!(make_dirty(&pool, 2));
        let writer = beside(&pool, |pool| write_back(pool, 2));
        let reader = beside(&pool, |pool| look(pool, 2));
        load(&pool, 3);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(pool.unclean(), 0);
        check_frames(&pool);
    });
}

#[test]
fn a_page_is_released_while_it_is_written() {
    explore("pool of 1 and a reserve of 1: write-back, release, new page", 6, || {
        let pool = pool(1, 1);
        assert!(make_dirty(&pool, 2));
        let writer = beside(&pool, |pool| write_back(pool, 2));
        pool.forget(page(2));
        let made = make_dirty(&pool, 3);
        writer.join().unwrap();
        assert!(made);
        assert_eq!(pool.unclean(), 1, "the new one");
        assert!(pool.enter().page(page(2)).is_none(), "the released one does not come back");
    });
}

#[test]
fn a_private_page_is_invisible_until_it_is_opened() {
    explore("pool of 2: new page, reader", 6, || {
        let pool = pool(2, 0);
        let reader = beside(&pool, |pool| {
            look(pool, 2);
            pin_and_look(pool, 2);
        });
        assert!(make_dirty(&pool, 2));
        reader.join().unwrap();
    });
}
