//! Suite `pager`: opening, pages from the pool and from storage, checksums, and what a commit costs.

use super::support::{self, KEY_BYTES, expect, missing};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class, StorageKind},
    rng::{Checksum, KeyOrder, Rows, SplitMix},
    storage::{Calls, CountingStorage},
};
use northstar_engine::{
    Db, FileUuid, PageId, Stats,
    disk::{OpenMode, Storage},
    format::verify_page,
    limits::{CACHE_BYTES_MIN, PAGE_BYTES},
};

/// Pages of about four rows each, so that nearly every look-up is another page.
const PAGE_PARAMETERS: &[Parameter] = &[
    Parameter { name: "records", unit: "rows", ci: 4_000, full: 200_000 },
    KEY_BYTES,
    Parameter { name: "value_bytes", unit: "B", ci: 3_900, full: 3_900 },
];

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "pager/open_close_empty",
        version: 1,
        why: "What a program pays before its first byte: a slow open hurts every command-line use.",
        critical: true,
        class: Class::Exact,
        parameters: &[],
        words: None,
        ops: Ops::Fixed(500, 5_000),
        warmup_ops: (20, 100),
        unit: "open and close",
        sample_every: 1,
        granule: single,
        setup: OpenClose::setup,
    },
    Entry {
        id: "pager/read_page_random_16k_hot",
        version: 1,
        why: "A page that is in the pool must cost a look-up and nothing else: no read, no checksum.",
        critical: true,
        class: Class::Exact,
        parameters: PAGE_PARAMETERS,
        words: None,
        ops: Ops::Fixed(100_000, 2_000_000),
        warmup_ops: (5_000, 200_000),
        unit: "page",
        sample_every: 8,
        granule: single,
        setup: |context| PageReads::setup(context, Warmth::Hot),
    },
    Entry {
        id: "pager/read_page_random_16k_cold",
        version: 1,
        why: "A page that is not in the pool costs one read and one checksum; the kernel's cache is dropped as far as it lets us.",
        critical: true,
        class: Class::Exact,
        parameters: PAGE_PARAMETERS,
        words: None,
        ops: Ops::Fixed(10_000, 50_000),
        warmup_ops: (100, 1_000),
        unit: "page",
        sample_every: 1,
        granule: single,
        setup: |context| PageReads::setup(context, Warmth::Cold),
    },
    Entry {
        id: "pager/commit_meta_fsync",
        version: 1,
        why: "Syncs are what a commit costs: exactly 1 a durable commit and 2 a checkpoint with dirty pages, asserted.",
        critical: true,
        class: Class::Exact,
        parameters: &[KEY_BYTES, support::VALUE_BYTES],
        words: None,
        ops: Ops::Fixed(300, 1_000),
        warmup_ops: (5, 10),
        unit: "commit and checkpoint",
        sample_every: 1,
        granule: single,
        setup: CommitSyncs::setup,
    },
    Entry {
        id: "pager/checksum_verify_16k",
        version: 1,
        why: "The price of trusting no byte: a page's checksum and header, paid once a load.",
        critical: true,
        class: Class::Exact,
        parameters: &[
            Parameter { name: "records", unit: "rows", ci: 4_000, full: 20_000 },
            KEY_BYTES,
            support::VALUE_BYTES,
        ],
        words: None,
        ops: Ops::Fixed(20_000, 1_000_000),
        warmup_ops: (1_000, 10_000),
        unit: "page",
        sample_every: 1,
        granule: single,
        setup: Checksums::setup,
    },
];

/// Opens and closes an existing empty database.
struct OpenClose {
    context: Context,
    opened: u64,
}

impl OpenClose {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        context.open("empty.ns", Self::options(context))?.close()?;
        Ok(Box::new(Self { context: context.clone(), opened: 0 }))
    }

    fn options(context: &Context) -> northstar_engine::Options {
        // A small pool: allocating a gigabyte is not what is measured.
        context.options().cache_bytes(CACHE_BYTES_MIN)
    }
}

impl Bench for OpenClose {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.opened += ops;
        let context = &self.context;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                lane.op(|| -> Result<()> {
                    Ok(context.open("empty.ns", Self::options(context))?.close()?)
                })?;
            }
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let db = self.context.open("empty.ns", Self::options(&self.context))?;
        let read = db.begin_read()?;
        expect("rows of the empty database", read.len(), 0)?;
        expect("its latest transaction", read.txn_id().get(), 0)?;
        report.checksum.add_number(self.opened);
        Ok(())
    }
}

