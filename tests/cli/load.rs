//! load: formats, bad lines, batches, what the summary says.

use crate::support::Folder;

#[test]
fn formats_by_extension_and_by_content() {
    let jsonl = "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}\n";
    let cases = [
        ("x.jsonl", jsonl),
        ("x.ndjson", jsonl),
        ("x.csv", "a,1\nb,2\n"),
        ("x.tsv", "a\t1\nb\t2\n"),
        ("x.csv", "\u{feff}a,1\r\nb,2\r\n"),
        ("jsonl", jsonl),
        ("csv", "a,1\nb,2"),
        ("tsv", "a\t1\nb\t2\n"),
    ];
    for (name, text) in cases {
        let folder = Folder::new();
        folder.write(name, text);
        let run = folder.run(&["load", "a.ns", name]).ok();
        let summary = "2 lines, 2 rows, 0 replaced, 0 bad, 1 transactions, the last is 1\n";
        assert_eq!((run.text().as_str(), run.stderr.as_str()), (summary, ""), "{name}");
        assert_eq!(folder.run(&["scan", "a.ns"]).ok().text(), "a\t1\nb\t2\n", "{name}");
        // And from standard input.
        folder.run_with(&["load", "b.ns", "-"], text).ok();
        assert_eq!(folder.run(&["scan", "b.ns"]).ok().text(), "a\t1\nb\t2\n", "{name}");
    }
}

#[test]
fn inputs_that_cannot_be_read() {
    let folder = Folder::new();
    folder.write("prose", "no separator here\n");
    folder.session(&[
        (&["load", "a.ns", "absent"], "", 1, "", "cannot read absent"),
        (&["load", "a.ns", "."], "", 1, "", ". is a directory"),
        (&["load", "a.ns", "prose"], "", 2, "", "cannot tell the format"),
    ]);
    assert!(!folder.path("a.ns").exists(), "no database is made for nothing");
    let run = folder.run_with(&["load", "a.ns", "-"], "");
    assert_eq!(run.text(), "0 lines, 0 rows, 0 replaced, 0 bad, 0 transactions\n");
}

#[test]
fn columns() {
    let csv = "id,name,note\n7,\"O'Hara, Kim\",\"says \"\"hi\"\"\"\n8,\"two\nlines\",x\n";
    let cases: &[(&[&str], &str)] = &[
        (&["--header"], "7\t\"O'Hara, Kim\",\"says \"\"hi\"\"\"\n8\t\"two\\nlines\",x\n"),
        (&["--header", "--key", "name"], "O'Hara, Kim\t7,\"says \"\"hi\"\"\"\ntwo\\nlines\t8,x\n"),
        (&["--header", "--key", "3"], "says \"hi\"\t7,\"O'Hara, Kim\"\nx\t8,\"two\\nlines\"\n"),
        (&[], "7\t\"O'Hara, Kim\",\"says \"\"hi\"\"\"\n8\t\"two\\nlines\",x\nid\tname,note\n"),
    ];
    for (arguments, rows) in cases {
        let folder = Folder::new();
        folder.write("x.csv", csv);
        let run = folder.run(&[&["load", "a.ns", "x.csv"], *arguments].concat()).ok();
        assert!(run.text().starts_with("4 lines, "), "{arguments:?}: {}", run.text());
        assert_eq!(folder.run(&["scan", "a.ns"]).ok().text(), *rows, "{arguments:?}");
    }
}

#[test]
fn a_bad_line_ends_the_load_and_loses_nothing() {
    let folder = Folder::new();
    let lines = "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}\nnot json\n{\"key\":\"c\",\"value\":\"3\"}\n";
    let run = folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], lines);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    for part in [
        "2 rows up to line 2 are committed, the last in transaction 1",
        "line 3: not a JSON object",
        "--skip-bad",
    ] {
        assert!(run.stderr.contains(part), "{part:?} is not in {}", run.stderr);
    }
    assert_eq!(run.stderr.lines().count(), 3, "message, cause, hint: {}", run.stderr);
    assert_eq!(folder.run(&["scan", "a.ns"]).ok().text(), "a\t1\nb\t2\n");

    let run =
        folder.run_with(&["load", "a.ns", "-", "--format", "jsonl", "--skip-bad"], lines).ok();
    assert_eq!(run.text(), "4 lines, 3 rows, 2 replaced, 1 bad, 1 transactions, the last is 2\n");
    assert!(run.stderr.contains("line 3: not a JSON object"), "{}", run.stderr);
    assert_eq!(folder.run(&["scan", "a.ns"]).ok().text(), "a\t1\nb\t2\nc\t3\n");
}

#[test]
fn every_kind_of_bad_line_is_told() {
    let long = format!("{{\"key\":\"{}\"}}", "x".repeat(2 << 20));
    let key = format!("{{\"key\":\"{}\"}}", "x".repeat(4097));
    let cases: &[(&str, &str, &str)] = &[
        ("jsonl", "{\"key\":1", "not a JSON object"),
        ("jsonl", "{\"value\":1}", "no field key or key_hex"),
        ("jsonl", "{\"key_hex\":\"0\"}", "an odd number"),
        ("jsonl", &long, "longer than 1 MiB"),
        ("jsonl", &key, "the key has 4097 bytes"),
        ("jsonl", "{\"key\":\"\\u0000q/a\"}", "belongs to the task queue"),
        ("csv", "a,b,c", "3 columns, not 2 as in the first line"),
        ("csv", "a,\"b", "never closed"),
    ];
    for (format, line, why) in cases {
        let folder = Folder::new();
        let good = if *format == "csv" { "k,v" } else { "{\"key\":\"k\",\"value\":\"v\"}" };
        let text = format!("{good}\n{line}\n");
        let arguments = ["load", "a.ns", "-", "--format", format, "--max-line", "1"];
        let run = folder.run_with(&arguments, &text);
        assert_eq!(run.code, 1, "{why}");
        assert!(
            run.stderr.contains(&format!("line 2: {why}")) || run.stderr.contains(why),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("1 rows up to line 1 are committed"), "{}", run.stderr);
        let run = folder.run_with(&[&arguments[..], &["--skip-bad"]].concat(), &text).ok();
        assert!(run.text().contains(" 1 rows, 1 replaced, 1 bad"), "{why}: {}", run.text());
    }
}

#[test]
fn many_bad_lines_are_counted_and_not_all_shown() {
    let folder = Folder::new();
    let arguments = ["load", "a.ns", "-", "--format", "jsonl", "--skip-bad"];
    let run = folder.run_with(&arguments, "bad\n".repeat(1000)).ok();
    assert_eq!(run.text(), "1000 lines, 0 rows, 0 replaced, 1000 bad, 0 transactions\n");
    assert!(run.stderr.lines().count() < 30, "{}", run.stderr);
}

#[test]
fn batches_are_transactions() {
    let folder = Folder::new();
    let run = folder.run_with(
        &["load", "a.ns", "-", "--format", "tsv", "--batch", "2", "--json"],
        "a\t1\nb\t2\n\nc\t3\na\t4\ne\t5\n",
    );
    let reports = "{\"txn_id\":1,\"rows\":2,\"line\":2}\n{\"txn_id\":2,\"rows\":2,\"line\":5}\n{\"txn_id\":3,\"rows\":1,\"line\":6}\n";
    assert_eq!(run.ok().text(), reports);
    assert_eq!(folder.run(&["scan", "a.ns", "--at", "1"]).ok().text(), "a\t1\nb\t2\n");
    assert_eq!(folder.run(&["scan", "a.ns"]).ok().text(), "a\t4\nb\t2\nc\t3\ne\t5\n");
}
