//! The whole tree against a sorted map: transactions, old states, spills, releases, write-backs.

mod concurrent;
mod damage;

use super::*;
use crate::disk::entropy::SeededEntropy;
use crate::disk::memory::MemoryStorage;
use crate::disk::{File, OpenMode, Storage};
use crate::error::Error;
use crate::ids::{FileUuid, TxnId};
use crate::limits::{CACHE_BYTES_MIN, KEY_BYTES_MAX, PAGE_BYTES};
use crate::pager::{Config, FreeSpace, Pager, RetiredRun};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn pager(cells_max: Option<usize>) -> Arc<Pager> {
    let pager = pager_on(new_file(), 2, cells_max);
    pager.install_free_space(FreeSpace::empty(2));
    pager
}

fn new_file() -> Arc<dyn File> {
    let storage = MemoryStorage::new();
    let file = storage.open(Path::new("t.ns"), OpenMode::CreateNew).unwrap();
    file.set_len(2 * PAGE_BYTES as u64).unwrap();
    file
}

fn pager_on(file: Arc<dyn File>, page_count: u64, cells_max: Option<usize>) -> Arc<Pager> {
    Pager::new(Config {
        file,
        uuid: FileUuid([3; 16]),
        cache_bytes: CACHE_BYTES_MIN,
        page_count,
        entropy: Arc::new(SeededEntropy::new(7)),
        cells_max,
    })
}

/// A database without a log: states in a chain, old ones kept on request.
struct Harness {
    file: Arc<dyn File>,
    pager: Arc<Pager>,
    root: TreeRoot,
    txn: TxnId,
    model: Model,
    /// States that are still read: their root and what they hold.
    kept: Vec<(TxnId, TreeRoot, Model)>,
    /// Retired runs, and the transaction that no longer needed them.
    retired: Vec<(RetiredRun, TxnId)>,
}

impl Harness {
    fn new(cells_max: Option<usize>) -> Self {
        let file = new_file();
        let pager = pager_on(Arc::clone(&file), 2, cells_max);
        pager.install_free_space(FreeSpace::empty(2));
        Self {
            file,
            pager,
            root: TreeRoot::EMPTY,
            txn: TxnId::GENESIS,
            model: Model::new(),
            kept: Vec::new(),
            retired: Vec::new(),
        }
    }

    fn write(&mut self, change: impl FnOnce(&mut Writer, &mut Model)) {
        let birth = self.txn.next();
        let mut writer = Writer::new(self.pager.edit(birth), self.root);
        change(&mut writer, &mut self.model);
        let (root, finished) = writer.finish();
        (self.root, self.txn) = (root, birth);
        self.retired.extend(finished.retired.into_iter().map(|run| (run, birth)));
        self.reclaim();
    }

    /// Crash rule 10, with the current state and the kept ones as live roots.
    fn reclaim(&mut self) {
        let live: Vec<TxnId> = self.kept.iter().map(|kept| kept.0).chain([self.txn]).collect();
        let pager = &self.pager;
        self.retired.retain(|(run, retired)| {
            let needed = live.iter().any(|txn| run.birth <= *txn && txn < retired);
            if !needed {
                pager.release(run.run());
            }
            needed
        });
    }

    fn write_back(&self) {
        let mut write_back = self.pager.begin_write_back(self.txn);
        while !self.pager.write_back_step(&mut write_back, 5).unwrap().done {}
    }

    /// Everything there is to say about the current state, the kept ones, and the pages.
    fn verify(&self) {
        verify_state(self.pager.view(), &self.root, &self.model);
        for (_, root, model) in &self.kept {
            verify_state(self.pager.view(), root, model);
        }
        let mut used = FreeSpace::empty(self.pager.page_count());
        let states = self.kept.iter().map(|(_, root, _)| root).chain([&self.root]);
        for root in states {
            walk(self.pager.view(), root, &mut |visit| {
                used.set_used(crate::pager::Run { page: visit.pointer.page, count: visit.count });
                true
            })
            .unwrap();
        }
        for (run, _) in &self.retired {
            used.set_used(run.run());
        }
        let free = used.free_pages();
        assert_eq!(self.pager.free_pages(), free, "each page is used, kept or free");
    }
}

