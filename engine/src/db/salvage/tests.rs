//! Tests of salvage: what comes out of whole, damaged and ruined databases.

use super::*;
use crate::db::options::Tuning;
use crate::db::{History, LogRetention};
use crate::disk::clock::ManualClock;
use crate::disk::entropy::SeededEntropy;
use crate::disk::memory::MemoryStorage;
use crate::disk::{OpenMode, Storage};
use crate::format::page::{PageHeader, seal_page};
use crate::ids::PageId;
use crate::inspect::find::{Survey, survey};
use crate::inspect::tree::{row_keys, value};
use crate::inspect::{check_source, no_progress, page};
use crate::limits::PAGE_BYTES;
use crate::log::LogConfig;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

const PATH: &str = "/salvage.ns";

/// A database of several levels with long values, a past, and a tail of log behind its checkpoint.
struct Fixture {
    storage: Arc<MemoryStorage>,
    /// The rows as of the checkpoint, and the latest.
    checkpoint: Rows,
    rows: Rows,
}

fn options(retention: LogRetention) -> Options {
    // Small segments: about one for each transaction.
    let log = LogConfig { segment_bytes_max: 64 << 10, ..LogConfig::default() };
    let tuning = Tuning { log, ..Tuning::default() };
    let options = Options::new().background(false).history(History::Last(2));
    options.log_retention(retention).tuning(tuning)
}

fn fixture(retention: LogRetention) -> Fixture {
    let storage = Arc::new(MemoryStorage::new());
    let entropy = Arc::new(SeededEntropy::new(7));
    let clock = Arc::new(ManualClock::new());
    let db = options(retention).open_on(storage.clone(), entropy, clock, PATH).unwrap();
    let mut rows = Rows::new();
    let commit = |rows: &mut Rows, change: &dyn Fn(&mut WriteTxn, &mut Rows)| {
        let mut writer = db.begin_write().unwrap();
        change(&mut writer, rows);
        writer.commit().unwrap();
    };
    for batch in 0..4 {
        commit(&mut rows, &|writer, rows| {
            for index in 0..400 {
                let key = format!("row/{:05}", index * 4 + batch).into_bytes();
                let value = format!("value {index} of batch {batch}").repeat(3).into_bytes();
                writer.put(&key, &value).unwrap();
                rows.insert(key, value);
            }
            let (key, value) = (format!("long/{batch}").into_bytes(), vec![batch as u8; 40_000]);
            writer.put(&key, &value).unwrap();
            rows.insert(key, value);
        });
    }
    db.checkpoint().unwrap();
    let checkpoint = rows.clone();
    commit(&mut rows, &|writer, rows| {
        let range = b"row/00100".to_vec()..b"row/00200".to_vec();
        writer.del_range(range.clone()).unwrap();
        rows.retain(|key, _| !range.contains(key));
        writer.put(b"tail", b"behind the checkpoint").unwrap();
        rows.insert(b"tail".to_vec(), b"behind the checkpoint".to_vec());
    });
    db.sync().unwrap();
    // Forgotten, not closed: as if the process had died, so that the tail stays in the log.
    std::mem::forget(db);
    Fixture { storage, checkpoint, rows }
}

/// The same with another checkpoint, behind which rows were changed, removed and added once more.
fn two_checkpoints() -> Fixture {
    // Files alone: the lock of the process that died stays behind.
    let mut fixture = fixture_like(&fixture(LogRetention::Recovery));
    let (entropy, clock) = (Arc::new(SeededEntropy::new(8)), Arc::new(ManualClock::new()));
    let options = Options::new().background(false);
    let db = options.open_on(fixture.storage.clone(), entropy, clock, PATH).unwrap();
    let change = |rows: &mut Rows, value: &str| {
        let mut writer = db.begin_write().unwrap();
        for index in 250..260 {
            let key = format!("row/{:05}", index * 2).into_bytes();
            writer.put(&key, value).unwrap();
            rows.insert(key, value.as_bytes().to_vec());
        }
        let gone = format!("row/{:05}", 600 + value.len()).into_bytes();
        writer.del(&gone).unwrap();
        rows.remove(&gone);
        writer.commit().unwrap();
    };
    change(&mut fixture.rows, "first");
    db.checkpoint().unwrap();
    change(&mut fixture.rows, "second, and longer");
    db.checkpoint().unwrap();
    change(&mut fixture.rows, "third");
    db.sync().unwrap();
    std::mem::forget(db);
    fixture
}

