//! get, put, del, scan, hash, history, diff, backup, compact: happy paths and error paths.

use crate::support::{Folder, jsonl_rows};
use std::{ffi::OsStr, io::Read, os::unix::ffi::OsStrExt};

#[test]
fn one_row() {
    Folder::new().session(&[
        (&["get", "a.ns", "k"], "", 1, "", "there is no file a.ns"),
        (&["del", "a.ns", "k"], "", 1, "", "there is no file a.ns"),
        (&["put", "a.ns", "k", "v"], "", 0, "transaction 1\n", ""),
        (&["get", "a.ns", "k"], "", 0, "v", ""),
        (&["get", "a.ns", "none"], "", 1, "", "no such key: none"),
        (&["put", "a.ns", "k", "w"], "", 0, "transaction 2\n", ""),
        (&["get", "a.ns", "k"], "", 0, "w", ""),
        (&["get", "a.ns", "k", "--at", "1"], "", 0, "v", ""),
        (&["get", "a.ns", "k", "--at", "9"], "", 1, "", "cannot be opened"),
        (&["del", "a.ns", "k"], "", 0, "transaction 3\n", ""),
        (&["del", "a.ns", "k"], "", 1, "", "no such key: k"),
        (&["get", "a.ns", "k"], "", 1, "", "no such key: k"),
        (&["put", "a.ns", "f", "--file", "-"], "from\0input\n", 0, "transaction 4\n", ""),
        (&["get", "a.ns", "f"], "", 0, "from\0input\n", ""),
        (&["put", "a.ns", "", "empty key"], "", 0, "transaction 5\n", ""),
        (&["get", "a.ns", ""], "", 0, "empty key", ""),
        (&["put", "a.ns", "empty value", ""], "", 0, "transaction 6\n", ""),
        (&["get", "a.ns", "empty value"], "", 0, "", ""),
        (&["get", ".", "k"], "", 1, "", ". is a directory"),
    ]);
}

#[test]
fn limits() {
    let folder = Folder::new();
    let key = "k".repeat(4096);
    folder.run(&["put", "a.ns", &key, "v"]).ok();
    assert_eq!(folder.run(&["get", "a.ns", &key]).ok().text(), "v");
    let run = folder.run(&["put", "a.ns", &format!("{key}k"), "v"]);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    assert!(run.stderr.contains("key of 4097 bytes is over the limit of 4096"), "{}", run.stderr);
}

#[test]
fn binary_keys_and_values() {
    let folder = Folder::new();
    folder.session(&[
        (&["put", "a.ns", "ff00", "1b5b", "--hex"], "", 0, "transaction 1\n", ""),
        (&["get", "a.ns", "FF00", "--hex"], "", 0, "1b5b\n", ""),
        (&["put", "a.ns", r"a\x1b\u{202e}\\", r"\t", "--escaped"], "", 0, "transaction 2\n", ""),
        (&["get", "a.ns", r"a\x1b\u{202e}\\", "--escaped"], "", 0, "\t", ""),
        (&["scan", "a.ns"], "", 0, "a\\x1b\\u{202e}\\\\\t\\t\n\\xff\\x00\t\\x1b[\n", ""),
        (&["scan", "a.ns", "--hex"], "", 0, "611be280ae5c\t09\nff00\t1b5b\n", ""),
        (
            &["scan", "a.ns", "--format", "jsonl"],
            "",
            0,
            "{\"key\":\"a\\u001b\\u202e\\\\\",\"value\":\"\\t\"}\n{\"key_hex\":\"ff00\",\"value\":\"\\u001b[\"}\n",
            "",
        ),
        (&["get", "a.ns", "gone\u{7}"], "", 1, "", r"no such key: gone\x07"),
    ]);
    // A key given as raw bytes that are no UTF-8.
    let raw = OsStr::from_bytes(b"\xff\xfe");
    folder.run(&[OsStr::new("put"), OsStr::new("a.ns"), raw, OsStr::new("raw")]).ok();
    let run = folder.run(&[OsStr::new("get"), OsStr::new("a.ns"), raw]).ok();
    assert_eq!(run.stdout, b"raw");
}