fn verify_state(view: crate::pager::View<'_>, root: &TreeRoot, model: &Model) {
    let mut problems = Vec::new();
    let checked = check(view, root, &mut |_| (), &mut |problem| problems.push(problem.to_string()));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(checked.rows, model.len() as u64);
    let rows = |range: Range<'_>| -> Vec<(Vec<u8>, Vec<u8>)> {
        range.map(|row| row.unwrap()).map(|(k, v)| (k.into_vec(), v.into_vec())).collect()
    };
    let expected: Vec<_> = model.clone().into_iter().collect();
    let all = || Range::new(view, root, Bound::Unbounded, Bound::Unbounded);
    assert!(rows(all()) == expected, "forwards");
    let mut backwards: Vec<_> = all().rev().map(|row| row.unwrap().0.into_vec()).collect();
    backwards.reverse();
    assert!(backwards.iter().eq(model.keys()), "backwards");
    let mut cursor = Cursor::new(view, root);
    for (key, value) in model {
        assert_eq!(cursor.next().unwrap(), Some((&key[..], &value[..])));
    }
    assert_eq!(cursor.next().unwrap(), None);
    for (key, value) in model.iter().rev() {
        assert_eq!(cursor.prev().unwrap(), Some((&key[..], &value[..])));
    }
    assert_eq!(cursor.prev().unwrap(), None);
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u32..600).prop_map(|number| format!("key{number:05}").into_bytes()),
        3 => proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 0..6),
        1 => any::<u8>().prop_map(|last| [vec![b'm'; KEY_BYTES_MAX - 1], vec![last]].concat()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (any::<u8>(), 0usize..200).prop_map(|(fill, bytes)| vec![fill; bytes]),
        2 => (any::<u8>(), 0usize..4200).prop_map(|(fill, bytes)| vec![fill; bytes]),
        1 => (any::<u8>(), 4000usize..60_000).prop_map(|(fill, bytes)| vec![fill; bytes]),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    PutRun(u32, u32, u8),
    Del(Vec<u8>),
    DelRange(Vec<u8>, Vec<u8>, u8),
    Get(Vec<u8>),
    Commit,
    Abort,
    Keep,
    Unkeep,
    WriteBack,
    Relocate(u64),
    Pack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), value()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => (0u32..600, 1u32..120, any::<u8>()).prop_map(|(at, count, fill)| Step::PutRun(at, count, fill)),
        6 => key().prop_map(Step::Del),
        2 => (key(), key(), any::<u8>()).prop_map(|(low, high, kind)| Step::DelRange(low, high, kind)),
        4 => key().prop_map(Step::Get),
        2 => Just(Step::Commit),
        1 => Just(Step::Abort),
        1 => Just(Step::Keep),
        1 => Just(Step::Unkeep),
        1 => Just(Step::WriteBack),
        1 => (2u64..60).prop_map(Step::Relocate),
        1 => Just(Step::Pack),
    ]
}

fn bounds(low: Vec<u8>, high: Vec<u8>, kind: u8) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let (low, high) = if low <= high { (low, high) } else { (high, low) };
    match kind % 5 {
        // The model refuses an empty range between two equal excluded bounds.
        0 if low < high => (Bound::Excluded(low), Bound::Excluded(high)),
        1 => (Bound::Unbounded, Bound::Included(high)),
        2 => (Bound::Included(low), Bound::Unbounded),
        3 => (Bound::Included(low), Bound::Included(high)),
        _ => (Bound::Included(low), Bound::Excluded(high)),
    }
}