impl Fixture {
    fn source(&self) -> Source {
        Source::open_on(self.storage.clone(), PATH).unwrap()
    }

    /// Writes over bytes of a page.
    fn damage(&self, page: u64, at: u64) {
        let file = self.storage.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
        file.write_at(b"damaged!", page * PAGE_BYTES as u64 + at).unwrap();
    }

    /// Removes the log, all of it.
    fn lose_log(&self) {
        for name in self.storage.list(Path::new("/"), "salvage.ns.log").unwrap() {
            self.storage.unlink(&Path::new("/").join(name)).unwrap();
        }
    }

    fn survey(&self) -> Survey {
        survey(&self.source(), &mut no_progress())
    }

    fn salvage(&self) -> (SalvageReport, Rows) {
        let target = Options::new().open_in_memory().unwrap();
        let report = salvage_into(&self.source(), &target, &mut no_progress()).unwrap();
        let reader = target.begin_read().unwrap();
        let rows: Rows = reader
            .iter()
            .unwrap()
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap())
            .collect();
        assert_eq!(report.rows, rows.len() as u64);
        (report, rows)
    }

    /// A leaf of the tree in the file, by the key it holds.
    fn leaf_of(&self, key: &[u8]) -> u64 {
        let source = self.source();
        let judgement = metas(&source);
        let root = judgement.slots.iter().filter_map(|slot| slot.root).max_by_key(|r| r.txn_id);
        let steps = crate::inspect::tree::lookup(&source, &root.unwrap(), key);
        steps.last().unwrap().pointer.page.get()
    }
}

#[test]
fn a_sound_database_comes_out_whole() {
    let fixture = fixture(LogRetention::Recovery);
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Tree);
    assert!(report.exact && report.lost.is_empty(), "{report:?}");
    assert_eq!(rows, fixture.rows);
    assert_eq!(report.txn_id, Some(TxnId::new(5)));
    assert_eq!(report.transactions, 1);
}

#[test]
fn a_broken_leaf_costs_nothing_when_the_log_has_it_all() {
    let fixture = fixture(LogRetention::All);
    fixture.damage(fixture.leaf_of(b"row/00500"), 9000);
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Log);
    assert!(report.exact, "{report:?}");
    assert_eq!(rows, fixture.rows);
}

/// The older meta's tree is whole, and the log is kept from there on: nothing is lost, and nothing that
/// was removed comes back.
#[test]
fn a_broken_leaf_of_the_newest_tree_costs_nothing_where_the_older_meta_has_its_own() {
    let fixture = two_checkpoints();
    fixture.damage(fixture.leaf_of(b"row/00500"), 9000);
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Tree, "{report:?}");
    assert!(report.exact && report.lost.is_empty(), "{report:?}");
    assert_eq!(rows, fixture.rows);
}

/// A damaged header hides a segment from opening and not from salvage: its records say what it said.
#[test]
fn a_segment_with_a_damaged_header_is_read_all_the_same() {
    for damaged in [0_u64, 44, 60, 3000] {
        let fixture = fixture(LogRetention::Recovery);
        let log = Path::new("/salvage.ns.log");
        let file = fixture.storage.open(log, OpenMode::ReadWrite).unwrap();
        file.write_at(b"damaged!", damaged).unwrap();
        let (report, rows) = fixture.salvage();
        assert_eq!(rows, fixture.rows, "byte {damaged}");
        assert_eq!(report.transactions, 1, "byte {damaged}: {report:?}");
        assert!(!report.exact && !report.log_problems.is_empty(), "byte {damaged}: {report:?}");
    }
}

