//! Every emitted file, byte for byte, from made-up figures: `goldens/bench`.
//!
//! A change of a golden is a change of what other programs parse. `NORTHSTAR_BLESS=1` writes them anew.

use northstar_bench::{
    ab::{AbBench, AbFile, AbKind, Round, Shot},
    events::{Event, Phase, Subject, What, Writer},
    machine::{FolderFacts, Machine},
    recorder::histogram,
    report::{self, html, peers},
    result::{
        Better, Build, Class, Counters, FORMAT, Failure, Identity, Latency, Measured, NamedMetric,
        Observer, ParameterValue, PlannedBench, Process, RepeatFile, RepeatKind, RunFile, RunKind,
        RunState, Slice, Source, StorageKind, params_slug,
        store::{self, Store},
    },
};
use std::path::{Path, PathBuf};

fn machine() -> Machine {
    Machine {
        fingerprint: "0123456789abcdef".into(),
        cpu_model: "A Processor".into(),
        cpu_count: 2,
        architecture: "x86_64".into(),
        memory_bytes: 24 << 30,
        system: "Some Linux".into(),
        kernel: "6.1".into(),
        virtualised: "no".into(),
        governor: "performance".into(),
        load_percent: Some(12),
        data_folder: FolderFacts {
            file_system: "ext4".into(),
            mount_options: "rw".into(),
            device: "/dev/nvme0n1".into(),
            device_kind: "ssd".into(),
        },
    }
}

fn identity() -> Identity {
    Identity {
        bench: "btree/point_get_hot_1m".into(),
        bench_version: 1,
        params: [("records".to_owned(), ParameterValue::Number(1000))].into(),
        ops: 20_000,
        warmup_ops: 10,
        seed: 1,
        class: Class::Exact,
        storage: StorageKind::Memory,
        target: "x86_64-linux-gnu".into(),
        build: Build::Release,
    }
}

/// Latencies with a hill, and a second one of twenty slow operations.
fn latency(shift: u64) -> Latency {
    let mut latencies = histogram::empty();
    (0..2_000).for_each(|step| latencies.saturating_record(1_000 + step % 400 + shift));
    (0..20).for_each(|slow| latencies.saturating_record(90_000 + 1_000 * slow));
    let at = |quantile| latencies.value_at_quantile(quantile);
    Latency {
        samples: latencies.len(),
        sample_every: 8,
        min_ns: latencies.min(),
        p50_ns: at(0.5),
        p95_ns: at(0.95),
        p99_ns: at(0.99),
        p999_ns: at(0.999),
        max_ns: latencies.max(),
        mean_ns: latencies.mean(),
        histogram: histogram::encode_histogram(&latencies).expect("encoded"),
    }
}

/// Repeat `number`, with every counter, a series with a stall, a named metric and a remark.
fn repeat(number: u32) -> RepeatFile {
    let mut counters = Counters::default();
    for (value, name) in Counters::NAMES.iter().enumerate() {
        counters.set(name, 1000 + value as u64);
    }
    let slice = |at: u64| Slice { at_ns: at * 100_000_000, ops: if at == 4 { 300 } else { 2_100 } };
    RepeatFile {
        format: FORMAT.into(),
        kind: RepeatKind::Repeat,
        identity: identity(),
        profile: "ci".into(),
        trimmed: true,
        repeat: number,
        observer: Observer::None,
        machine: machine().fingerprint,
        measured: Measured {
            ops: 20_000,
            errors: 0,
            duration_ns: 1_000_000_000,
            ops_per_second: 20_000.0 + 500.0 * f64::from(number),
            warmup_ns: 5,
            warmup_ops: 10,
            latency: latency(100 * u64::from(number)),
            counters,
            process: Process { cpu_ns: Some(900_000_000), peak_rss_bytes: Some(1 << 20) },
            metrics: vec![NamedMetric {
                name: "file_bytes_per_user_byte".into(),
                unit: "1".into(),
                better: Better::Lower,
                value: 1.5,
            }],
            series: (1..=10).map(slice).collect(),
            checksum: "00ff".into(),
            notes: vec!["a remark".into()],
        },
    }
}