/// Whether pages are in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warmth {
    Hot,
    Cold,
}

/// Gets rows whose pages are all different.
struct PageReads {
    db: Db,
    rows: Rows,
    records: u64,
    random: SplitMix,
    sum: Checksum,
    warmth: Warmth,
    cache_dropped: &'static str,
}

impl PageReads {
    fn setup(context: &Context, warmth: Warmth) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "pages.ns", context.options(), &mut rows, records)?;
        let mut cache_dropped = "not asked for: the pages are to be hot";
        let db = match warmth {
            Warmth::Hot => db,
            Warmth::Cold => {
                db.close()?;
                cache_dropped = drop_kernel_cache(context);
                context.open("pages.ns", context.options().cache_bytes(CACHE_BYTES_MIN))?
            }
        };
        let random = SplitMix::new(context.seed);
        let sum = Checksum::default();
        Ok(Box::new(Self { db, rows, records, random, sum, warmth, cache_dropped }))
    }
}

impl Bench for PageReads {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let read = self.db.begin_read()?;
        let (rows, random, records) = (&self.rows, &mut self.random, self.records);
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let number = random.below(records);
                lane.op(|| -> Result<()> {
                    let value = read.get(rows.key(number))?.ok_or_else(|| missing(number))?;
                    total = total.wrapping_add(u64::from(value[0]) + value.len() as u64);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let read = self.db.begin_read()?;
        for number in (0..self.records).step_by(97) {
            let key = self.rows.key(number);
            let value = read.get(key)?.ok_or_else(|| missing(number))?;
            if *value != *self.rows.value(number, 0) {
                return Err(Error::wrong(format!("row {number} has another value")));
            }
        }
        report.checksum = self.sum;
        if self.warmth == Warmth::Cold {
            report.note(format!("kernel cache dropped: {}", self.cache_dropped));
            let stats = self.db.stats();
            let looked = (stats.cache_hits + stats.cache_misses).max(1) as f64;
            let share = stats.cache_misses as f64 / looked;
            report.metric("pool_miss_share", "1", Better::Neither, share);
        }
        Ok(())
    }
}

/// Asks the kernel to forget the database file; says whether that can have worked.
fn drop_kernel_cache(context: &Context) -> &'static str {
    if context.kind == StorageKind::Memory {
        return "no, the database lies in memory";
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Advice, fadvise};
        let asked = std::fs::File::open(context.path("pages.ns")).is_ok_and(|file| {
            file.sync_all().is_ok() && fadvise(&file, 0, None, Advice::DontNeed).is_ok()
        });
        if asked { "asked for, and the kernel agreed" } else { "no, the kernel refused" }
    }
    #[cfg(not(target_os = "linux"))]
    "no, this system has no call for it"
}

/// A durable commit, then a checkpoint, with every sync counted below the engine.
struct CommitSyncs {
    context: Context,
    db: Db,
    rows: Rows,
    next: u64,
    storage: CountingStorage,
    wrong: Option<String>,
    rotations: u64,
}

/// Syncs the protocol demands of a durable commit.
const SYNCS_PER_COMMIT: u64 = 1;
/// And of a checkpoint with dirty pages: the pages, then the meta.
const SYNCS_PER_CHECKPOINT: u64 = 2;
/// And, more than these, of a step that goes on to another log segment.
const SYNCS_PER_ROTATION_MAX: u64 = 3;

impl CommitSyncs {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let db = context.open("commit.ns", context.options())?;
        let rows = support::rows(context, KeyOrder::Sequential)?;
        let (context, storage) = (context.clone(), context.storage.clone());
        let mut bench = Self { context, db, rows, next: 0, storage, wrong: None, rotations: 0 };
        // The first commit and checkpoint after an open have more to do: not what is counted here.
        bench.commit()?;
        bench.db.checkpoint()?;
        Ok(Box::new(bench))
    }

    fn commit(&mut self) -> Result<()> {
        let mut txn = self.db.begin_write()?;
        let key = self.rows.key(self.next);
        txn.put(key, self.rows.value(self.next, 0))?;
        txn.commit()?;
        self.next += 1;
        Ok(())
    }

    /// Holds `calls` to the demanded count. A step that moves on to another log segment may sync that
    /// segment too; it shows by the names it changes, and comes seldom: segments double.
    fn hold(&mut self, what: &str, calls: &Calls, demanded: u64) {
        let rotated = calls.files_created + calls.names_changed > 0;
        self.rotations += u64::from(rotated);
        let most = if rotated { demanded + SYNCS_PER_ROTATION_MAX } else { demanded };
        let found = calls.file_syncs();
        if (found < demanded || found > most) && self.wrong.is_none() {
            let with = if rotated { " with a new segment" } else { "" };
            self.wrong =
                Some(format!("{what}{with} made {found} syncs, the protocol demands {demanded}"));
        }
    }
}

