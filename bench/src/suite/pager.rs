//! Suite `pager`: opening, pages from the pool and from storage, checksums, and what a commit costs.

mod checksums;
mod opens;
mod pages;
mod syncs;

use super::support::{self, KEY_BYTES};
use crate::{
    catalog::{Entry, Ops, Parameter, single},
    result::Class,
};
use checksums::Checksums;
use opens::OpenClose;
use pages::{PageReads, Warmth};
use syncs::CommitSyncs;

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
        why: "Syncs are what a commit costs: 1 a durable commit, 2 a checkpoint, 3 the first after an open, 0 an idle one; asserted.",
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
