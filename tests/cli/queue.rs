//! The task queue, as a shell script uses it.

use crate::support::{Folder, jsonl_rows};
use std::{collections::BTreeSet, time::Duration};

#[test]
fn a_task_from_birth_to_end() {
    let folder = Folder::new();
    folder.session(&[
        (&["queue", "claim", "a.ns", "--owner", "w"], "", 1, "", "there is no file a.ns"),
        (&["queue", "add", "a.ns", "mail", "to: ada"], "", 0, "1\n", ""),
        (&["queue", "add", "a.ns", "mail", "urgent\t!", "--priority", "255"], "", 0, "2\n", ""),
        (&["queue", "add", "a.ns", "print", "page", "--json"], "", 0, "{\"id\":3}\n", ""),
        (&["queue", "claim", "a.ns", "--owner", "w"], "", 0, "2\tmail\turgent\\t!\n", ""),
        (&["queue", "claim", "a.ns", "--owner", "w", "--type", "print"], "", 0, "3\tprint\tpage\n", ""),
        (&["queue", "claim", "a.ns", "--owner", "w", "--type", "print"], "", 1, "", ""),
        (&["queue", "done", "a.ns", "2", "--owner", "v"], "", 1, "", "task 2 is not this owner's"),
        (&["queue", "done", "a.ns", "2", "--owner", "w"], "", 0, "", ""),
        (&["queue", "done", "a.ns", "2", "--owner", "w"], "", 1, "", "task 2 is not this owner's"),
        (&["queue", "fail", "a.ns", "3", "--owner", "w", "--error", "no paper"], "", 0, "", ""),
        (&["queue", "claim", "a.ns", "--owner", "v", "--type", "print"], "", 0, "3\tprint\tpage\n", ""),
        (&["scan", "a.ns"], "", 0, "", ""),
        (
            &["queue", "stats", "a.ns"],
            "",
            0,
            "TYPE   READY  DELAYED  CLAIMED  DEAD  DONE\nmail       1        0        0     0     1\nprint      0        0        1     0     0\n(all)      1        0        1     0     1\n",
            "",
        ),
        (&["queue", "add", "a.ns", "", "x"], "", 1, "", "task type must be 1 to 255 bytes"),
    ]);
    let claimed = folder.run(&["queue", "claim", "a.ns", "--owner", "w", "--json"]).ok().text();
    assert!(
        claimed.starts_with(
            r#"{"id":1,"type":"mail","payload":"to: ada","priority":128,"attempt":1,"lease_until":"#
        ),
        "{claimed}"
    );
}

#[test]
fn leases_end_and_attempts_are_used_up() {
    let folder = Folder::new();
    folder.run(&["queue", "add", "a.ns", "t", "p", "--attempts", "2"]).ok();
    for _ in 0..2 {
        let claim = ["queue", "claim", "a.ns", "--owner", "w", "--lease", "0.02"];
        assert_eq!(folder.run(&claim).ok().text(), "1\tt\tp\n");
        std::thread::sleep(Duration::from_millis(40));
    }
    let done = folder.run(&["queue", "done", "a.ns", "1", "--owner", "w"]);
    assert_eq!(done.code, 1, "the lease is over");
    assert_eq!(folder.run(&["queue", "claim", "a.ns", "--owner", "w"]).code, 1);
    let stats = folder.run(&["queue", "stats", "a.ns", "--json"]).ok().text();
    assert!(stats.contains("\"dead\": 1"), "{stats}");
}

#[test]
fn tasks_by_the_line() {
    let folder = Folder::new();
    let lines = "{\"type\":\"t\",\"payload\":\"one\"}\n\n{\"type\":\"t\",\"payload_hex\":\"ff\",\"priority\":200}\n{\"type\":\"t\",\"payload\":\"late\",\"delay\":3600}\n";
    let run = folder.run_with(&["queue", "add", "a.ns", "--lines", "-"], lines).ok();
    assert_eq!(run.text(), "1\n2\n3\n");
    let drained = folder.run(&["queue", "drain", "a.ns"]).ok().text();
    assert_eq!(drained, "2\tt\t\\xff\n1\tt\tone\n");
    assert_eq!(folder.run(&["queue", "drain", "a.ns"]).ok().text(), "");
    let bad = [
        ("{\"type\":\"t\"}", "line 1: no payload"),
        ("{\"type\":\"t\",\"payload\":\"\",\"delay\":-1}", "line 1: delay"),
        ("{\"typ\":\"t\",\"payload\":\"\"}", "line 1: unknown field"),
        ("{\"type\":\"t\",\"type_hex\":\"00\",\"payload\":\"\"}", "line 1: both type and type_hex"),
        ("nothing", "line 1: "),
    ];
    for (line, why) in bad {
        let run = folder.run_with(&["queue", "add", "a.ns", "--lines", "-"], line);
        assert_eq!(run.code, 1, "{line}");
        assert!(run.stderr.contains(why), "{line}: {}", run.stderr);
    }
}