impl Bench for CommitSyncs {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let before = self.storage.calls();
                lane.op(|| self.commit())?;
                let between = self.storage.calls();
                self.db.checkpoint()?;
                let after = self.storage.calls();
                // A few subtractions in a section that syncs: below what can be measured.
                self.hold("a commit", &between.since(&before), SYNCS_PER_COMMIT);
                self.hold("a checkpoint", &after.since(&between), SYNCS_PER_CHECKPOINT);
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        if let Some(wrong) = self.wrong.take() {
            return Err(Error::wrong(wrong));
        }
        let share = self.rotations as f64 / self.next.max(1) as f64;
        report.metric("segment_changes_per_op", "1", Better::Lower, share);
        // Nothing new: the first few may still write the free space of the one before, then it rests.
        let mut idle = 0;
        for _ in 0..4 {
            let before = self.storage.calls();
            self.db.checkpoint()?;
            idle = self.storage.calls().since(&before).file_syncs();
            if idle > SYNCS_PER_CHECKPOINT {
                return Err(Error::wrong(format!("an idle checkpoint made {idle} syncs")));
            }
        }
        report.metric("syncs_per_idle_checkpoint", "1", Better::Lower, idle as f64);
        // The first checkpoint after an open rewrites the chosen meta slot: one sync more.
        let db = self.context.open("first.ns", self.context.options())?;
        let mut txn = db.begin_write()?;
        txn.put(b"k", b"v")?;
        txn.commit()?;
        let before = self.storage.calls();
        db.checkpoint()?;
        let first = self.storage.calls().since(&before).file_syncs();
        report.metric("syncs_of_first_checkpoint", "1", Better::Lower, first as f64);
        if first > SYNCS_PER_CHECKPOINT + 1 {
            return Err(Error::wrong(format!(
                "the first checkpoint after an open made {first} syncs"
            )));
        }
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows committed", count, self.next)?;
        report.checksum = sum;
        Ok(())
    }
}

/// Verifies real pages that lie in memory.
struct Checksums {
    pages: Vec<u8>,
    uuid: FileUuid,
    next: usize,
    verified: u64,
}

impl Checksums {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "pages.ns", context.options(), &mut rows, records)?;
        let uuid = db.uuid();
        let file = context.storage.open(&context.path("pages.ns"), OpenMode::Read)?;
        let bytes = usize::try_from(file.len()?).map_err(Error::wrong)?;
        let mut pages = vec![0; bytes / PAGE_BYTES * PAGE_BYTES];
        file.read_at(&mut pages, 0)?;
        // Free pages of the file may hold anything; only sound ones are measured.
        let sound: Vec<u8> = pages
            .chunks_exact(PAGE_BYTES)
            .enumerate()
            .filter(|(id, page)| verify_page(page, uuid, PageId::new(*id as u64)).is_ok())
            .flat_map(|(_, page)| page.iter().copied())
            .collect();
        drop(db);
        if sound.len() < 16 * PAGE_BYTES {
            return Err(Error::wrong("fewer than 16 sound pages in the file"));
        }
        Ok(Box::new(Self { pages: sound, uuid, next: 0, verified: 0 }))
    }

    fn id_of(page: &[u8]) -> PageId {
        northstar_engine::format::page::PageHeader::decode(page)
            .map_or(PageId::new(u64::MAX), |header| header.page_id)
    }
}

impl Bench for Checksums {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { pages, uuid, next, verified } = self;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let page = &pages[*next..*next + PAGE_BYTES];
                let found = lane.op(|| verify_page(page, *uuid, Self::id_of(page)));
                *verified += u64::from(found.is_ok());
                *next = (*next + PAGE_BYTES) % pages.len();
            }
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        // A benchmark of a check that never fails would measure nothing: each damaged page is refused.
        for page in self.pages.chunks_exact_mut(PAGE_BYTES).take(16) {
            let id = Self::id_of(page);
            page[PAGE_BYTES - 1] ^= 1;
            let refused = verify_page(page, self.uuid, id).is_err();
            page[PAGE_BYTES - 1] ^= 1;
            if !refused {
                return Err(Error::wrong(format!("a flipped bit in page {id} was not noticed")));
            }
        }
        report.checksum.add_number(self.verified);
        Ok(())
    }
}
