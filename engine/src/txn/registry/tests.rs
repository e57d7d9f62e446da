//! The snapshot registry alone: pins, many readers, and the race of readers with a publisher.

use super::*;
use std::sync::{Arc, atomic::AtomicBool};

fn state(id: u64) -> Snapshot {
    Snapshot {
        txn_id: TxnId::new(id),
        root: Pointer { page: PageId::new(id), birth: TxnId::new(id), nonce: id as u32 },
        depth: id as u32,
        key_count: id,
        alias_count: 0,
        lsn: Lsn::new(id),
    }
}

fn pins(registry: &Registry) -> Vec<u64> {
    let mut pins = Vec::new();
    registry.pins(&mut pins);
    pins.into_iter().map(TxnId::get).collect()
}

#[test]
fn a_reader_pins_what_was_visible_when_it_began() {
    let registry = Registry::new(state(0));
    let (genesis, first) = registry.begin();
    registry.publish(state(1));
    registry.publish(state(2));
    let (second, other) = registry.begin();
    assert_eq!((genesis, second), (state(0), state(2)));
    assert_eq!(pins(&registry), [0, 2]);
    let again = registry.pin(TxnId::new(0));
    assert_eq!((pins(&registry), registry.readers()), (vec![0, 2], 3));
    registry.end(&first);
    assert_eq!(pins(&registry), [0, 2], "the other pin on 0 holds");
    registry.end(&again);
    registry.end(&other);
    assert_eq!((pins(&registry), registry.readers()), (vec![], 0));
}

/// Each look for a free slot went over all that are taken: a quarter of a million readers took many minutes.
#[test]
fn very_many_readers_each_have_a_slot() {
    const READERS: usize = 250_000;
    let registry = Registry::new(state(7));
    let slots: Vec<_> = (0..READERS).map(|_| registry.begin().1).collect();
    assert_eq!(registry.readers(), READERS as u64);
    let mut numbers: Vec<_> = slots.iter().map(|slot| slot.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), READERS, "no slot was given twice");
    registry.end(&slots[5]);
    let other = std::thread::scope(|scope| {
        scope.spawn(|| [registry.begin().1, registry.begin().1]).join().unwrap()
    });
    assert_eq!(other[0], slots[5], "one that came free is used again");
    slots.iter().chain(&other[1..]).for_each(|slot| registry.end(slot));
    assert_eq!(registry.readers(), 0);
}

#[test]
fn a_state_is_seen_whole_and_is_live_while_it_is_read() {
    // The publisher "frees" every state that is neither visible nor pinned, by raising `freed`.
    // A reader that finds its own state freed has slipped through the scan.
    let registry = Arc::new(Registry::new(state(0)));
    let freed = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    // Nothing is published before all threads run, or a fast publisher would be alone.
    let start = Arc::new(std::sync::Barrier::new(4));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (registry, freed, stop, start) =
                (Arc::clone(&registry), Arc::clone(&freed), Arc::clone(&stop), Arc::clone(&start));
            std::thread::spawn(move || {
                let mut begun = 0_u64;
                start.wait();
                loop {
                    let (seen, slot) = registry.begin();
                    assert_eq!(seen, state(seen.txn_id.get()), "torn");
                    assert!(freed.load(SeqCst) <= seen.txn_id.get(), "freed under a reader");
                    begun += 1;
                    registry.end(&slot);
                    if stop.load(Relaxed) {
                        return begun;
                    }
                }
            })
        })
        .collect();
    let mut live = Vec::new();
    start.wait();
    for id in 1..40_000 {
        registry.publish(state(id));
        registry.pins(&mut live);
        let oldest = live.first().map_or(id, |pin| pin.get().min(id));
        freed.store(oldest, SeqCst);
    }
    stop.store(true, Relaxed);
    let begun: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(begun >= 3);
}

/// A clone that took a slot the scan had passed, and an original that ended before the scan came to
/// its slot, left the state without a pin in the scan's eyes: its pages were used again.
#[test]
fn a_state_that_passes_from_clone_to_clone_is_seen_by_every_scan() {
    let registry = Arc::new(Registry::new(state(7)));
    let (_, held) = registry.begin();
    let stop = Arc::new(AtomicBool::new(false));
    let passing = {
        let (registry, stop) = (Arc::clone(&registry), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut held = held;
            while !stop.load(Relaxed) {
                let copy = registry.copy(&held);
                registry.end(&held);
                held = copy;
            }
            registry.end(&held);
        })
    };
    for round in 0..20_000 {
        assert_eq!(pins(&registry), [7], "scan {round}");
    }
    stop.store(true, Relaxed);
    passing.join().unwrap();
    assert_eq!(registry.readers(), 0);
}