#[test]
fn processes_share_a_queue_without_doubles() {
    const TASKS: usize = 24;
    let folder = Folder::new();
    let lines: String =
        (0..TASKS).map(|n| format!("{{\"type\":\"t\",\"payload\":\"{n}\"}}\n")).collect();
    folder.run_with(&["queue", "add", "a.ns", "--lines", "-"], lines).ok();
    let mut seen = BTreeSet::new();
    let mut rounds = 0;
    while seen.len() < TASKS {
        let workers: Vec<_> = (0..4)
            .map(|n| folder.spawn(&["queue", "claim", "a.ns", "--owner", &format!("w{n}")]))
            .collect();
        for worker in workers {
            let output = worker.wait_with_output().expect("a worker ends");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{told}");
            let text = String::from_utf8(output.stdout).expect("text");
            let id = text.split('\t').next().expect("an id").to_owned();
            assert!(seen.insert(id), "{text} was claimed twice");
        }
        rounds += 1;
        assert!(rounds <= TASKS, "the queue does not run dry");
    }
    assert_eq!(folder.run(&["queue", "claim", "a.ns", "--owner", "w"]).code, 1);
}

#[test]
fn long_work_keeps_its_lease() {
    let folder = Folder::new();
    folder.run(&["queue", "add", "a.ns", "t", "p"]).ok();
    folder.run(&["queue", "claim", "a.ns", "--owner", "w", "--lease", "60"]).ok();
    folder.session(&[
        (
            &["queue", "heartbeat", "a.ns", "1", "--owner", "v"],
            "",
            1,
            "",
            "task 1 is not this owner's",
        ),
        (&["queue", "heartbeat", "a.ns", "1", "--owner", "w", "--lease", "0.02"], "", 0, "", ""),
    ]);
    std::thread::sleep(Duration::from_millis(40));
    folder.session(&[
        (&["queue", "heartbeat", "a.ns", "1", "--owner", "w"], "", 1, "", "its lease ended"),
        (&["queue", "claim", "a.ns", "--owner", "v"], "", 0, "1\tt\tp\n", ""),
    ]);
}

#[test]
fn dead_tasks_are_listed_revived_and_discarded() {
    let folder = Folder::new();
    for _ in 0..3 {
        folder.run(&["queue", "add", "a.ns", "t", "p", "--attempts", "1"]).ok();
        folder.run(&["queue", "claim", "a.ns", "--owner", "w"]).ok();
    }
    for id in ["1", "2"] {
        folder.run(&["queue", "fail", "a.ns", id, "--owner", "w", "--error", "no\tpaper"]).ok();
    }
    folder.session(&[
        (
            &["queue", "list", "a.ns", "--state", "dead", "-n", "1"],
            "",
            0,
            "ID  STATE  TYPE  PRIORITY  ATTEMPTS  OWNER  PAYLOAD  ERROR\n 1  dead   t          128       1/1         p        no\\tpaper\n",
            "",
        ),
        (&["queue", "revive", "a.ns", "1", "3"], "", 1, "1\n", "not dead: 3"),
        (&["queue", "discard", "a.ns", "--all", "--type", "u"], "", 0, "", ""),
        (&["queue", "discard", "a.ns", "--all"], "", 0, "2\n", ""),
        (&["queue", "revive", "a.ns"], "", 2, "", "ID"),
        (&["queue", "verify", "a.ns"], "", 0, "a.ns: clean, 0 problems, 2 tasks\n", ""),
        (&["queue", "claim", "a.ns", "--owner", "v"], "", 0, "1\tt\tp\n", ""),
    ]);
    // The counts of type t are gone: the file is sound, the queue is not.
    folder.run(&["del", "a.ns", "00712f6e74", "--hex"]).ok();
    folder.run(&["check", "a.ns"]).ok();
    let verify = folder.run(&["queue", "verify", "a.ns"]);
    assert_eq!(verify.code, 3, "{}", verify.text());
    assert!(verify.text().starts_with("QUEUE-3: no counts of t"), "{}", verify.text());
}