#[test]
fn scans() {
    let folder = Folder::new();
    for (key, value) in [("a", "1"), ("b", "=2"), ("ba", "x,\"y\""), ("c", "")] {
        folder.run(&["put", "a.ns", key, value]).ok();
    }
    folder.run(&["put", "a.ns", "00712f78", "00", "--hex"]).ok();
    folder.session(&[
        (&["scan", "a.ns"], "", 0, "a\t1\nb\t=2\nba\tx,\"y\"\nc\t\n", ""),
        (&["scan", "a.ns", "--reverse", "-n", "2"], "", 0, "c\t\nba\tx,\"y\"\n", ""),
        (&["scan", "a.ns", "--prefix", "b"], "", 0, "b\t=2\nba\tx,\"y\"\n", ""),
        (&["scan", "a.ns", "--from", "b", "--to", "ba"], "", 0, "b\t=2\n", ""),
        (&["scan", "a.ns", "--limit", "0"], "", 0, "", ""),
        (&["scan", "a.ns", "--at", "1"], "", 0, "a\t1\n", ""),
        (
            &["scan", "a.ns", "--format", "csv", "--guard"],
            "",
            0,
            "a,1\nb,'=2\nba,\"x,\"\"y\"\"\"\nc,\n",
            "",
        ),
        (&["scan", "a.ns", "--with-queue", "-n", "1"], "", 0, "\\x00q/x\t\\x00\n", ""),
        (&["scan", "a.ns", "--prefix", r"\x00q/", "--escaped"], "", 0, "\\x00q/x\t\\x00\n", ""),
    ]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(20_000)).ok();
    for format in ["table", "jsonl", "csv"] {
        let mut child = folder.spawn(&["scan", "a.ns", "--format", format]);
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().expect("standard output is piped");
        stdout.read_exact(&mut first).expect("some output");
        drop(stdout);
        let output = child.wait_with_output().expect("the binary ends");
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn equal_states_have_equal_hashes() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(500)).ok();
    folder.run(&["put", "a.ns", "ff", "00ff", "--hex"]).ok();
    folder.run(&["put", "a.ns", "gone", "soon"]).ok();
    let before = folder.run(&["hash", "a.ns", "--at", "2"]).ok().text();
    folder.run(&["del", "a.ns", "gone"]).ok();
    let hash = folder.run(&["hash", "a.ns"]).ok().text();
    assert_eq!(hash, before, "a row that came and went leaves no trace");
    assert_eq!(hash.trim().len(), 32);
    // The same rows by another way.
    for format in ["jsonl", "csv"] {
        let rows = folder.run(&["scan", "a.ns", "--format", format]).ok().stdout;
        let copy = format!("{format}.ns");
        folder.run_with(&["load", &copy, "-", "--format", format, "--batch", "7"], rows).ok();
        assert_eq!(folder.run(&["hash", &copy]).ok().text(), hash, "{format}");
    }
    // The log alone, in memory and into a file.
    assert_eq!(folder.run(&["replay", "a.ns.log"]).ok().text(), hash);
    assert_eq!(folder.run(&["replay", "a.ns.log", "--to", "2"]).ok().text(), before);
    assert_eq!(folder.run(&["replay", "a.ns.log", "--out", "r.ns"]).ok().text(), hash);
    assert_eq!(folder.run(&["hash", "r.ns"]).ok().text(), hash);
    assert_eq!(folder.run(&["replay", "a.ns.log", "--to", "99"]).code, 1);
    assert_eq!(folder.run(&["replay", "a.ns.log", "--out", "r.ns"]).code, 1, "never overwrites");
    folder.run(&["put", "a.ns", "more", "rows"]).ok();
    assert_ne!(folder.run(&["hash", "a.ns"]).ok().text(), hash);
}

#[test]
fn backup_and_replay_from_it() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(300)).ok();
    folder.run(&["backup", "a.ns", "b.ns"]).ok();
    let hash = folder.run(&["hash", "a.ns"]).ok().text();
    assert_eq!(folder.run(&["hash", "b.ns"]).ok().text(), hash);
    folder.run(&["check", "b.ns"]).ok();
    folder.run(&["put", "a.ns", "later", "row"]).ok();
    let hash = folder.run(&["hash", "a.ns"]).ok().text();
    assert_eq!(folder.run(&["replay", "a.ns.log", "--base", "b.ns"]).ok().text(), hash);
    let earlier =
        folder.run(&["replay", "a.ns.log", "--base", "b.ns", "--to", "0", "--out", "c.ns"]);
    assert_eq!((earlier.code, earlier.text()), (1, String::new()), "not the base in its stead");
    assert!(earlier.stderr.contains("an earlier base is needed"), "{}", earlier.stderr);
    assert!(!folder.path("c.ns").exists());
    let run = folder.run(&["backup", "a.ns", "b.ns"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("b.ns exists already"), "{}", run.stderr);
}

