//! The task queue and cartridges, as a shell script uses them.

use crate::support::Folder;
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
fn cartridges() {
    let folder = Folder::new();
    folder.run_with(
        &["queue", "add", "a.ns", "--lines", "-"],
        "{\"type\":\"t\",\"payload\":\"one\"}\n{\"type\":\"u\",\"payload\":\"two\",\"priority\":200}\n{\"type\":\"t\",\"payload\":\"three\",\"priority\":255}\n",
    ).ok();
    folder.run(&["put", "a.ns", "user/1", "ada"]).ok();
    folder.run(&["put", "a.ns", "user/2", "kim"]).ok();
    let build = |kind: &str, out: &str| {
        folder.run(&["cartridge", "build", "a.ns", "--type", kind, "--out", out]).ok().text()
    };
    assert!(build("pending_tasks_by_type", "p.cart").starts_with("transaction 3: 3 rows, "));
    build("prefix_counts", "c.cart");
    folder.session(&[
        (
            &["cartridge", "query", "p.cart"],
            "",
            0,
            "TYPE  PENDING\nt           2\nu           1\n",
            "",
        ),
        (&["cartridge", "query", "p.cart", "none"], "", 1, "ID  PRIORITY  DUE\n", ""),
        (
            &["cartridge", "query", "c.cart", "user/"],
            "",
            0,
            "PREFIX  ROWS  KEY BYTES  VALUE BYTES\nuser/      2         12            6\n",
            "",
        ),
        (
            &["cartridge", "query", "c.cart", "nobody/"],
            "",
            1,
            "PREFIX  ROWS  KEY BYTES  VALUE BYTES\n",
            "",
        ),
        (&["cartridge", "info", "absent"], "", 1, "", "there is no file absent"),
    ]);
    let tasks = folder.run(&["cartridge", "query", "p.cart", "t", "--json"]).ok().text();
    let ids: Vec<_> = tasks.lines().filter_map(|line| line.split([':', ',']).nth(1)).collect();
    assert_eq!(ids, ["3", "1"], "in the order of claims: {tasks}");
    let sound = folder.run(&["cartridge", "verify", "p.cart"]).ok().text();
    assert!(sound.starts_with("p.cart: sound, pending_tasks_by_type"), "{sound}");

    // The same state gives the same bytes, from the cartridge before too.
    let first = folder.read("p.cart");
    build("pending_tasks_by_type", "p.cart");
    build("pending_tasks_by_type", "again.cart");
    assert!(folder.read("p.cart") == first && folder.read("again.cart") == first);

    // Fresh until an input changes.
    folder.run(&["put", "a.ns", "user/3", "no task"]).ok();
    let info = folder.run(&["cartridge", "info", "p.cart", "--db", "a.ns"]).ok().text();
    assert!(info.contains("fresh"), "{info}");
    folder.run(&["queue", "add", "a.ns", "t", "four"]).ok();
    let info = folder.run(&["cartridge", "info", "p.cart", "--db", "a.ns"]);
    assert_eq!(info.code, 1);
    assert!(
        info.text().contains("stale") && info.text().contains("inputs touched"),
        "{}",
        info.text()
    );

    // Damage is found: alone, and beside its database.
    let mut bytes = first;
    let last_section = bytes.len() - 70;
    bytes[last_section] ^= 1;
    folder.write("a.ns.p", &bytes);
    assert_eq!(folder.run(&["cartridge", "verify", "a.ns.p"]).code, 3);
    assert_eq!(folder.run(&["check", "a.ns.p"]).code, 3);
    let check = folder.run(&["check", "a.ns"]);
    assert_eq!(check.code, 3, "{}", check.text());
    assert!(check.text().contains("a.ns.p: error: "), "{}", check.text());
    folder.write("a.ns.p", b"NCAR, but no cartridge at all");
    assert_ne!(folder.run(&["cartridge", "info", "a.ns.p"]).code, 0);
}