/// Waits and leases as long as one can write them: the end of them is past all clocks.
#[test]
fn times_without_end() {
    let folder = Folder::new();
    let for_ever = "18446744073709550000";
    folder.session(&[
        (&["queue", "add", "a.ns", "t", "p", "--timeout", for_ever], "", 0, "1\n", ""),
        (
            &["queue", "claim", "a.ns", "--owner", "w", "--lease", for_ever, "--timeout", for_ever],
            "",
            0,
            "1\tt\tp\n",
            "",
        ),
        (&["queue", "done", "a.ns", "1", "--owner", "w", "--timeout", for_ever], "", 0, "", ""),
    ]);
}

#[test]
fn queues_of_one_database_by_prefix() {
    let folder = Folder::new();
    folder.session(&[
        (&["queue", "add", "a.ns", "t", "in jobs", "--prefix", "jobs/"], "", 0, "1\n", ""),
        (&["queue", "add", "a.ns", "t", "in default"], "", 0, "1\n", ""),
        (
            &["queue", "claim", "a.ns", "--owner", "w", "--prefix", "jobs/"],
            "",
            0,
            "1\tt\tin jobs\n",
            "",
        ),
        (&["queue", "claim", "a.ns", "--owner", "w", "--prefix", "none/"], "", 1, "", ""),
        (&["queue", "drain", "a.ns"], "", 0, "1\tt\tin default\n", ""),
    ]);
}

#[test]
fn a_step_waits_for_another_process_and_then_gives_up() {
    let folder = Folder::new();
    folder.run(&["queue", "add", "a.ns", "t", "p", "--attempts", "0"]).ok();
    // A process that holds the database: `load` waits for its standard input.
    let mut holder = folder.spawn(&["load", "a.ns", "-", "--format", "jsonl"]);
    let mut pipe = holder.stdin.take().expect("standard input is piped");
    std::io::Write::write_all(&mut pipe, jsonl_rows(30_000).as_bytes()).expect("it reads");
    let claim = ["queue", "claim", "a.ns", "--owner", "w", "--timeout", "0.1"];
    let mut refused = folder.run(&claim);
    for _ in 0..200 {
        if refused.code == 1 {
            break;
        }
        // The holder had not opened it yet, and the task was claimed: give it back.
        folder.run(&["queue", "fail", "a.ns", "1", "--owner", "w"]).ok();
        refused = folder.run(&claim);
    }
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(
        refused.stderr.contains("wait until the other process has ended"),
        "{}",
        refused.stderr
    );
    let waiting = folder.spawn(&["queue", "claim", "a.ns", "--owner", "w"]);
    drop(pipe);
    assert!(holder.wait_with_output().expect("it ends").status.success());
    let claimed = waiting.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&claimed.stdout), "1\tt\tp\n");
}

/// The README's worker loop, taken from the README, by several shells at once.
#[test]
#[cfg(unix)]
fn the_worker_loop_of_the_readme_works() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README is there");
    let script = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let script = script.expect("the README shows a loop in sh");
    let folder = Folder::new();
    let lines: String =
        (0..12).map(|n| format!("{{\"type\":\"mail\",\"payload\":\"to {n}\"}}\n")).collect();
    folder.run_with(&["queue", "add", "jobs.ns", "--lines", "-"], lines).ok();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_northstar-headless"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let shell = || {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-euc", script]).current_dir(folder.path("")).env("PATH", &path);
        shell.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        shell.stderr(std::process::Stdio::piped()).spawn().expect("a shell")
    };
    let shells: Vec<_> = (0..3).map(|_| shell()).collect();
    let mut printed = Vec::new();
    for shell in shells {
        let output = shell.wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{told}");
        let text = String::from_utf8(output.stdout).expect("text");
        printed.extend(text.lines().filter(|line| line.contains('\t')).map(str::to_owned));
    }
    // Each shell adds one task before it works.
    assert_eq!(printed.len(), 15, "{printed:?}");
    assert_eq!(printed.iter().collect::<BTreeSet<_>>().len(), 15, "each task once: {printed:?}");
    let stats = folder.run(&["queue", "stats", "jobs.ns"]).ok().text();
    assert!(stats.contains("mail       0        0        0     0    15"), "{stats}");
}
