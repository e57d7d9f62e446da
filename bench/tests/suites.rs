//! Every benchmark of the catalog, small, in this process: it runs, its own check of the result holds, and
//! it moves when its own path is slowed.

use northstar_bench::{
    ab::{AbBench, AbFile, AbKind, Round, Shot},
    catalog,
    gate::{Policy, Verdict, paired},
    machine::Machine,
    plan,
    profile::Profile,
    result::{Class, FORMAT, Measured},
    worker::{Inject, Small, run_small},
};
use northstar_engine::sabotage::{self, Switch};
use std::collections::BTreeMap;

const NO_FAULT: Small = Small { records: 2_000, ops_max: 64, inject: NOTHING };
const NOTHING: Inject = Inject {
    slow_percent: 0,
    alloc_every: 0,
    extra_sync_every: 0,
    skip_sync_every: 0,
    op_ns: 0,
    sync_ns: 0,
    write_ns: 0,
    read_ns: 0,
};

fn measure(id: &str, small: Small) -> Vec<Measured> {
    let folder = tempfile::tempdir().expect("a folder");
    run_small(id, small, folder.path()).unwrap_or_else(|error| panic!("{id}: {error}"))
}

#[test]
fn every_benchmark_proves_its_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut failures = BTreeMap::new();
    for entry in catalog::all().iter().filter(|entry| entry.suite() != "peers") {
        match run_small(entry.id, NO_FAULT, folder.path()) {
            Ok(results) => {
                for result in results {
                    assert_eq!(result.errors, 0, "{}", entry.id);
                    assert!(result.ops > 0 && result.duration_ns > 0, "{}", entry.id);
                    assert!(result.latency.samples > 0, "{}", entry.id);
                }
            }
            Err(error) => {
                failures.insert(entry.id, error.to_string());
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn exact_benchmarks_count_the_same_twice() {
    let mut different = Vec::new();
    for entry in catalog::all().iter().filter(|entry| entry.class == Class::Exact) {
        let (first, second) = (measure(entry.id, NO_FAULT), measure(entry.id, NO_FAULT));
        for (first, second) in first.iter().zip(&second) {
            if first.checksum != second.checksum {
                different.push(format!("{}: checksums", entry.id));
            }
            for (name, a, b) in first.counters.differences(&second.counters) {
                different.push(format!("{}: {name} {a:?} and {b:?}", entry.id));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

/// The engine itself leaves a sync out, not the storage below it: the benchmark of syncs must not pass.
#[test]
fn commit_meta_fsync_fails_when_the_engine_skips_a_sync() {
    let id = "pager/commit_meta_fsync";
    let folder = tempfile::tempdir().expect("a folder");
    for (switch, said) in [
        (Switch::SkipLogSync, "a commit made 0 syncs, the protocol demands 1"),
        (Switch::SkipDataSync, "a checkpoint made 1 syncs, the protocol demands 2"),
        (Switch::SkipMetaRewrite, "the protocol demands: expected 3, found 2"),
    ] {
        let outcome = sabotage::with(switch, || run_small(id, NO_FAULT, folder.path()));
        let error = outcome.expect_err(&format!("{switch:?} is noticed")).to_string();
        assert!(error.contains(said), "{switch:?}: {error}");
    }
    assert!(run_small(id, NO_FAULT, folder.path()).is_ok(), "with every sync it passes");
}

/// Where a benchmark spends its time: what is slowed to see whether it moves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    /// In the operation itself: memory and processor.
    Operation,
    /// In read calls, at least so many an operation.
    Reads(f64),
    /// In write calls.
    Writes(f64),
    /// In syncs of files.
    Syncs(f64),
}

/// The path of every benchmark.
const PATHS: &[(&str, Path)] = &[
    ("pager/open_close_empty", Path::Reads(1.0)),
    ("pager/read_page_random_16k_hot", Path::Operation),
    ("pager/read_page_random_16k_cold", Path::Reads(0.5)),
    ("pager/commit_meta_fsync", Path::Syncs(3.0)),
    ("pager/checksum_verify_16k", Path::Operation),
    ("btree/build_sequential_insert_1m", Path::Writes(0.001)),
    ("btree/build_random_insert_1m", Path::Writes(0.001)),
    ("btree/point_get_hot_1m", Path::Operation),
    ("btree/get_many_16_hot_1m", Path::Operation),
    ("btree/range_scan_1k_rows_hot", Path::Operation),
    ("btree/point_put_update_10pct_hot", Path::Syncs(0.01)),
    ("btree/delete_10pct", Path::Writes(0.001)),
    ("mvcc/snapshot_open_close", Path::Operation),
    ("mvcc/readers_256_point_get_hot", Path::Operation),
    ("mvcc/writer_commits_with_readers_128", Path::Syncs(1.0)),
    ("log/append_commit_record", Path::Syncs(1.0)),
    ("log/replay_into_memtable", Path::Reads(0.001)),
    ("timetravel/open_snapshot_by_txn", Path::Operation),
    ("macro/task_queue_claims", Path::Syncs(1.0 / 128.0)),
    ("macro/task_queue_steps", Path::Syncs(1.0)),
    ("macro/pending_tasks_cartridge", Path::Operation),
    ("macro/pending_tasks_cartridge_1k", Path::Operation),
    ("macro/pending_tasks_cartridge_1m", Path::Operation),
    ("hardening/recovery_time", Path::Reads(1.0)),
];

impl Path {
    /// A fault that slows this path by `ns` a call.
    fn slowed(self, ns: u64) -> Inject {
        match self {
            Self::Operation => Inject { op_ns: ns, ..NOTHING },
            Self::Reads(_) => Inject { read_ns: ns, ..NOTHING },
            Self::Writes(_) => Inject { write_ns: ns, ..NOTHING },
            Self::Syncs(_) => Inject { sync_ns: ns, ..NOTHING },
        }
    }

    /// How often `measured` went this path, and how often it must at least.
    fn calls(self, measured: &Measured) -> (u64, f64) {
        let counters = &measured.counters;
        let syncs = counters.fsyncs.unwrap_or(0) + counters.fdatasyncs.unwrap_or(0);
        let (calls, least) = match self {
            // Operations that were timed alone: all, or every n-th, or one for a whole transaction.
            Self::Operation => (measured.latency.samples, 0.0),
            Self::Reads(least) => (counters.read_calls.unwrap_or(0), least),
            Self::Writes(least) => (counters.write_calls.unwrap_or(0), least),
            Self::Syncs(least) => (syncs, least),
        };
        (calls, least * measured.ops as f64)
    }
}

/// An injected delay is a lower bound of the time measured, whatever else the machine does: no sleep, no
/// comparison with a second run.
#[test]
fn every_benchmark_moves_when_its_own_path_is_slowed() {
    let named: Vec<&str> = PATHS.iter().map(|(id, _)| *id).collect();
    for entry in catalog::all().iter().filter(|entry| entry.suite() != "peers") {
        assert!(named.contains(&entry.id), "{}: say what its path is", entry.id);
    }
    let mut unmoved = Vec::new();
    for (id, path) in PATHS {
        let ns = 200_000;
        for measured in measure(id, Small { inject: path.slowed(ns), ..NO_FAULT }) {
            let (calls, least) = path.calls(&measured);
            // Threads may be slowed at the same time: at most so many, of agents or readers.
            let at_once = if id.contains("claims") || id.contains("readers_256") { 128 } else { 1 };
            let (added, found) = (calls * ns / at_once, measured.duration_ns);
            if (calls as f64) < least.max(1.0) || found < added {
                unmoved.push(format!(
                    "{id}: {path:?}: {calls} calls of at least {least}, {added} ns more, took {found} ns"
                ));
            }
        }
    }
    assert!(unmoved.is_empty(), "{unmoved:#?}");
}

#[test]
fn the_gate_sees_a_slowed_path() {
    let id = "log/append_commit_record";
    let shot = |inject| Shot::from(&measure(id, Small { inject, ..NO_FAULT })[0]);
    let (base, slow) = (shot(NOTHING), shot(Inject { sync_ns: 20_000_000, ..NOTHING }));
    let entry = catalog::find(id).expect("there");
    let params = entry.parameter_sets(Profile::Ci, None).remove(0);
    let rounds = |candidate: &Shot| {
        let round = |at| Round {
            base_first: at % 2 == 0,
            base: base.clone(),
            candidate: candidate.clone(),
        };
        (0..20).map(round).collect::<Vec<_>>()
    };
    let bench = |candidate: &Shot| AbBench {
        identity: plan::identity(&entry, Profile::Ci, params.clone(), 1),
        folder: id.into(),
        critical: true,
        checksums_differ: false,
        not_in_base: None,
        rounds: rounds(candidate),
        confirmation: rounds(candidate),
    };
    let file = AbFile {
        format: FORMAT.into(),
        kind: AbKind::Ab,
        base: "as it is".into(),
        candidate: "with slow syncs".into(),
        machine: Machine::look(std::path::Path::new("/")),
        control: vec![bench(&base)],
        benches: vec![bench(&slow)],
    };
    let findings = paired::judge(&file, &Policy::committed().timing);
    let throughput = findings.iter().find(|finding| finding.metric == "throughput");
    assert_eq!(throughput.map(|finding| finding.verdict), Some(Verdict::Fail), "{findings:#?}");
}