fn apply(writer: &mut Writer, model: &mut Model, step: Step) {
    match step {
        Step::Put(key, value) => {
            let replaced = writer.insert(&key, &value).unwrap();
            assert_eq!(replaced, model.insert(key, value).is_some());
        }
        Step::PutRun(at, count, fill) => {
            for number in at..at + count {
                let (key, value) = (format!("key{number:05}").into_bytes(), vec![fill; 40]);
                let replaced = writer.insert(&key, &value).unwrap();
                assert_eq!(replaced, model.insert(key, value).is_some());
            }
        }
        Step::Del(key) => {
            assert_eq!(writer.remove(&key).unwrap(), model.remove(&key).is_some());
        }
        Step::DelRange(low, high, kind) => {
            let (low, high) = bounds(low, high, kind);
            let gone: Vec<_> =
                model.range((low.clone(), high.clone())).map(|row| row.0.clone()).collect();
            let borrow = |bound: &Bound<Vec<u8>>| bound.clone();
            let (low, high) = (borrow(&low), borrow(&high));
            let low = low.as_ref().map(Vec::as_slice);
            let high = high.as_ref().map(Vec::as_slice);
            // The same range, looked at from both ends before it goes.
            let mut range = Range::new(writer.view(), writer.root(), low, high);
            let (mut front, mut back) = (Vec::new(), Vec::new());
            while let Some(row) = range.next() {
                front.push(row.unwrap().0.into_vec());
                if let Some(row) = range.next_back() {
                    back.push(row.unwrap().0.into_vec());
                }
            }
            assert!(range.next_back().is_none());
            back.reverse();
            front.extend(back);
            assert_eq!(front, gone);
            drop(range);
            assert_eq!(writer.remove_range(low, high).unwrap(), gone.len() as u64);
            for key in gone {
                model.remove(&key);
            }
        }
        Step::Get(key) => {
            let found = get(writer.view(), writer.root(), &key).unwrap();
            assert_eq!(found.as_deref(), model.get(&key).map(Vec::as_slice));
            let mut cursor = Cursor::new(writer.view(), writer.root());
            cursor.seek(&key).unwrap();
            let expected = model.range(key.clone()..).next();
            let expected = expected.map(|(key, value)| (&key[..], &value[..]));
            assert_eq!(cursor.next().unwrap(), expected);
            cursor.seek(&key).unwrap();
            let expected = model.range(..key).next_back();
            let expected = expected.map(|(key, value)| (&key[..], &value[..]));
            assert_eq!(cursor.prev().unwrap(), expected);
        }
        Step::Pack => {
            let mut from = Some(Vec::new());
            while let Some(key) = from {
                from = writer.pack(&key, 3).unwrap().next;
            }
        }
        Step::Relocate(page_min) => {
            writer.relocate(b"", page_min, 20).unwrap();
        }
        Step::Commit | Step::Abort | Step::Keep | Step::Unkeep | Step::WriteBack => {}
    }
    assert_eq!(writer.root().key_count, model.len() as u64);
}

fn run(cells_max: Option<usize>, steps: Vec<Step>) {
    let mut harness = Harness::new(cells_max);
    let mut open: Vec<Step> = Vec::new();
    for step in steps.into_iter().chain([Step::Commit]) {
        match step {
            Step::Commit => harness.write(|writer, model| {
                for step in open.drain(..) {
                    apply(writer, model, step);
                }
            }),
            Step::Abort => {
                let mut model = harness.model.clone();
                let edit = harness.pager.edit(harness.txn.next());
                let mut writer = Writer::new(edit, harness.root);
                for step in open.drain(..) {
                    apply(&mut writer, &mut model, step);
                }
                verify_state(writer.view(), writer.root(), &model);
                drop(writer);
                harness.verify();
            }
            Step::Keep => {
                harness.kept.push((harness.txn, harness.root, harness.model.clone()));
            }
            Step::Unkeep if !harness.kept.is_empty() => {
                harness.kept.remove(0);
                harness.reclaim();
            }
            Step::Unkeep => {}
            Step::WriteBack => harness.write_back(),
            step => open.push(step),
        }
    }
    harness.write_back();
    harness.verify();
    for (_, old, model) in &harness.kept {
        verify_diff(&harness, (old, model), (&harness.root, &harness.model));
        verify_diff(&harness, (&harness.root, &harness.model), (old, model));
    }
    let keys: Vec<_> = harness.model.keys().cloned().chain([b"absent".to_vec()]).collect();
    let many = get_many(harness.pager.view(), &harness.root, &keys).unwrap();
    for (key, found) in keys.iter().zip(many) {
        assert_eq!(found.as_deref(), harness.model.get(key).map(Vec::as_slice), "{key:?}");
    }
    let first = first(harness.pager.view(), &harness.root).unwrap();
    assert_eq!(first.map(|row| row.0.into_vec()), harness.model.keys().next().cloned());
    let last = last(harness.pager.view(), &harness.root).unwrap();
    assert_eq!(last.map(|row| row.0.into_vec()), harness.model.keys().next_back().cloned());
}