fn run() -> RunFile {
    let planned = |bench: &str| {
        let mut identity = identity();
        identity.bench = bench.into();
        let folder = format!("{bench}/{}", params_slug(&identity.params));
        PlannedBench { identity, folder, warmup_ns: 0, trimmed: true, critical: true }
    };
    RunFile {
        format: FORMAT.into(),
        kind: RunKind::Run,
        profile: "ci".into(),
        seed: 1,
        repeats: 3,
        observer: Observer::None,
        machine: machine(),
        source: Source {
            version: "0.1.0".into(),
            git_commit: "0000000".into(),
            git_tree: "clean".into(),
            rustc: "rustc 1.95.0".into(),
            lock_hash: "feedc0de".into(),
        },
        plan: vec![planned("btree/point_get_hot_1m"), planned("log/broken")],
        state: RunState::Failed,
        failures: vec![Failure {
            bench: "log/broken".into(),
            params: "records=1000".into(),
            repeat: 0,
            reason: "wrong result: 1 < 2 & \"so on\"".into(),
        }],
    }
}

fn ab() -> AbFile {
    let shot = |rate: f64| Shot {
        ops_per_second: rate,
        p50_ns: 1_000,
        p99_ns: 2_000,
        latency_samples: 20_000,
        cpu_ns_per_op: Some(900.0),
    };
    let round = Round { base_first: true, base: shot(1e6), candidate: shot(0.9e6) };
    AbFile {
        format: FORMAT.into(),
        kind: AbKind::Ab,
        base: "base".into(),
        candidate: "candidate".into(),
        machine: machine(),
        control: Vec::new(),
        benches: vec![AbBench {
            identity: identity(),
            folder: "btree/point_get_hot_1m/records=1000".into(),
            critical: true,
            checksums_differ: false,
            not_in_base: None,
            rounds: vec![round],
            confirmation: Vec::new(),
        }],
    }
}

/// The run's summary under the name of an engine, so that there is a table of engines.
fn engines(run: &RunFile, store: &Store) -> peers::PeersFile {
    let mut run = run.clone();
    let planned = &mut run.plan[0];
    let word = ParameterValue::Word("northstar".into());
    planned.identity.params.insert("engine".into(), word);
    let mut summaries = store.read_summaries().expect("valid");
    for summary in summaries.values_mut() {
        summary.identity.params.clone_from(&planned.identity.params);
    }
    let facts = peers::EngineFacts {
        name: "northstar".into(),
        settings: "as shipped".into(),
        durable: "after the sync".into(),
        eventual: "after the write".into(),
        syncs_per_commit_documented: 1.0,
        syncs_per_commit_measured: Some(1.0),
    };
    peers::table(&run, &summaries, vec![facts])
}

fn write_everything(folder: &Path) {
    let (store, run) = (Store::new(folder), run());
    let place = &run.plan[0].folder;
    for number in 0..3 {
        store.write_repeat(place, &repeat(number)).expect("written");
    }
    store.refresh_summary(&run.plan[0].identity.bench, place).expect("written");
    store.write_run(&run).expect("written");
    report::write_totals(&store, &run).expect("written");
    store::write(&folder.join("ab.json"), &ab()).expect("written");
    peers::write(&store, &engines(&run, &store)).expect("written");
    let page = html::page(&store).expect("a page");
    store::write_whole(&folder.join("report.html"), page.as_bytes()).expect("written");
    let subject = Subject {
        bench: run.plan[0].identity.bench.clone(),
        params: "records=1000".into(),
        repeat: 0,
    };
    let mut stream = Writer::append(&folder.join("events.jsonl")).expect("open");
    for what in [
        What::RepeatStarted { subject: subject.clone(), ops: 20_000 },
        What::Phase { subject, phase: Phase::Measure },
        What::RunDone { state: RunState::Failed, done: 3, failed: 1 },
    ] {
        stream.write(&Event { at_ms: 5, what }).expect("written");
    }
}

fn files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).expect("inside").to_owned());
        }
    }
    found.sort();
}

#[test]
fn every_emitted_file_is_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    write_everything(folder.path());
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens/bench");
    let mut emitted = Vec::new();
    files(folder.path(), folder.path(), &mut emitted);
    if std::env::var_os("NORTHSTAR_BLESS").is_some() {
        for name in &emitted {
            let bytes = std::fs::read(folder.path().join(name)).expect("there");
            store::write_whole(&goldens.join(name), &bytes).expect("written");
        }
    }
    let mut expected = Vec::new();
    files(&goldens, &goldens, &mut expected);
    expected.retain(|name| name != Path::new("README.md"));
    assert_eq!(emitted, expected, "names are stable");
    for name in &emitted {
        let found = std::fs::read_to_string(folder.path().join(name)).expect("text");
        let golden = std::fs::read_to_string(goldens.join(name)).expect("text");
        let name = name.display();
        assert!(found == golden, "goldens/bench/{name} differs; NORTHSTAR_BLESS=1 renews it");
    }
}
