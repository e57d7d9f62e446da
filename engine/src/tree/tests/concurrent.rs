//! Readers, a writer and a write-back at once, on a cache far smaller than the tree: frames move
//! under everybody's feet, and everybody sees exactly the state they began with.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const KEYS: u64 = 1_500;

/// What is shared: the current state, and which states are being read.
struct Shared {
    root: TreeRoot,
    txn: TxnId,
    readers: Vec<TxnId>,
}

/// The value of key `number` in state `txn`: a function, so that readers need no model.
fn value_in(number: u64, txn: u64) -> Vec<u8> {
    // A key is written by every transaction that is a multiple of its remainder.
    let step = 1 + number % 7;
    let written = txn / step * step;
    let bytes = if number % 97 == 5 { 6_000 } else { 1_000 };
    let mut value = vec![number as u8; bytes];
    value[..8].copy_from_slice(&written.to_be_bytes());
    value
}

fn key(number: u64) -> Vec<u8> {
    format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes()
}

fn read_one_state(pager: &Pager, shared: &Mutex<Shared>, seed: &mut u64) {
    let (root, txn) = {
        let mut shared = shared.lock().unwrap();
        let (root, txn) = (shared.root, shared.txn);
        shared.readers.push(txn);
        (root, txn)
    };
    let view = pager.view();
    let mut random = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) % KEYS
    };
    let numbers: Vec<u64> = (0..20).map(|_| random()).collect();
    let keys: Vec<_> = numbers.iter().map(|number| key(*number)).collect();
    let held: Vec<_> = keys.iter().map(|key| get(view, &root, key).unwrap().unwrap()).collect();
    let many = get_many(view, &root, &keys).unwrap();
    let mut range = Range::new(view, &root, Bound::Included(&keys[0]), Bound::Unbounded);
    let mut previous = Vec::new();
    for _ in 0..100 {
        let Some(row) = range.next() else { break };
        let (key, value) = row.unwrap();
        assert!(previous < key.to_vec());
        previous = key.to_vec();
        assert!(u64::from_be_bytes(value[..8].try_into().unwrap()) <= txn.get());
    }
    for ((number, held), many) in numbers.iter().zip(held).zip(many) {
        let expected = value_in(*number, txn.get());
        assert!(*held == expected[..], "key {number} in state {txn}");
        assert!(*many.unwrap() == expected[..], "key {number} in state {txn}, among many");
    }
    let mut shared = shared.lock().unwrap();
    let at = shared.readers.iter().position(|reader| *reader == txn).unwrap();
    shared.readers.swap_remove(at);
}

#[test]
fn every_reader_sees_its_state() {
    let mut harness = Harness::new(None);
    harness.write(|writer, model| {
        for number in 0..KEYS {
            let value = value_in(number, 1);
            writer.insert(&key(number), &value).unwrap();
            model.insert(key(number), Vec::new());
        }
    });
    let pager = Arc::clone(&harness.pager);
    let shared = Mutex::new(Shared { root: harness.root, txn: harness.txn, readers: Vec::new() });
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let (pager, shared, stop, reads) = (&pager, &shared, &stop, &reads);
            scope.spawn(move || {
                let mut seed = thread;
                while !stop.load(Ordering::Relaxed) {
                    read_one_state(pager, shared, &mut seed);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (pager, stop_flag) = (&pager, &stop);
        scope.spawn(move || {
            while !stop_flag.load(Ordering::Relaxed) {
                let mut write_back = pager.begin_write_back(TxnId::new(u64::MAX));
                while !pager.write_back_step(&mut write_back, 8).unwrap().done {
                    std::thread::yield_now();
                }
            }
        });
        // Stops the others when an assertion fails here.
        struct StopOnDrop<'a>(&'a AtomicBool);
        impl Drop for StopOnDrop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = StopOnDrop(&stop);
        let mut retired: Vec<(RetiredRun, TxnId)> = Vec::new();
        let mut root = harness.root;
        for txn in 2..24u64 {
            let birth = TxnId::new(txn);
            let mut writer = Writer::new(pager.edit(birth), root);
            for number in (0..KEYS).filter(|number| txn % (1 + number % 7) == 0) {
                assert!(writer.insert(&key(number), &value_in(number, txn)).unwrap());
            }
            let (new_root, finished) = writer.finish();
            root = new_root;
            retired.extend(finished.retired.into_iter().map(|run| (run, birth)));
            let mut shared = shared.lock().unwrap();
            (shared.root, shared.txn) = (root, birth);
            let live: Vec<TxnId> = shared.readers.iter().copied().chain([birth]).collect();
            drop(shared);
            retired.retain(|(run, end)| {
                let needed = live.iter().any(|txn| run.birth <= *txn && txn < end);
                if !needed {
                    pager.release(run.run());
                }
                needed
            });
        }
    });
    assert!(reads.load(Ordering::Relaxed) > 0);
    let stats = pager.stats();
    assert!(stats.cache_evictions > 0 && stats.cache_spills > 0, "{stats:?}");
}