fn verify_diff(harness: &Harness, from: (&TreeRoot, &Model), to: (&TreeRoot, &Model)) {
    let view = harness.pager.view();
    let mut state = from.1.clone();
    let mut last: Option<Vec<u8>> = None;
    for change in Diff::new((view, from.0), (view, to.0)) {
        let key = match change.unwrap() {
            Change::Put(key, value) => {
                assert_ne!(from.1.get(&*key).map(Vec::as_slice), Some(&*value), "no change");
                state.insert(key.to_vec(), value.into_vec());
                key
            }
            Change::Del(key) => {
                assert!(state.remove(&*key).is_some());
                key
            }
        };
        assert!(last.is_none_or(|last| last[..] < key[..]), "changes in key order");
        last = Some(key.into_vec());
    }
    assert!(state == *to.1, "changes lead from one state to the other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_deep_tree_is_a_sorted_map(steps in proptest::collection::vec(step(), 1..120)) {
        run(Some(4), steps);
    }

    #[test]
    fn a_tree_is_a_sorted_map(steps in proptest::collection::vec(step(), 1..120)) {
        run(None, steps);
    }

    #[test]
    fn a_bulk_build_is_a_sorted_map(
        rows in proptest::collection::btree_map(key(), value(), 0..400),
        cells_max in prop_oneof![Just(None), Just(Some(4)), Just(Some(7))],
    ) {
        let pager = pager(cells_max);
        let mut edit = pager.edit(TxnId::new(1));
        let root = build(&mut edit, rows.iter().map(Ok)).unwrap();
        edit.finish();
        verify_state(pager.view(), &root, &rows);
    }
}

#[test]
fn a_build_refuses_keys_that_do_not_rise() {
    let pager = pager(None);
    for (name, keys) in [("equal", ["a", "a"]), ("falling", ["b", "a"])] {
        let mut edit = pager.edit(TxnId::new(1));
        let rows = keys.into_iter().map(|key| Ok((key, "v")));
        let built = build(&mut edit, rows);
        assert!(matches!(built, Err(Error::InvalidArgument(_))), "{name}");
    }
    assert_eq!(pager.free_pages(), pager.page_count() - 2, "an aborted build gives all back");
}

#[test]
fn more_rows_than_the_cache_holds() {
    let mut harness = Harness::new(None);
    let row = |number: u64| {
        let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec();
        (key, vec![number as u8; 100])
    };
    harness.write(|writer, model| {
        for number in 0..20_000 {
            let (key, value) = row(number);
            writer.insert(&key, &value).unwrap();
            model.insert(key, value);
        }
    });
    assert!(harness.pager.stats().cache_spills > 0, "one transaction larger than the cache");
    harness.verify();
    harness.write(|writer, model| {
        for number in (0..20_000).step_by(3) {
            assert!(writer.remove(&row(number).0).unwrap());
            model.remove(&row(number).0);
        }
    });
    harness.verify();
    let stats = harness.pager.stats();
    assert!(stats.cache_resident <= stats.cache_frames + 192, "{stats:?}");
    harness.write(|writer, model| {
        assert_eq!(
            writer.remove_range(Bound::Unbounded, Bound::Unbounded).unwrap(),
            model.len() as u64
        );
        model.clear();
    });
    assert_eq!(harness.root, TreeRoot::EMPTY);
    harness.verify();
}

