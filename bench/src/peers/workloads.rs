//! The suite's list: every workload, run once for each engine. The code is in `reads`, `writes`,
//! `beside`, `opens` and `sequence`.

use super::{
    NAMES,
    beside::Beside,
    engine::{Engine, Puts},
    opens::{Opens, Shutdown},
    reads::{Gets, Readers, Scans, Snapshots},
    sequence::Sequence,
    writes::{Load, Writes},
};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, single},
    context::Context,
    error::Result,
    result::Class,
    rng::Rows,
    suite::support::{KEY_BYTES, VALUE_BYTES},
};

const RECORDS: Parameter =
    Parameter { name: "records", unit: "rows", ci: 100_000, full: 1_000_000 };
const PARAMETERS: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES];
/// Rows as redb's benchmark has them.
const SEQUENCE_PARAMETERS: &[Parameter] = &[
    RECORDS,
    Parameter { ci: 24, full: 24, ..KEY_BYTES },
    Parameter { ci: 150, full: 150, ..VALUE_BYTES },
];
const WORDS: Option<(&str, &[&str])> = Some(("engine", NAMES));

const fn entry(
    id: &'static str,
    why: &'static str,
    ops: Ops,
    setup: fn(&Context) -> Result<Box<dyn Bench>>,
) -> Entry {
    Entry {
        id,
        version: 2,
        why,
        critical: false,
        class: Class::Threaded,
        parameters: PARAMETERS,
        words: WORDS,
        ops,
        warmup_ops: (1_000, 100_000),
        unit: "row",
        sample_every: 1,
        granule: single,
        setup,
    }
}

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        sample_every: 8,
        ..entry(
            "peers/point_get_hot",
            "One row by key, one thread, everything in memory.",
            Ops::Fixed(500_000, 3_000_000),
            |context| Gets::setup(context, Readers::One),
        )
    },
    Entry {
        granule: |_| 16,
        ..entry(
            "peers/get_many_16_hot",
            "Sixteen rows by key in one call, where an engine has one; a latency is that of sixteen.",
            Ops::Fixed(480_000, 3_000_000),
            |context| Gets::setup(context, Readers::OneWithSixteenKeys),
        )
    },
    Entry {
        sample_every: 8,
        granule: |_| 2,
        ..entry(
            "peers/point_get_hot_2_threads",
            "One row by key on two threads at once: readers must not slow each other.",
            Ops::Fixed(500_000, 4_000_000),
            |context| Gets::setup(context, Readers::Two),
        )
    },
    Entry {
        granule: records,
        warmup_ops: (1, 1),
        ..entry(
            "peers/full_scan",
            "Every row in key order, ten times; a latency is that of a whole scan.",
            Ops::RecordsPercent(1000),
            |context| Scans::setup(context, None),
        )
    },
    Entry {
        warmup_ops: (20, 500),
        unit: "scan",
        ..entry(
            "peers/range_scan_1k_rows_hot",
            "A thousand neighbours from a random start; an operation is a scan.",
            Ops::Fixed(1_000, 10_000),
            |context| Scans::setup(context, Some(1_000)),
        )
    },
    Entry {
        sample_every: 16,
        unit: "snapshot",
        ..entry(
            "peers/snapshot_open_close",
            "What beginning and ending a read costs.",
            Ops::Fixed(300_000, 3_000_000),
            Snapshots::setup,
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/build_sequential",
            "Loading sorted rows in transactions of 1,000, one sync at the end.",
            Ops::Records,
            |context| Writes::setup(context, Load::Sequential),
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/build_random",
            "Loading unsorted rows in transactions of 1,000, one sync at the end.",
            Ops::Records,
            |context| Writes::setup(context, Load::Random),
        )
    },
    Entry {
        warmup_ops: (20, 100),
        ..entry(
            "peers/durable_commit_1",
            "A durable transaction of one row: the device's sync and little else.",
            Ops::Fixed(500, 3_000),
            |context| Writes::setup(context, Load::Commits { rows: 1, durable: true }),
        )
    },
    Entry {
        granule: |_| 100,
        warmup_ops: (500, 1_000),
        ..entry(
            "peers/durable_commit_100",
            "A durable transaction of a hundred rows; a latency is that of a transaction.",
            Ops::Fixed(20_000, 100_000),
            |context| Writes::setup(context, Load::Commits { rows: 100, durable: true }),
        )
    },
    Entry {
        warmup_ops: (100, 1_000),
        ..entry(
            "peers/eventual_commit_1",
            "A transaction of one row that does not wait for the device.",
            Ops::Fixed(20_000, 200_000),
            |context| Writes::setup(context, Load::Commits { rows: 1, durable: false }),
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/delete_10pct",
            "Deleting a random tenth in transactions of 1,000, one sync at the end.",
            Ops::RecordsPercent(10),
            |context| Writes::setup(context, Load::Deletes),
        )
    },
    Entry {
        version: 3,
        sample_every: 8,
        granule: |_| 50_000,
        ..entry(
            "peers/reader_beside_writer",
            "Gets while another thread commits one row after the other, durably: what the reader keeps.",
            Ops::Fixed(500_000, 3_000_000),
            Beside::setup,
        )
    },
    Entry {
        warmup_ops: (1, 2),
        unit: "open",
        ..entry(
            "peers/open_clean_first_get",
            "Opening a cleanly closed database and getting one row.",
            Ops::Fixed(20, 50),
            |context| Opens::setup(context, Shutdown::Clean),
        )
    },
    Entry {
        warmup_ops: (0, 0),
        unit: "open",
        ..entry(
            "peers/open_killed_first_get",
            "Opening what a kill -9 right after the random load left, and getting one row.",
            Ops::Fixed(5, 7),
            |context| Opens::setup(context, Shutdown::Killed),
        )
    },
    Entry {
        parameters: SEQUENCE_PARAMETERS,
        granule: records,
        warmup_ops: (0, 0),
        ..entry(
            "peers/redb_sequence",
            "redb's own benchmark, a fifth as large: bulk load, single and batched writes, reads, removals, sizes.",
            Ops::Records,
            Sequence::setup,
        )
    },
];

fn records(context: &Context) -> u64 {
    context.number("records").unwrap_or(1)
}

/// Rows a transaction while a database is filled, and of the builds.
pub(super) const TXN_ROWS: u64 = 1000;

/// Puts the first `count` rows, in transactions of [`TXN_ROWS`] that do not wait, and syncs.
pub(super) fn load(engine: &dyn Engine, rows: &mut Rows, count: u64) -> Result<()> {
    let mut next = 0;
    while next < count {
        let end = (next + TXN_ROWS).min(count);
        engine.commit(&mut Puts::new(rows, next..end), false)?;
        next = end;
    }
    engine.sync()
}
