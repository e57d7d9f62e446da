//! The benchmarks on the command line: files that validate, gates that exit as they say, runs that can be
//! interrupted and go on. Sizes are tiny: what is tested is the tool, not the engine.

use crate::support::{Folder, Run};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
};

/// Flags of a run that takes a second.
const SMALL: [&str; 3] = ["--records", "500", "--progress=none"];

fn bench(folder: &Folder, arguments: &[&str]) -> Run {
    let mut all = vec!["bench"];
    all.extend_from_slice(arguments);
    folder.run(&all)
}

/// Runs `delete_10pct` into `out`, with more flags.
fn run_into(folder: &Folder, out: &str, more: &[&str]) -> Run {
    let mut all = vec!["run", "delete_10pct", "--out", out];
    all.extend_from_slice(&SMALL);
    all.extend_from_slice(more);
    bench(folder, &all)
}

fn json(run: Run) -> serde_json::Value {
    serde_json::from_slice(&run.stdout).expect("one JSON document")
}

#[test]
fn the_list_has_every_suite_as_text_and_as_json() {
    let folder = Folder::new();
    let text = bench(&folder, &["--list"]).ok().text();
    let listed = json(bench(&folder, &["--list", "--json"]).ok());
    let entries = listed.as_array().expect("a list");
    assert!(entries.len() >= 20);
    for entry in entries {
        let id = entry["id"].as_str().expect("an id");
        assert!(text.lines().any(|line| line.starts_with(id)), "{id} has a line");
        assert!(entry["why"].as_str().is_some_and(|why| why.len() > 20), "{id} says why");
    }
}

#[test]
fn a_run_its_gate_and_its_reports() {
    let folder = Folder::new();
    run_into(&folder, "a", &[]).ok();
    run_into(&folder, "b", &["--warmup-ops", "0"]).ok();
    run_into(&folder, "c", &[]).ok();
    // (arguments, exit status, what standard output says, what standard error says)
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["gate", "a", "c", "--strict"], 0, "gate passed", ""),
        (&["compare", "a", "c", "--all"], 0, "bytes_written", ""),
        (&["gate", "a", "nowhere"], 2, "", "nowhere is no folder of results"),
        (&["report", "a", "--markdown"], 0, "| btree | 1 | 1 | 0 | 0 |", ""),
        (&["report", "a", "--html", "a.html", "--csv", "a.csv"], 0, "passed", ""),
        (&["run", "no_such_name"], 2, "", "no benchmark's name contains"),
        (&["run", "--suite", "pagre"], 2, "", "no suite is called"),
        (&["run", "--repeats", "0"], 2, "", "repeats must be 1 to"),
        (&["run", "delete_10pct", "--out", "a"], 2, "", "--resume"),
        (&["selftest", "no such trial", "--out", "trials"], 2, "", "leave no trial"),
        (&["capture-baseline", "--profile", "dev_nvme", "--from", "a"], 2, "", "of profile ci"),
    ];
    for (arguments, code, stdout, stderr) in cases {
        let run = bench(&folder, arguments);
        let (shown, told) = (String::from_utf8_lossy(&run.stdout), &run.stderr);
        assert_eq!(run.code, *code, "{arguments:?}: {shown} {told}");
        assert!(shown.contains(stdout), "{arguments:?}: {shown} does not say {stdout:?}");
        assert!(told.contains(stderr), "{arguments:?}: {told} does not say {stderr:?}");
    }
    let page = String::from_utf8(folder.read("a.html")).expect("text");
    for part in ["<svg", "prefers-color-scheme:dark", "btree/delete_10pct", "</html>"] {
        assert!(page.contains(part), "the page has {part}");
    }
    assert!(!page.contains("://"), "the page loads nothing");
    assert!(folder.read("a.csv").starts_with(b"bench,params,outcome,"));
}

#[test]
fn the_gate_exits_4_on_a_cost_and_names_what_is_missing() {
    let folder = Folder::new();
    run_into(&folder, "base", &[]).ok();
    run_into(&folder, "costly", &["--inject", "extra_sync_every=1"]).ok();
    let gate = bench(&folder, &["gate", "base", "costly"]);
    assert_eq!(gate.code, 4, "{}", gate.stderr);
    let text = gate.text();
    assert!(text.contains("GATE FAILED") && text.contains("datasyncs"), "{text}");
    let better = bench(&folder, &["gate", "costly", "base"]);
    assert_eq!(better.code, 0, "fewer syncs pass: {}", better.text());
    // A benchmark of the baseline that the candidate lacks is a failure, and is named.
    std::fs::remove_file(folder.path("costly/btree/delete_10pct.json")).expect("it was there");
    bench(&folder, &["run", "snapshot_open_close", "--out", "other", "--progress=none"]).ok();
    for command in ["gate", "compare"] {
        let run = bench(&folder, &[command, "base", "other"]);
        assert_eq!(run.code, if command == "gate" { 4 } else { 0 });
        let text = run.text();
        assert!(text.contains("missing") && text.contains("delete_10pct"), "{command}: {text}");
    }
}