/// What lies before a damaged segment is taken too: here nothing but the log is left.
#[test]
fn the_log_before_and_behind_a_damaged_segment_is_taken() {
    let fixture = fixture(LogRetention::All);
    fixture.damage(0, 100);
    fixture.damage(1, 100);
    for page in 2..fixture.source().page_count().unwrap() {
        fixture.damage(page, 0);
    }
    let mut older = fixture.storage.list(Path::new("/"), "salvage.ns.log.").unwrap();
    older.sort_by_key(|name| name.rsplit_once('.').unwrap().1.parse::<u64>().unwrap());
    assert!(older.len() > 2, "{older:?}");
    let gone = Path::new("/").join(older.last().unwrap());
    fixture.storage.unlink(&gone).unwrap();
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Leaves, "{report:?}");
    assert!(!report.exact && !report.log_problems.is_empty(), "{report:?}");
    assert!(rows.contains_key(&b"row/00000"[..]), "the first transaction is before the gap");
    assert!(rows.contains_key(&b"tail"[..]), "the last one is behind it");
}

#[test]
fn a_broken_leaf_without_the_log_costs_its_rows_and_says_so() {
    let fixture = fixture(LogRetention::All);
    fixture.damage(fixture.leaf_of(b"row/00500"), 9000);
    fixture.lose_log();
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Pieces);
    assert!(!report.exact && !report.lost.is_empty(), "{report:?}");
    let lost = |key: &[u8]| {
        report.lost.iter().any(|range| {
            range.from.as_slice() <= key && range.to.as_ref().is_none_or(|to| key < to.as_slice())
        })
    };
    assert!(lost(b"row/00500"));
    for (key, value) in fixture.checkpoint.iter().filter(|(key, _)| !lost(key)) {
        assert_eq!(rows.get(key), Some(value), "{} is in no lost range", key.escape_ascii());
    }
    assert!(rows.len() + 500 > fixture.checkpoint.len(), "only a leaf's worth is missing");
}

/// The first segments are gone, so the log does not reach genesis; what it has brings rows back.
#[test]
fn a_piece_of_log_fills_what_it_can() {
    let fixture = fixture(LogRetention::All);
    let hole = fixture.leaf_of(b"row/00900");
    fixture.damage(hole, 9000);
    let without = {
        let other = fixture_like(&fixture);
        other.lose_log();
        other.salvage().1
    };
    let mut older = fixture.storage.list(Path::new("/"), "salvage.ns.log.").unwrap();
    older.sort_by_key(|name| name.rsplit_once('.').unwrap().1.parse::<u64>().unwrap());
    // Segments without the first transaction, and the last two of four whole ones at least.
    older.truncate(older.len().saturating_sub(1));
    for name in older {
        fixture.storage.unlink(&Path::new("/").join(name)).unwrap();
    }
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Pieces, "{report:?}");
    assert!(report.ops_in_holes > 0 && !report.lost.is_empty(), "{report:?}");
    assert!(rows.len() > without.len() || rows.contains_key(&b"tail"[..]));
    for (key, value) in &rows {
        assert_eq!(fixture.rows.get(key), Some(value), "{}", key.escape_ascii());
    }
}

/// The same files on a storage of their own.
fn fixture_like(fixture: &Fixture) -> Fixture {
    let storage = Arc::new(MemoryStorage::new());
    for name in fixture.storage.list(Path::new("/"), "salvage.ns").unwrap() {
        let path = Path::new("/").join(name);
        let from = fixture.storage.open(&path, OpenMode::Read).unwrap();
        let mut bytes = vec![0; from.len().unwrap() as usize];
        from.read_at(&mut bytes, 0).unwrap();
        storage.open(&path, OpenMode::CreateNew).unwrap().write_at(&bytes, 0).unwrap();
    }
    Fixture { storage, checkpoint: fixture.checkpoint.clone(), rows: fixture.rows.clone() }
}

