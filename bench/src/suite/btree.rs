//! Suite `btree`: building, getting, scanning, updating and deleting rows.

mod build;
mod edits;
mod gets;
mod scans;

use super::support::{KEY_BYTES, RECORDS, TXN_ROWS, VALUE_BYTES};
use crate::{
    catalog::{Entry, Ops, Parameter, single},
    context::Context,
    result::{Class, ParameterValue},
    rng::KeyOrder,
};
use build::Build;
use edits::{Deletes, Updates};
use gets::{GET_MANY, GetMany, Gets};
use scans::Scans;

const BUILD: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES, TXN_ROWS];
const READ: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES];

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "btree/build_sequential_insert_1m",
        version: 1,
        why: "Loading sorted data, log included: rightmost splits must leave full pages.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::Records,
        warmup_ops: (1_000, 10_000),
        unit: "row",
        sample_every: 4,
        granule: txn_rows,
        setup: |context| Build::setup(context, KeyOrder::Sequential),
    },
    Entry {
        id: "btree/build_random_insert_1m",
        version: 1,
        why: "Loading unsorted data, log included: the write amplification of copy-on-write shows here.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::Records,
        warmup_ops: (1_000, 10_000),
        unit: "row",
        sample_every: 4,
        granule: txn_rows,
        setup: |context| Build::setup(context, KeyOrder::Scattered),
    },
    Entry {
        id: "btree/point_get_hot_1m",
        version: 1,
        why: "The operation most programs do most: one row by key, everything in the pool.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: None,
        ops: Ops::Fixed(200_000, 4_000_000),
        warmup_ops: (20_000, 1_000_000),
        unit: "get",
        sample_every: 8,
        granule: single,
        setup: Gets::setup,
    },
    Entry {
        id: "btree/get_many_16_hot_1m",
        version: 1,
        why: "Sixteen look-ups at once hide each other's cache misses: must beat single gets clearly.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: None,
        ops: Ops::Fixed(200_000, 4_000_000),
        warmup_ops: (16_000, 1_000_000),
        unit: "get",
        sample_every: 1,
        granule: |_| GET_MANY as u64,
        setup: GetMany::setup,
    },
    Entry {
        id: "btree/range_scan_1k_rows_hot",
        version: 1,
        why: "Reading a thousand neighbours from a random start: the cursor must stay on its leaf.",
        critical: true,
        class: Class::Exact,
        parameters: &[
            RECORDS,
            KEY_BYTES,
            VALUE_BYTES,
            Parameter { name: "scan_rows", unit: "rows", ci: 1000, full: 1000 },
        ],
        words: None,
        ops: Ops::Fixed(500, 20_000),
        warmup_ops: (20, 1_000),
        unit: "scan",
        sample_every: 1,
        granule: single,
        setup: Scans::setup,
    },
    Entry {
        id: "btree/point_put_update_10pct_hot",
        version: 1,
        why: "Updating a tenth of the rows, durable: the bigger the transaction, the more rows a second.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: Some(("txn_rows", &["1", "10", "100"])),
        ops: Ops::RecordsPercent(10),
        warmup_ops: (100, 1_000),
        unit: "row",
        sample_every: 1,
        granule: txn_rows,
        setup: Updates::setup,
    },
    Entry {
        id: "btree/delete_10pct",
        version: 1,
        why: "Deleting a random tenth: merges must keep the tree balanced and give pages back.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::RecordsPercent(10),
        warmup_ops: (0, 0),
        unit: "row",
        sample_every: 1,
        granule: txn_rows,
        setup: Deletes::setup,
    },
];

/// Rows a transaction: a number, or a word where one benchmark runs with several.
fn txn_rows(context: &Context) -> u64 {
    match context.params.get("txn_rows") {
        Some(ParameterValue::Number(rows)) => *rows,
        Some(ParameterValue::Word(word)) => word.parse().unwrap_or(1),
        None => 1,
    }
}