#[test]
fn sequential_rows_fill_their_pages() {
    let mut harness = Harness::new(None);
    harness.write(|writer, model| {
        for number in 0..20_000u64 {
            let (key, value) = (number.to_be_bytes().to_vec(), vec![1; 100]);
            writer.insert(&key, &value).unwrap();
            model.insert(key, value);
        }
    });
    let user_bytes = 20_000 * 108;
    let pages = harness.pager.page_count() - harness.pager.free_pages();
    let file_bytes = pages * PAGE_BYTES as u64;
    assert!(file_bytes * 100 < user_bytes * 115, "{file_bytes} bytes of pages for {user_bytes}");
}

#[test]
fn keys_that_rise_inside_the_tree_fill_their_pages_too() {
    let mut harness = Harness::new(None);
    harness.write(|writer, model| {
        for number in 0..20_000u64 {
            // Two series side by side, each in rising order, in turns of 100.
            let series = [b"a/", b"b/"][(number / 100 % 2) as usize];
            let key = [&series[..], &number.to_be_bytes()].concat();
            writer.insert(&key, &[1; 100]).unwrap();
            model.insert(key, vec![1; 100]);
        }
    });
    let user_bytes = 20_000 * 110;
    let pages = harness.pager.page_count() - harness.pager.free_pages();
    let file_bytes = pages * PAGE_BYTES as u64;
    assert!(file_bytes * 100 < user_bytes * 130, "{file_bytes} bytes of pages for {user_bytes}");
    harness.verify();
}

#[test]
fn an_overflowing_value_is_read_whole_or_not_at_all() {
    let mut harness = Harness::new(None);
    let value: Vec<u8> = (0..2_000_000u32).map(|number| (number >> 7) as u8).collect();
    harness.write(|writer, model| {
        writer.insert(b"big", &value).unwrap();
        model.insert(b"big".to_vec(), value.clone());
    });
    harness.write_back();
    harness.verify();
    harness.write(|writer, model| {
        assert!(writer.insert(b"big", b"small").unwrap());
        model.insert(b"big".to_vec(), b"small".to_vec());
    });
    harness.verify();
    let pages = harness.pager.page_count() - harness.pager.free_pages();
    assert_eq!(pages, 3, "the pages of the long value are free again");
}

#[test]
fn a_cursor_puts_keys_of_every_length_together() {
    // Common fronts that change from leaf to leaf, none at all, and parts behind them that are
    // shorter and longer than what is copied at once, in every order.
    let fronts: [&[u8]; 4] = [b"", b"a", &[b'b'; 100], &[b'c'; 1000]];
    let mut harness = Harness::new(None);
    harness.write(|writer, model| {
        for (at, front) in fronts.iter().enumerate() {
            for number in 0..400_usize {
                let length = number * 37 % 90;
                let key =
                    [*front, &[at as u8, (number / 256) as u8, number as u8], &vec![7; length]];
                let (key, value) = (key.concat(), vec![number as u8; number % 50]);
                writer.insert(&key, &value).unwrap();
                model.insert(key, value);
            }
        }
    });
    let mut cursor = Cursor::new(harness.pager.view(), &harness.root);
    for (key, value) in &harness.model {
        let row = cursor.next().unwrap().map(|(key, value)| (key.to_vec(), value.to_vec()));
        assert_eq!(row, Some((key.clone(), value.clone())));
    }
    assert!(cursor.next().unwrap().is_none());
    for (key, value) in harness.model.iter().rev() {
        let row = cursor.prev().unwrap().map(|(key, value)| (key.to_vec(), value.to_vec()));
        assert_eq!(row, Some((key.clone(), value.clone())));
    }
    assert!(cursor.prev().unwrap().is_none());
}
