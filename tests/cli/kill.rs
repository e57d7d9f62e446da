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
