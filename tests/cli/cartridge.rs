//! Cartridges, as a shell script uses them.

use crate::support::Folder;

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

    // Built again over a damaged one, without asking anything more.
    folder.write("p.cart", &bytes);
    assert!(build("pending_tasks_by_type", "p.cart").ends_with("from a snapshot\n"));
    folder.run(&["cartridge", "verify", "p.cart"]).ok();
    assert_eq!(folder.run(&["cartridge", "info", "p.cart", "--db", "a.ns"]).code, 0);
}

#[test]
fn cartridges_are_stale_for_a_reason() {
    let folder = Folder::new();
    folder.run(&["queue", "add", "a.ns", "t", "p"]).ok();
    let build = ["cartridge", "build", "a.ns", "--type", "pending_tasks_by_type", "--out", "p"];
    folder.run(&build).ok();
    folder.run(&["put", "a.ns", "elsewhere", "x"]).ok();
    let judge = |flags: &[&str]| {
        let info = ["cartridge", "info", "p", "--db", "a.ns"];
        let run = folder.run(&[&info[..], flags].concat());
        (run.code, run.text())
    };
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 0, "fresh, the database is at 2"),
        (&["--txns-max", "1"], 0, "fresh"),
        (&["--txns-max", "0"], 1, "1 transactions passed, 0 allowed"),
        (&["--age-max", "3600"], 0, "fresh"),
        (&["--age-max", "0"], 1, "ms old"),
    ];
    for (flags, code, text) in cases {
        let (found, told) = judge(flags);
        assert_eq!(found, *code, "{flags:?}: {told}");
        assert!(told.contains(text), "{flags:?}: {told}");
    }
    let if_stale = folder.run(&[&build[..], &["--if-stale"]].concat()).ok();
    assert_eq!(if_stale.text(), "", "fresh: nothing is built");
    folder.run(&["queue", "add", "a.ns", "t", "q"]).ok();
    assert_eq!(judge(&["--ignore-inputs"]).0, 0);
    assert_eq!(judge(&[]).0, 1);
    let rebuilt = folder.run(&[&build[..], &["--if-stale"]].concat()).ok().text();
    assert!(rebuilt.ends_with("from the cartridge before and 2 commits\n"), "{rebuilt}");
    let unasked = [&build[..], &["--txns-max", "1"]].concat();
    assert_eq!(folder.run(&unasked).code, 2, "a rule that nothing is judged by");
    assert_eq!(folder.run(&["cartridge", "info", "p", "--ignore-inputs"]).code, 2);
    folder.run(&["put", "b.ns", "k", "v"]).ok();
    let other = folder.run(&["cartridge", "info", "p", "--db", "b.ns"]);
    assert!(other.code == 1 && other.text().contains("another database"), "{}", other.text());
}

/// What is worth knowing is no damage: `check` lists it and its exit status is the same.
#[test]
fn a_stale_cartridge_is_a_lint_of_check() {
    let folder = Folder::new();
    folder.run(&["put", "a.ns", "user/1", "ada"]).ok();
    let build = ["cartridge", "build", "a.ns", "--type", "prefix_counts", "--out", "a.ns.counts"];
    folder.run(&build).ok();
    let check = || folder.run(&["check", "a.ns"]).ok().text();
    assert!(check().contains("0 warnings, 0 notes, 0 lints; "), "{}", check());
    folder.run(&["put", "a.ns", "user/2", "kim"]).ok();
    let text = check();
    let line =
        "a.ns.counts: lint: file: LINT-2: stale: answers for transaction 1, the database is at 2: ";
    assert!(text.starts_with(line), "{text}");
    assert!(text.contains("a.ns: clean; 0 warnings, 0 notes, 1 lints; "), "{text}");
    folder.run(&build).ok();
    assert!(check().contains(" 0 lints; "), "{}", check());

    // One that this version cannot read: everything is told, and it is no clean bill either.
    let mut newer = folder.read("a.ns.counts");
    newer[8] = 9;
    folder.write("a.ns.counts", newer);
    let run = folder.run(&["check", "a.ns"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.text().contains("a.ns.counts: lint: file: LINT-3: not checked: "),
        "{}",
        run.text()
    );
    assert!(run.stderr.contains("cannot check "), "{}", run.stderr);
}

#[test]
fn every_route_gives_the_same_cartridge() {
    let folder = Folder::new();
    for n in 0..6 {
        folder.run(&["queue", "add", "a.ns", ["t", "u"][n % 2], "p"]).ok();
    }
    for kind in ["pending_tasks_by_type", "prefix_counts"] {
        for route in ["stream", "snapshot"] {
            let build =
                ["cartridge", "build", "a.ns", "--type", kind, "--route", route, "--out", route];
            folder.run(&build).ok();
        }
        assert!(folder.read("stream") == folder.read("snapshot"), "{kind}");
    }
    let build = ["cartridge", "build", "a.ns", "--type", "prefix_counts", "--out", "c"];
    let alone = folder.run(&[&build[..], &["--route", "incremental"]].concat());
    assert!(alone.code == 1 && alone.stderr.contains("no earlier cartridge"), "{}", alone.stderr);
    let deeper = ["--delimiters", "q", "--depth", "1"];
    folder.run(&[&build[..], &deeper[..]].concat()).ok();
    let query = folder.run(&["cartridge", "query", "c", "--json"]).ok().text();
    assert_eq!(query.lines().count(), 2, "the empty prefix and the one that ends with q: {query}");
    folder.run(&["cartridge", "verify", "c"]).ok();
    folder.run(&["cartridge", "info", "c", "--db", "a.ns"]).ok();
    let mixed = folder.run(&[&build[..], &["--prefix", "x"]].concat());
    assert!(mixed.code == 2 && mixed.stderr.contains("--prefix is for"), "{}", mixed.stderr);
}

#[test]
fn watch_builds_again_when_another_process_commits() {
    use std::io::BufRead;
    let folder = Folder::new();
    folder.run(&["queue", "add", "a.ns", "t", "p"]).ok();
    let kind = "pending_tasks_by_type";
    let mut watch = folder.spawn(&[
        "cartridge",
        "build",
        "a.ns",
        "--type",
        kind,
        "--out",
        "p",
        "--watch",
        "--json",
    ]);
    let mut lines = std::io::BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("it goes on").expect("text");
    assert!(next().contains("\"rows\":1,"), "built at once");
    folder.run(&["put", "a.ns", "elsewhere", "x"]).ok();
    folder.run(&["queue", "add", "a.ns", "t", "q"]).ok();
    assert!(next().contains("\"rows\":2,"), "built again for a commit that touches it");
    watch.kill().expect("it runs until it is told to end");
    watch.wait().expect("it ends");
    let query = folder.run(&["cartridge", "query", "p"]).ok().text();
    assert_eq!(query, "TYPE  PENDING\nt           2\n");
}