#[test]
fn history_and_diff() {
    let folder = Folder::new();
    folder.session(&[
        (&["put", "a.ns", "a", "1"], "", 0, "transaction 1\n", ""),
        (&["put", "a.ns", "b", "2"], "", 0, "transaction 2\n", ""),
        (&["put", "a.ns", "a", "3"], "", 0, "transaction 3\n", ""),
        (&["del", "a.ns", "b"], "", 0, "transaction 4\n", ""),
        (&["diff", "a.ns", "0", "4"], "", 0, "+ a\t3\n", ""),
        (&["diff", "a.ns", "2", "4"], "", 0, "+ a\t3\n- b\n", ""),
        (&["diff", "a.ns", "3", "3"], "", 0, "", ""),
        (&["diff", "a.ns", "3", "9"], "", 1, "", "cannot compare 3 and 9"),
    ]);
    let history = folder.run(&["history", "a.ns"]).ok().text();
    assert_eq!(
        history,
        "TXN  ROWS  ORIGIN\n  1     1  replayed\n  2     2  replayed\n  3     2  replayed\n  4     1  exact\n"
    );
    for txn in ["1", "2", "3", "4"] {
        folder.run(&["hash", "a.ns", "--at", txn]).ok();
    }
}

#[test]
fn compact_keeps_the_content() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(20_000)).ok();
    let rows = folder.run(&["scan", "a.ns", "-n", "100", "--format", "jsonl"]).ok().stdout;
    folder.run_with(&["load", "small.ns", "-", "--format", "jsonl"], &rows).ok();
    let small = folder.run(&["hash", "small.ns"]).ok().text();
    let keys: Vec<String> = (100..200).map(|n| format!("k{n:07}")).collect();
    for key in &keys[..5] {
        folder.run(&["del", "a.ns", key]).ok();
    }
    let before = folder.run(&["hash", "a.ns"]).ok().text();
    folder.run(&["compact", "a.ns"]).ok();
    assert_eq!(folder.run(&["hash", "a.ns"]).ok().text(), before);
    folder.run(&["check", "a.ns"]).ok();
    assert_ne!(before, small);
}

#[test]
fn reading_writes_nothing() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(2_000)).ok();
    folder.run(&["put", "a.ns", "k", "v"]).ok();
    folder
        .run(&["cartridge", "build", "a.ns", "--type", "prefix_counts", "--out", "a.ns.cart"])
        .ok();
    let before = folder.snapshot();
    let commands: &[&[&str]] = &[
        &["get", "a.ns", "k"],
        &["scan", "a.ns"],
        &["hash", "a.ns", "--at", "1"],
        &["history", "a.ns"],
        &["diff", "a.ns", "1", "2"],
        &["check", "a.ns"],
        &["dump", "a.ns", "meta"],
        &["dump", "a.ns", "page", "2"],
        &["dump", "a.ns", "tree"],
        &["dump", "a.ns", "freelist"],
        &["dump", "a.ns", "stats"],
        &["logdump", "a.ns", "--verify"],
        &["logdump", "a.ns.log"],
        &["replay", "a.ns.log"],
        &["queue", "stats", "a.ns"],
        &["cartridge", "info", "a.ns.cart", "--db", "a.ns"],
        &["cartridge", "verify", "a.ns.cart"],
        &["cartridge", "query", "a.ns.cart"],
    ];
    for arguments in commands {
        folder.run(arguments).ok();
        assert!(folder.snapshot() == before, "{arguments:?} changed a file");
    }
}

#[test]
fn no_database() {
    let folder = Folder::new();
    folder.write("text", "this is no database, only some text\n".repeat(2000));
    folder.write("empty", "");
    let before = folder.snapshot();
    for file in ["text", "empty"] {
        for arguments in [
            &["get", file, "k"][..],
            &["put", file, "k", "v"],
            &["scan", file],
            &["hash", file],
            &["check", file],
            &["history", file],
            &["dump", file, "tree"],
        ] {
            let run = folder.run(arguments);
            assert!([1, 3].contains(&run.code), "{arguments:?}: {} {}", run.code, run.stderr);
        }
        // What reads bytes as they are shows what there is.
        folder.run(&["dump", file, "meta"]).ok();
    }
    assert!(folder.snapshot() == before, "a file that is no database is left alone");
}