#[test]
fn without_metas_the_leaves_speak() {
    let fixture = fixture(LogRetention::Recovery);
    fixture.damage(0, 100);
    fixture.damage(1, 100);
    fixture.lose_log();
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Leaves);
    assert!(!report.exact);
    for (key, value) in &fixture.checkpoint {
        assert_eq!(rows.get(key), Some(value), "{}", key.escape_ascii());
    }
}

#[test]
fn a_broken_long_value_is_one_lost_key() {
    let fixture = fixture(LogRetention::Recovery);
    let survey = fixture.survey();
    assert!(survey.report.is_clean(), "{:?}", survey.report.problems);
    let source = fixture.source();
    let leaf = source.read_page(PageId::new(fixture.leaf_of(b"long/2"))).unwrap().bytes;
    let index = row_keys(&leaf).iter().position(|key| key == b"long/2").unwrap();
    let extents = value(&source, &leaf, index, usize::MAX).unwrap().extents;
    fixture.damage(extents[0].0.page.get(), 9000);
    fixture.lose_log();
    let (report, rows) = fixture.salvage();
    assert_eq!(report.lost.len(), 1, "{:?}", report.lost);
    assert_eq!(report.lost[0].from, b"long/2");
    assert_eq!(rows.get(&b"long/2"[..]), None);
    assert_eq!(rows.len() + 1, fixture.checkpoint.len());
}

#[test]
fn a_target_with_rows_is_refused() {
    let fixture = fixture(LogRetention::Recovery);
    let target = Options::new().open_in_memory().unwrap();
    let mut writer = target.begin_write().unwrap();
    writer.put(b"k", b"v").unwrap();
    writer.commit().unwrap();
    let refused = salvage_into(&fixture.source(), &target, &mut no_progress());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}

/// A log that ends in the middle of a segment: what comes before is taken, the rest is listed.
#[test]
fn a_missing_newest_segment_is_listed() {
    let fixture = fixture(LogRetention::All);
    fixture.storage.unlink(Path::new("/salvage.ns.log")).unwrap();
    let (report, rows) = fixture.salvage();
    assert_eq!(report.route, SalvageRoute::Tree);
    assert_eq!(rows, fixture.checkpoint);
    assert!(!report.exact && !report.log_problems.is_empty(), "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Bytes changed anywhere, with fresh checksums or not: the check, every view and the salvage
    /// end, and never panic; what comes out was once put in, unless the damage was sealed.
    #[test]
    fn any_damage_is_survived(
        changes in prop::collection::vec((0..40_u64, 0..16_384_usize, any::<u8>()), 1..20),
        head in any::<bool>(),
        reseal in any::<bool>(),
    ) {
        let fixture = fixture(LogRetention::Recovery);
        let file = fixture.storage.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
        let pages = file.len().unwrap() / PAGE_BYTES as u64;
        for (page, at, byte) in changes {
            let offset = page % pages * PAGE_BYTES as u64;
            let at = if head { at % 400 } else { at };
            let mut bytes = [0; PAGE_BYTES];
            file.read_at(&mut bytes, offset).unwrap();
            bytes[at] = byte;
            if let (Some(header), true) = (PageHeader::decode(&bytes), reseal) {
                let id = PageId::new(page % pages);
                seal_page(&mut bytes, fixture.source().uuid(), PageHeader { page_id: id, ..header });
            }
            file.write_at(&bytes, offset).unwrap();
        }
        let source = fixture.source();
        check_source(&source, &mut no_progress());
        for id in 0..pages {
            let bytes = source.read_page(PageId::new(id)).unwrap().bytes;
            page(&bytes, PageId::new(id), source.uuid());
        }
        let (_, rows) = fixture.salvage();
        if !reseal {
            for (key, value) in rows {
                let known = fixture.rows.get(&key) == Some(&value)
                    || fixture.checkpoint.get(&key) == Some(&value);
                prop_assert!(known, "{} was never put in", key.escape_ascii());
            }
        }
    }
}
