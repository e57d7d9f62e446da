//! Whole runs with worker processes: file names, schema, resume, cancel, injected faults, the gate.
//!
//! This program is its own worker: the runner starts it again with the hidden argument.

use northstar_bench::{
    Error, events,
    gate::{
        self, Policy, Side, Verdict,
        approvals::{Approvals, Date},
    },
    plan::{Plan, Request},
    profile::Profile,
    result::{RunState, store::Store},
    runner::{self, Control, Settings},
    worker::{self, Inject},
};
use std::{collections::BTreeSet, path::Path, process::ExitCode};

#[global_allocator]
static ALLOCATOR: northstar_bench::alloc::Counting = northstar_bench::alloc::Counting::new();

const TODAY: Date = Date { year: 2026, month: 1, day: 1 };

fn main() -> ExitCode {
    if let Some(code) = worker::run_if_asked() {
        return code;
    }
    type Test = fn(&Path);
    let tests: &[(&str, Test)] = &[
        ("names_are_stable_and_every_file_is_valid", names_are_stable_and_every_file_is_valid),
        ("a_run_resumes_and_is_not_overwritten", a_run_resumes_and_is_not_overwritten),
        ("a_cancelled_run_is_valid", a_cancelled_run_is_valid),
        (
            "identical_programs_pass_and_faults_are_caught",
            identical_programs_pass_and_faults_are_caught,
        ),
        ("a_skipped_sync_fails_the_benchmark", a_skipped_sync_fails_the_benchmark),
        ("warm_up_is_honoured", warm_up_is_honoured),
    ];
    for (name, test) in tests {
        let folder = tempfile::tempdir().expect("a folder");
        test(folder.path());
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn plan(filters: &[&str], repeats: u32) -> Plan {
    let mut request = Request::new(Profile::Ci);
    request.filters = filters.iter().map(ToString::to_string).collect();
    request.repeats = Some(repeats);
    request.records = Some(1_000);
    Plan::new(&request).expect("a plan")
}

fn run(plan: &Plan, out: &Path, inject: Inject) -> northstar_bench::result::RunFile {
    let settings = Settings { inject, ..Settings::new(out).expect("settings") };
    runner::run(plan, &settings, &Control::default(), &mut |_| {}).expect("a run")
}

fn files(folder: &Path) -> BTreeSet<String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).expect("inside");
                found.insert(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(folder, folder, &mut found);
    found
}

fn names_are_stable_and_every_file_is_valid(out: &Path) {
    let plan = plan(&["snapshot_open_close", "delete_10pct"], 2);
    let run = run(&plan, out, Inject::default());
    assert_eq!(run.state, RunState::Complete, "{:?}", run.failures);
    let delete = "btree/delete_10pct/key_bytes=16,records=1000,txn_rows=1000,value_bytes=128";
    let snapshot = "mvcc/snapshot_open_close/key_bytes=16,records=1000,value_bytes=128";
    let expected: BTreeSet<String> = [
        "btree/delete_10pct.json".to_owned(),
        format!("{delete}/r000.json"),
        format!("{delete}/r001.json"),
        "events.jsonl".into(),
        "mvcc/snapshot_open_close.json".into(),
        format!("{snapshot}/r000.json"),
        format!("{snapshot}/r001.json"),
        "run.json".into(),
        "summary.csv".into(),
        "summary.json".into(),
        "summary.md".into(),
    ]
    .into();
    assert_eq!(files(out), expected);
    let store = Store::new(out);
    let summaries = store.read_summaries().expect("valid");
    assert_eq!(summaries.len(), 2);
    for (folder, summary) in summaries {
        assert_eq!((summary.repeats, summary.exact), (2, Some(true)), "{folder}: {summary:?}");
        let repeats = store.read_repeats(&folder).expect("valid");
        assert!(repeats.iter().all(|repeat| repeat.trimmed && repeat.measured.errors == 0));
        let allocs = repeats[0].measured.counters.alloc_count;
        assert!(allocs.is_some(), "{folder}: allocations are counted");
    }
    let told = events::read_all(&out.join("events.jsonl")).expect("valid");
    assert!(matches!(told.first().map(|e| &e.what), Some(events::What::RunStarted { .. })));
    assert!(matches!(
        told.last().map(|e| &e.what),
        Some(events::What::RunDone { done: 4, failed: 0, .. })
    ));
}

fn a_run_resumes_and_is_not_overwritten(out: &Path) {
    let plan = plan(&["snapshot_open_close"], 3);
    run(&plan, out, Inject::default());
    let settings = Settings::new(out).expect("settings");
    let again = runner::run(&plan, &settings, &Control::default(), &mut |_| {});
    assert!(matches!(again, Err(Error::Usage(_))), "a folder with results is not overwritten");

    let folder = &plan.benches[0].folder;
    let store = Store::new(out);
    let lost = store.repeat_path(folder, 1);
    let kept = std::fs::read(store.repeat_path(folder, 0)).expect("there");
    std::fs::remove_file(&lost).expect("removed");
    let settings = Settings { resume: true, ..settings };
    let mut started = 0;
    let resumed = runner::run(&plan, &settings, &Control::default(), &mut |event| {
        started += u32::from(matches!(event.what, events::What::RepeatStarted { .. }));
    });
    assert_eq!(resumed.expect("resumed").state, RunState::Complete);
    assert_eq!(started, 1, "only the lost repeat ran");
    assert!(lost.is_file());
    assert_eq!(std::fs::read(store.repeat_path(folder, 0)).expect("there"), kept);

    let other = self::plan(&["snapshot_open_close"], 4);
    let mut other = other;
    other.seed = 2;
    let refused = runner::run(&other, &settings, &Control::default(), &mut |_| {});
    assert!(matches!(refused, Err(Error::Usage(_))), "another seed is another run");
}

fn a_cancelled_run_is_valid(out: &Path) {
    let plan = plan(&["snapshot_open_close", "delete_10pct"], 2);
    let control = Control::default();
    let flag = control.clone();
    let settings = Settings::new(out).expect("settings");
    let run = runner::run(&plan, &settings, &control, &mut |event| {
        if matches!(event.what, events::What::RepeatDone { .. }) {
            flag.cancel();
        }
    })
    .expect("it ends well");
    assert_eq!(run.state, RunState::Cancelled);
    let store = Store::new(out);
    assert_eq!(store.read_run().expect("valid").state, RunState::Cancelled);
    assert_eq!(store.read_summaries().expect("valid").len(), 1);
    let side = Side::read(out).expect("valid");
    let report = gate::judge(&side, &side, &Policy::committed(), &Approvals::default(), TODAY);
    assert!(report.failed(false), "half a run passes no gate");
    let settings = Settings { resume: true, ..settings };
    let run = runner::run(&plan, &settings, &Control::default(), &mut |_| {}).expect("resumed");
    assert_eq!(run.state, RunState::Complete);
}

fn identical_programs_pass_and_faults_are_caught(out: &Path) {
    let plan = plan(&["delete_10pct"], 2);
    let side = |name: &str, inject| {
        let folder = out.join(name);
        run(&plan, &folder, inject);
        Side::read(folder).expect("valid")
    };
    let judge = |base: &Side, new: &Side| {
        gate::judge(base, new, &Policy::committed(), &Approvals::default(), TODAY)
    };
    let base = side("base", Inject::default());
    let same = judge(&base, &side("same", Inject::default()));
    assert!(!same.failed(true), "{:#?}", same.findings.first());
    assert!(same.count(Verdict::Pass) >= 8);
    for (name, inject, metric) in [
        ("sync", Inject { extra_sync_every: 1, ..Inject::default() }, "syncs"),
        ("alloc", Inject { alloc_every: 2, ..Inject::default() }, "alloc_count"),
    ] {
        let report = judge(&base, &side(name, inject));
        let caught = |f: &&gate::Finding| f.verdict == Verdict::Fail && f.metric.contains(metric);
        assert!(report.findings.iter().find(caught).is_some(), "{name}: {report:#?}");
        assert!(report.failed(false), "{name}");
    }
}

fn a_skipped_sync_fails_the_benchmark(out: &Path) {
    let plan = plan(&["commit_meta_fsync"], 1);
    let run = run(&plan, out, Inject { skip_sync_every: 50, ..Inject::default() });
    assert_eq!(run.state, RunState::Failed);
    let reason = &run.failures[0].reason;
    assert!(reason.contains("the protocol demands"), "{reason}");
    assert!(!Store::new(out).repeat_path(&plan.benches[0].folder, 0).exists(), "no result");
}

fn warm_up_is_honoured(out: &Path) {
    let mut request = Request::new(Profile::Ci);
    request.filters = vec!["snapshot_open_close".into()];
    request.repeats = Some(1);
    request.warmup_ops = Some(777);
    request.warmup_ns = 30_000_000;
    let plan = Plan::new(&request).expect("a plan");
    run(&plan, out, Inject::default());
    let repeat = &Store::new(out).read_repeats(&plan.benches[0].folder).expect("valid")[0];
    assert!(repeat.measured.warmup_ops >= 777, "{}", repeat.measured.warmup_ops);
    assert!(repeat.measured.warmup_ns >= 30_000_000, "{}", repeat.measured.warmup_ns);
}
