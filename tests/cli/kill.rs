//! kill -9 in the middle of a load: what was reported is there, and nothing is half there.

use crate::support::{Folder, jsonl_rows};
use std::{
    io::{BufRead, BufReader, Write},
    time::Duration,
};

/// A small generator: the moments are chosen by it, and the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 33
}

#[test]
fn every_reported_batch_survives_a_kill() {
    let rows = jsonl_rows(20_000);
    let mut seed = 2024;
    for moment in 0..20 {
        let folder = Folder::new();
        let reports_wanted = next(&mut seed) % 40;
        let pause = Duration::from_micros(next(&mut seed) % 3000);
        let arguments = ["load", "a.ns", "-", "--format", "jsonl", "--json", "--batch", "37"];
        let mut child = folder.spawn(&arguments);
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let text = rows.clone();
        let feeder = std::thread::spawn(move || stdin.write_all(text.as_bytes()).is_ok());
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let (mut line, mut reported) = (String::new(), 0_u64);
        for _ in 0..reports_wanted {
            line.clear();
            stdout.read_line(&mut line).expect("reports are text");
            reported = line_number(&line);
        }
        // Somewhere in the batches that follow.
        std::thread::sleep(pause);
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        feeder.join().expect("the feeder does not panic");
        // Reports that were in the pipe when it died count too.
        for line in stdout.lines() {
            let line = line.expect("reports are text");
            if line.ends_with('}') {
                reported = line_number(&line);
            }
        }
        if !folder.path("a.ns").exists() {
            assert_eq!(reported, 0, "moment {moment}");
            continue;
        }
        let found = folder.run(&["scan", "a.ns", "--format", "jsonl"]);
        if found.code != 0 {
            // Killed before the new file was a database: nothing was promised.
            assert_eq!(reported, 0, "moment {moment}: {}", found.stderr);
            continue;
        }
        let found = found.text();
        let count = found.lines().count() as u64;
        assert!(count >= reported, "moment {moment}: {count} rows, {reported} were reported");
        assert_eq!(count % 37, 0, "moment {moment}: a batch is there whole or not at all");
        assert!(rows.starts_with(&found), "moment {moment}: the rows are the first of the file");
        // It goes on from there, and is sound.
        folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], "{\"key\":\"z\"}").ok();
        folder.run(&["check", "a.ns"]).ok();
    }
}

fn line_number(report: &str) -> u64 {
    let number = report.rsplit_once(':').expect("a report").1;
    number.trim().trim_end_matches('}').parse().expect("a line number")
}

/// Killed between the creation of its temporary file and the rename, a build leaves that file behind. It
/// is no cartridge, and no damage either; the next build removes it.
#[test]
fn the_next_build_removes_what_a_killed_one_left() {
    let folder = Folder::new();
    // Few rows, and a prefix ends at every byte of their keys: a large file that takes a while to write.
    let rows: String = (0..500)
        .map(|n| format!("{{\"key\":\"{n:04}{}\",\"value\":\"\"}}\n", "/".repeat(240)))
        .collect();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], rows).ok();
    let build = ["cartridge", "build", "a.ns", "--type", "prefix_counts", "--depth", "250"];
    let build = [&build[..], &["--out", "a.ns.counts"]].concat();
    folder.run(&build).ok();
    let sound = folder.read("a.ns.counts");
    let leftovers = || {
        let files = folder.snapshot().into_iter().map(|(path, _)| path);
        files.filter(|path| path.extension() == Some("tmp".as_ref())).count()
    };
    let mut killed = 0;
    for _ in 0..20 {
        let mut child = folder.spawn(&build);
        let directory = folder.path("");
        let begun = || {
            let names = std::fs::read_dir(&directory).expect("the folder is there").flatten();
            names.filter(|entry| entry.path().extension() == Some("tmp".as_ref())).count() > killed
        };
        while child.try_wait().expect("it runs or has ended").is_none() && !begun() {
            std::thread::yield_now();
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        killed = leftovers();
        if killed > 0 {
            break;
        }
    }
    assert_eq!(killed, 1, "a build was killed while it wrote");
    assert!(folder.read("a.ns.counts") == sound, "the old cartridge stands");
    let check = folder.run(&["check", "a.ns"]).ok().text();
    assert!(check.contains("clean") && check.contains(" 1 cartridges"), "{check}");
    folder.run(&build).ok();
    assert_eq!(leftovers(), 0);
    assert!(folder.read("a.ns.counts") == sound, "and so does the new one");
}
