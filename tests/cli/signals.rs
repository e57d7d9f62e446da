//! SIGINT and SIGTERM at random moments of a load, a compact, a backup: nothing reported is lost, the
//! database is sound, and what an unfinished backup leaves is in nobody's way.

use crate::support::{Folder, jsonl_rows};
use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Rows that are there before.
const ROWS: usize = 6_000;
/// Rows a transaction of the interrupted load.
const BATCH: usize = 50;

/// Moments for each command; `NORTHSTAR_KILLS` asks for the long form.
fn moments() -> u64 {
    if std::env::var_os("NORTHSTAR_KILLS").is_some() { 100 } else { 7 }
}

/// Copies of one database with holes to compact, for each moment anew.
struct Template {
    folder: Folder,
    hash: String,
}

impl Template {
    fn new() -> Self {
        let folder = Folder::new();
        folder.write("rows.jsonl", jsonl_rows(ROWS));
        folder.run(&["load", "a.ns", "rows.jsonl", "--batch", "500"]).ok();
        folder.run(&["load", "a.ns", "rows.jsonl", "--batch", "300"]).ok();
        let hash = folder.run(&["hash", "a.ns"]).ok().text();
        Self { folder, hash }
    }

    fn copy(&self) -> Folder {
        let copy = Folder::new();
        for (path, bytes) in self.folder.snapshot() {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            copy.write(&name, bytes);
        }
        copy
    }
}

/// How long the command takes when nobody disturbs it.
fn undisturbed(template: &Template, arguments: &[&str]) -> Duration {
    let folder = template.copy();
    let begun = Instant::now();
    folder.run(arguments).ok();
    begun.elapsed()
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
}

/// Runs the command, sends the signal at some moment, and hands what came of it to `judge`.
fn interrupt(arguments: &[&str], judge: impl Fn(&Template, &Folder, &str, &str)) {
    let template = Template::new();
    let time = undisturbed(&template, arguments);
    let mut cut_short = 0;
    let moments = moments();
    for moment in 0..moments {
        let signal = if moment % 2 == 0 { "-INT" } else { "-TERM" };
        let place = format!("{arguments:?}, {signal}, moment {moment} of {moments}");
        let folder = template.copy();
        let child = folder.spawn(arguments);
        std::thread::sleep(time * (2 * moment as u32 + 1) / (2 * moments as u32));
        // One that has ended already still waits to be asked how.
        send(signal, &child);
        let output = child.wait_with_output().expect("it ends");
        cut_short += u64::from(!output.status.success());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("panicked"), "{place}: {told}");
        folder.run(&["check", "a.ns"]).ok();
        judge(&template, &folder, &String::from_utf8_lossy(&output.stdout), &place);
    }
    println!("{arguments:?}: {moments} signals, {cut_short} cut it short");
}

#[test]
fn a_load_that_is_interrupted_keeps_what_it_reported() {
    let batch = BATCH.to_string();
    let load = ["load", "a.ns", "rows.jsonl", "--json", "--batch", &batch];
    interrupt(&load, |template, folder, stdout, place| {
        // The same rows again: content stays, and ids tell how far it came.
        assert_eq!(folder.run(&["hash", "a.ns"]).ok().text(), template.hash, "{place}");
        let reports: Vec<&str> = stdout.lines().filter(|line| line.ends_with('}')).collect();
        let reported = reports.last().map_or(0, |line| number_behind(line, "\"txn_id\":"));
        let stats = folder.run(&["history", "a.ns", "--json"]).ok().text();
        let newest = stats.match_indices("\"txn_id\":");
        let newest = newest.map(|(at, _)| number_behind(&stats[at..], "\"txn_id\":")).max();
        assert!(newest >= Some(reported), "{place}: {newest:?}, {reported} was reported");
    });
}

fn number_behind(text: &str, name: &str) -> u64 {
    let rest = text.split_once(name).map_or("", |(_, rest)| rest);
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {name} in {text:?}"))
}

#[test]
fn a_compact_that_is_interrupted_changes_no_row() {
    interrupt(&["compact", "a.ns"], |template, folder, _, place| {
        assert_eq!(folder.run(&["hash", "a.ns"]).ok().text(), template.hash, "{place}");
        folder.run(&["compact", "a.ns"]).ok();
        assert_eq!(folder.run(&["hash", "a.ns"]).ok().text(), template.hash, "{place}: again");
    });
}

#[test]
fn a_backup_that_is_interrupted_is_whole_or_not_there() {
    interrupt(&["backup", "a.ns", "b.ns"], |template, folder, _, place| {
        if folder.path("b.ns").exists() {
            folder.run(&["check", "b.ns"]).ok();
            assert_eq!(folder.run(&["hash", "b.ns"]).ok().text(), template.hash, "{place}");
        }
        // Whatever is left of it has a name that is in nobody's way.
        folder.run(&["backup", "a.ns", "c.ns"]).ok();
        assert_eq!(folder.run(&["hash", "c.ns"]).ok().text(), template.hash, "{place}: again");
    });
}
