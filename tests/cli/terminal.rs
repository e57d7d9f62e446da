//! What is different when a person looks: escaping, tables, color; and nothing of it elsewhere.

use crate::support::{Folder, command, jsonl_rows};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

/// Runs it on a terminal; everything that appeared there, and the exit status.
fn on_terminal(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> (String, u32) {
    let size = PtySize { rows: 24, cols: 100, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_northstar-headless"));
    command.args(arguments);
    command.cwd(folder.path(""));
    command.env_remove("NO_COLOR");
    command.env("TERM", "xterm");
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut child = pair.slave.spawn_command(command).expect("the binary starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let shown = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A terminal whose other end is closed reports an error: that is the end.
        reader.read_to_end(&mut bytes).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    });
    let status = child.wait().expect("the binary ends");
    drop(pair.master);
    (shown.join().expect("the reader does not panic"), status.exit_code())
}

#[test]
fn hostile_text_reaches_no_terminal() {
    let folder = Folder::new();
    let hostile = "\x1b]52;c;ZXZpbA==\x07\u{202e}\u{9b}2J";
    folder.run_with(&["put", "a.ns", "k", "--file", "-"], hostile).ok();
    folder.run(&["put", "a.ns", hostile, "v"]).ok();
    let escaped = r"\x1b]52;c;ZXZpbA==\x07\u{202e}\u{9b}2J";
    let (shown, code) = on_terminal(&folder, &["get", "a.ns", "k"], &[]);
    assert_eq!((shown, code), (format!("{escaped}\n"), 0));
    for arguments in [
        &["scan", "a.ns"][..],
        &["scan", "a.ns", "--format", "jsonl"],
        &["scan", "a.ns", "--format", "csv"],
        &["diff", "a.ns", "0", "2"],
        &["logdump", "a.ns", "--ops"],
        &["dump", "a.ns", "tree"],
        &["get", "a.ns", "\x1b[31mgone"],
    ] {
        let (shown, _) = on_terminal(&folder, arguments, &[("NO_COLOR", "1")]);
        let bad = shown
            .chars()
            .find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}');
        assert_eq!(bad, None, "{arguments:?}: {shown}");
        assert!(shown.contains("x1b") || shown.contains("u001b"), "{arguments:?}: {shown}");
    }
    // Asked for, the bytes themselves.
    let (shown, _) = on_terminal(&folder, &["get", "a.ns", "k", "--raw"], &[]);
    assert_eq!(shown, hostile);
}

#[test]
fn scan_is_a_table_for_a_person() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(600)).ok();
    let (shown, _) = on_terminal(&folder, &["scan", "a.ns"], &[]);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[0], "KEY       VALUE");
    assert_eq!(lines[1], "k0000000  value number 0");
    assert_eq!(lines[600], "k0000599  value number 599", "later rows keep the columns");
    assert_eq!(lines[601], "600 rows of 600 in transaction 1");
    let piped = folder.run(&["scan", "a.ns"]).ok();
    assert_eq!(piped.text().lines().count(), 600, "into a pipe: rows only");
}

#[test]
fn color_only_for_a_person_who_wants_it() {
    let folder = Folder::new();
    let arguments = ["get", "absent.ns", "k"];
    let (shown, code) = on_terminal(&folder, &arguments, &[]);
    assert!(shown.starts_with("\x1b[31merror:\x1b[0m") && code == 1, "{shown:?}");
    let (shown, _) = on_terminal(&folder, &arguments, &[("NO_COLOR", "1")]);
    assert!(shown.starts_with("error: there is no file absent.ns\n"), "{shown:?}");
    assert!(!folder.run(&arguments).stderr.contains('\x1b'));
}

#[test]
fn progress_is_for_terminals() {
    let folder = Folder::new();
    folder.write("x.jsonl", jsonl_rows(20_000));
    let run = folder.run(&["load", "a.ns", "x.jsonl"]).ok();
    assert_eq!(run.stderr, "");
    let (shown, code) = on_terminal(&folder, &["load", "b.ns", "x.jsonl"], &[("NO_COLOR", "1")]);
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("20000 lines, 20000 rows, 0 replaced, 0 bad, 2 transactions"),
        "{shown:?}"
    );
}

#[test]
fn a_backtrace_is_no_message() {
    let folder = Folder::new();
    let mut run = command(&folder.path(""), &["get", "absent.ns", "k"]);
    let output = run.env("RUST_BACKTRACE", "1").output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("backtrace") && told.lines().count() == 2, "{told}");
}
