//! Readers, the publisher and reclaim in every order: no reader's state is given up under it.
//!
//! A state's pages are a [`Watch`] here: a reader reads them while it lives, reclaim writes them once
//! no pin and no visible state needs them.

use super::*;
use crate::sync::Watch;
use crate::sync::model_tests::explore;
use loom::thread;
use std::sync::Arc;

const STATES: usize = 4;

fn state(id: u64) -> Snapshot {
    Snapshot {
        txn_id: TxnId::new(id),
        root: Pointer { page: PageId::new(id), birth: TxnId::new(id), nonce: id as u32 },
        depth: id as u32,
        key_count: id,
        alias_count: id as u32,
        lsn: Lsn::new(id),
    }
}

struct World {
    registry: Registry,
    pages: [Watch; STATES],
}

impl World {
    /// State 0 is visible; the slots exist.
    fn new() -> Arc<Self> {
        let registry = Registry::new(state(0));
        let (_, slot) = registry.begin();
        registry.end(&slot);
        Arc::new(Self { registry, pages: Default::default() })
    }

    fn pages_of(&self, txn_id: TxnId) -> &Watch {
        &self.pages[txn_id.get() as usize]
    }

    /// Reads one state from begin to end; which one.
    fn read(&self) -> u64 {
        let (snapshot, slot) = self.registry.begin();
        let id = snapshot.txn_id;
        assert_eq!(snapshot, state(id.get()), "all of one state");
        self.pages_of(id).read();
        assert_eq!(self.registry.pinned(&slot), id);
        self.pages_of(id).read();
        self.registry.end(&slot);
        id.get()
    }

    /// What the publisher does: shows `next`, then gives up every older state without a pin.
    fn publish_and_reclaim(&self, next: u64, given_up: &mut Vec<u64>) {
        self.registry.publish(state(next));
        let mut pins = Vec::new();
        self.registry.pins(&mut pins);
        for old in 0..next {
            if !given_up.contains(&old) && pins.binary_search(&TxnId::new(old)).is_err() {
                self.pages[old as usize].write();
                given_up.push(old);
            }
        }
    }
}

fn reader(world: &Arc<World>) -> thread::JoinHandle<u64> {
    let world = Arc::clone(world);
    thread::spawn(move || world.read())
}

#[test]
fn a_reader_beside_one_publication() {
    explore("registry: reader, one publication", 8, || {
        let world = World::new();
        let reader = reader(&world);
        world.publish_and_reclaim(1, &mut Vec::new());
        assert!(reader.join().unwrap() <= 1);
        assert_eq!(world.registry.readers(), 0);
    });
}

#[test]
fn a_reader_beside_publications_that_come_back_to_its_cell() {
    explore("registry: reader, three publications", 3, || {
        let world = World::new();
        let reader = reader(&world);
        let mut given_up = Vec::new();
        for next in 1..=3 {
            world.publish_and_reclaim(next, &mut given_up);
        }
        assert!(reader.join().unwrap() <= 3);
        world.registry.publish(state(3));
    });
}

#[test]
fn two_readers_and_one_publication() {
    explore("registry: two readers, one publication", 3, || {
        let world = World::new();
        let readers = [reader(&world), reader(&world)];
        let mut given_up = Vec::new();
        world.publish_and_reclaim(1, &mut given_up);
        for reader in readers {
            assert!(reader.join().unwrap() <= 1);
        }
        let mut pins = Vec::new();
        world.registry.pins(&mut pins);
        assert_eq!(pins, [], "every slot was given back");
    });
}

#[test]
fn a_clone_keeps_the_state_when_the_original_ends() {
    explore("registry: clone and end beside a publication", 6, || {
        let world = World::new();
        // The slot before the reader's is free, so that the clone may take one the scan has passed.
        let (_, first) = world.registry.begin();
        let (snapshot, slot) = world.registry.begin();
        world.registry.end(&first);
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let clone = world.registry.copy(&slot);
                world.registry.end(&slot);
                world.pages_of(snapshot.txn_id).read();
                world.registry.end(&clone);
            })
        };
        world.publish_and_reclaim(1, &mut Vec::new());
        reader.join().unwrap();
        assert_eq!(world.registry.readers(), 0);
    });
}