#[test]
fn a_broken_file_is_refused_by_every_command_that_reads_it() {
    let folder = Folder::new();
    run_into(&folder, "sound", &[]).ok();
    run_into(&folder, "broken", &[]).ok();
    let name = "broken/btree/delete_10pct.json";
    let text = String::from_utf8(folder.read(name)).expect("text");
    folder.write(name, text.replace("\"checksum\"", "\"chekcsum\""));
    for arguments in [
        &["gate", "sound", "broken"][..],
        &["gate", "broken", "sound"],
        &["compare", "sound", "broken"],
        &["report", "broken"],
        &["capture-baseline", "--profile", "ci", "--from", "broken", "--target", "base"],
    ] {
        let run = bench(&folder, arguments);
        assert_eq!(run.code, 1, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("delete_10pct.json is no valid result file"), "{}", run.stderr);
        assert!(run.stderr.contains("chekcsum"), "the place is named: {}", run.stderr);
    }
    assert!(!folder.path("base").exists(), "nothing was captured");
}

/// The documents of `--json` have the fields that the specification lists, all of them and no others.
#[test]
fn json_documents_have_the_specified_fields() {
    let folder = Folder::new();
    run_into(&folder, "base", &[]).ok();
    run_into(&folder, "costly", &["--inject", "extra_sync_every=1"]).ok();
    let trial = ["selftest", "a sync left out", "--out", "trials", "--json"];
    // (arguments, where in the document, its fields)
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["--list", "--json"],
            "/5",
            "class critical id ops_ci ops_dev_nvme parameters suite unit version why",
        ),
        (&["--list", "--json"], "/5/parameters/0", "name unit values_ci values_dev_nvme"),
        (&["compare", "base", "costly", "--json"], "", "benches missing new"),
        (&["compare", "base", "costly", "--json"], "/benches/0", "bench folder metrics"),
        (
            &["compare", "base", "costly", "--json"],
            "/benches/0/metrics/0",
            "baseline candidate change_percent metric unit",
        ),
        (&["gate", "base", "costly", "--json"], "", "findings warnings"),
        (
            &["gate", "base", "costly", "--json"],
            "/findings/0",
            "baseline bench candidate critical folder max_percent metric reason tier verdict worse_percent",
        ),
        (&trial, "/0", "name open right tries"),
    ];
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/bench_results_v0.md");
    let spec = std::fs::read_to_string(spec).expect("the specification");
    for (arguments, place, fields) in cases {
        let document = json(bench(&folder, arguments));
        let object = document.pointer(place).and_then(serde_json::Value::as_object);
        let object = object.unwrap_or_else(|| panic!("{arguments:?} {place}: an object"));
        let found: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(found.join(" "), *fields, "{arguments:?} {place}");
        for field in found {
            assert!(spec.contains(&format!("`{field}`")), "{field} is not in the specification");
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_is_valid_and_goes_on() {
    let folder = Folder::new();
    let arguments = |more: &[&'static str]| {
        let mut all = vec!["bench", "run", "delete_10pct", "--records", "500", "--repeats", "200"];
        all.extend_from_slice(&["--out", "out", "--progress", "json"]);
        all.extend_from_slice(more);
        all
    };
    let mut child = folder.spawn(&arguments(&[]));
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut done = 0;
    for line in stdout.lines() {
        let line = line.expect("text");
        let event: serde_json::Value = serde_json::from_str(&line).expect("an event");
        done += u32::from(event["t"] == "repeat_done");
        if done == 3 {
            let id = child.id().to_string();
            let told = Command::new("kill").args(["-INT", &id]).status();
            assert!(told.expect("kill is there").success());
            done += 1;
        }
    }
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1), "stopped before the end");
    let report = bench(&folder, &["report", "out"]);
    assert_eq!(report.code, 1, "{}", report.stderr);
    assert!(report.text().contains("unfinished"), "{}", report.text());
    // Another seed is another run; the same one goes on where it stopped.
    assert_eq!(folder.run(&arguments(&["--resume", "--seed", "7"])).code, 2);
    let run = json(folder.run(&["bench", "report", "out", "--json"]));
    assert_eq!(run["state"], "cancelled");
    let events = folder.run(&arguments(&["--resume"])).ok().text();
    let started = events.lines().filter(|line| line.contains("\"repeat_started\"")).count();
    assert!((1..200).contains(&started), "{started} repeats were run again");
    assert!(bench(&folder, &["report", "out"]).ok().text().contains("passed"));
}
