//! The workbench in a real pseudo-terminal: every way in and every way out, as a person would.
//!
//! `northstar` runs as a child with a terminal of its own; what it writes is read by a terminal
//! emulator, and what the kernel knows of the terminal is compared before and after.

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_northstar");
/// Long enough for a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child in a terminal.
struct Session {
    master: Box<dyn MasterPty + Send>,
    // The slave stays open, so that the terminal can be looked at after the child's end.
    _slave: Box<dyn portable_pty::SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    before: String,
}

impl Session {
    fn start(arguments: &[&str], environment: &[(&str, &str)], (rows, cols): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let before = terminal_state(pair.master.as_ref());
        let mut command = CommandBuilder::new(BINARY);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "COLORFGBG", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
            command.env_remove(name);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("northstar starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 0)));
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                shared.lock().expect("no panic while held").process(&bytes[..count]);
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, _slave: pair.slave, writer, child, screen, before }
    }

    fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("keys are sent");
        self.writer.flush().expect("keys are sent");
    }

    fn contents(&self) -> String {
        self.screen.lock().expect("no panic while held").screen().contents()
    }

    fn on<T>(&self, look: impl Fn(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().expect("no panic while held").screen())
    }

    /// Waits until the screen passes; its contents are in the message when it never does.
    fn wait(&self, what: &str, passes: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.on(&passes) {
            assert!(Instant::now() < end, "never: {what}\n{}", self.contents());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    fn resize(&self, rows: u16, cols: u16) {
        // The emulator of these tests cannot hold a wide character in one column; the program must.
        let (shown_rows, shown_cols) = (rows.max(2), cols.max(2));
        let mut screen = self.screen.lock().expect("no panic while held");
        screen.screen_mut().set_size(shown_rows, shown_cols);
        drop(screen);
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal is resized");
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().expect("the child lives").to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("kill runs");
        assert!(sent.success(), "kill {name}");
    }

    /// Waits for the end and holds the terminal to what it was.
    fn end(mut self) -> (ExitStatus, String) {
        let limit = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child is waited for") {
                break status;
            }
            assert!(Instant::now() < limit, "it never ends\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(10));
        };
        self.wait("the alternate screen is left", |screen| !screen.alternate_screen());
        self.wait("the cursor is back", |screen| !screen.hide_cursor());
        self.wait("pastes are plain", |screen| !screen.bracketed_paste());
        self.wait("the mouse is free", |screen| {
            screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        assert_eq!(terminal_state(self.master.as_ref()), self.before, "the terminal's own state");
        (status, self.contents())
    }
}

fn terminal_state(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("a terminal has a state"))
}

/// A file that is no database, big enough for a map.
fn foreign_file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("foreign.bin");
    std::fs::write(&path, b"neither page nor log ".repeat(20_000)).expect("the file is written");
    (directory, path)
}

fn open(path: &Path) -> Session {
    open_with(path, &[], &[])
}

fn open_with(path: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Session {
    let path = path.to_str().expect("a printable path");
    let arguments: Vec<&str> = [path].into_iter().chain(arguments.iter().copied()).collect();
    let session = Session::start(&arguments, environment, (24, 80));
    session.wait_for("? help");
    session
}

#[test]
fn it_starts_and_quits_and_leaves_no_trace() {
    let (_directory, path) = foreign_file();
    let before = std::fs::read(&path).expect("the file is read");
    for (name, keys) in [("q", "q"), ("control-c", "\u{3}"), ("the palette", ":quit\r")] {
        let mut session = open(&path);
        assert!(session.on(vt100::Screen::alternate_screen), "{name}: a screen of its own");
        session.send(keys);
        let (status, rest) = session.end();
        assert_eq!(status.exit_code(), 0, "{name}");
        assert_eq!(rest.trim(), "", "{name}: nothing is left on the shell's screen");
    }
    assert_eq!(std::fs::read(&path).expect("the file is read"), before, "not a byte was written");
    let names = std::fs::read_dir(path.parent().expect("a parent")).expect("a listing").count();
    assert_eq!(names, 1, "no file was made beside it");
}

#[test]
fn signals_give_the_terminal_back() {
    let (_directory, path) = foreign_file();
    for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-INT", 130)] {
        let session = open(&path);
        session.signal(signal);
        let (status, _) = session.end();
        assert_eq!(status.exit_code(), code, "{signal}");
    }
}

#[test]
fn a_panic_of_the_ui_gives_the_terminal_back_and_says_why() {
    let (_directory, path) = foreign_file();
    let path = path.to_str().expect("a printable path");
    let session = Session::start(&[path, "--crash", "ui"], &[], (24, 80));
    session.wait_for("asked to crash");
    let (status, rest) = session.end();
    assert_eq!(status.exit_code(), 101);
    assert!(rest.contains("asked to crash"), "{rest}");
}

#[test]
fn a_panic_of_a_worker_is_a_card_and_life_goes_on() {
    let (_directory, path) = foreign_file();
    let path = path.to_str().expect("a printable path");
    let mut session = Session::start(&[path, "--crash", "worker"], &[], (24, 80));
    session.wait_for("a bug in northstar: asked to crash");
    session.send("2");
    session.wait_for("page p0");
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn suspended_and_resumed_it_comes_back() {
    let (_directory, path) = foreign_file();
    let mut session = open(&path);
    session.send("\u{1a}");
    session.wait("the shell has its screen back", |screen| !screen.alternate_screen());
    assert_eq!(terminal_state(session.master.as_ref()), session.before, "while it is stopped");
    session.signal("-CONT");
    session.wait_for("? help");
    assert!(session.on(vt100::Screen::alternate_screen));
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn a_storm_of_resizes_does_no_harm() {
    let (_directory, path) = foreign_file();
    let mut session = open(&path);
    let sizes = [(1, 1), (2, 300), (100, 2), (9, 39), (10, 40), (24, 80), (60, 200), (100, 300)];
    for round in 0..5 {
        for (rows, cols) in sizes {
            session.resize(rows, cols);
            session.send(["j", "2", "?", "\u{1b}", "1"][round]);
        }
    }
    session.resize(5, 30);
    session.wait_for("northstar needs 40x10");
    session.resize(24, 80);
    session.wait_for("? help");
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn no_color_keeps_the_selection_visible() {
    let (_directory, path) = foreign_file();
    let mut session = open_with(&path, &["--screen", "page"], &[("NO_COLOR", "1")]);
    session.wait_for("undecoded");
    session.on(|screen| {
        let (rows, cols) = screen.size();
        let cells = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
        let mut reversed = 0;
        for (row, col) in cells {
            let Some(cell) = screen.cell(row, col) else { continue };
            assert_eq!(cell.fgcolor(), vt100::Color::Default, "at {row},{col}");
            assert_eq!(cell.bgcolor(), vt100::Color::Default, "at {row},{col}");
            reversed += usize::from(cell.inverse());
        }
        assert!(reversed > 10, "the selected row is reversed");
    });
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn ascii_means_ascii() {
    let (_directory, path) = foreign_file();
    for screen in ["map", "page", "metas", "log", "problems"] {
        let mut session = open_with(&path, &["--ascii", "--screen", screen], &[]);
        let contents = session.contents();
        assert!(contents.is_ascii(), "{screen}:\n{contents}");
        session.send("q");
        assert_eq!(session.end().0.exit_code(), 0);
    }
}

#[test]
fn pasted_junk_goes_nowhere_but_into_a_prompt() {
    let (_directory, path) = foreign_file();
    let mut session = open(&path);
    session.send("\u{1b}[200~q:quit\rrm -rf\u{1b}[201~");
    session.send("g");
    session.wait_for("go to");
    session.send("\u{1b}[200~p3\nrest\u{1b}[201~");
    session.send("\r");
    session.wait_for("page p3");
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn keys_walk_from_screen_to_screen() {
    let (_directory, path) = foreign_file();
    let mut session = open(&path);
    for (keys, shown) in [
        ("2", "fields"),
        ("4", "no meta"),
        ("?", "Leave the workbench"),
        ("\u{1b}", "no meta"),
        (":prob\r", "finding"),
        ("\u{f}", "no meta"),
    ] {
        session.send(keys);
        session
            .wait(&format!("{shown} after {keys:?}"), |screen| screen.contents().contains(shown));
    }
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn without_a_terminal_it_prints() {
    let (_directory, path) = foreign_file();
    let output = Command::new(BINARY).arg(&path).stdin(Stdio::null()).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert!(text.contains("one cell = 1 page"), "{text}");
    assert!(!text.contains('\u{1b}'), "no escape sequence");
    // A dumb terminal is no terminal for this.
    let path = path.to_str().expect("a printable path");
    let session = Session::start(&[path], &[("TERM", "dumb")], (24, 80));
    session.wait_for("bad");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn every_screen_prints_text_and_json() {
    let (_directory, path) = foreign_file();
    for screen in [
        "map",
        "page",
        "tree",
        "metas",
        "log",
        "time",
        "rows",
        "lab",
        "lessons",
        "problems",
        "overview",
        "space",
        "queue",
        "cartridges",
        "bench",
    ] {
        let print = |more: &[&str]| {
            let mut command = Command::new(BINARY);
            command.arg(&path).args(["--screen", screen, "--print"]).args(more);
            let output = command.output().expect("it runs");
            assert!(output.status.success(), "{screen}: {output:?}");
            String::from_utf8(output.stdout).expect("text")
        };
        assert!(!print(&[]).trim().is_empty(), "{screen}");
        let json: serde_json::Value = serde_json::from_str(&print(&["--json"])).expect("JSON");
        assert_eq!(json["screen"], screen);
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (_directory, path) = foreign_file();
    let mut child = Command::new(BINARY)
        .arg(&path)
        .args(["--screen", "page", "--print", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_is_not_there_is_an_error_before_the_screen_is_taken() {
    let session = Session::start(&["/nonexistent/app.ns"], &[], (24, 80));
    session.wait_for("/nonexistent/app.ns");
    let (status, rest) = session.end();
    assert_eq!(status.exit_code(), 1);
    assert!(rest.contains("No such file"), "{rest}");
}

#[test]
fn ten_gibibytes_open_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sparse.ns");
    let file = std::fs::File::create(&path).expect("the file is made");
    file.set_len(10 << 30).expect("a sparse file of 10 GiB");
    let start = Instant::now();
    let mut session = open(&path);
    // A bound for a debug build on a busy machine; the bar itself is measured in the benchmarks.
    assert!(start.elapsed() < Duration::from_secs(5), "first frame after {:?}", start.elapsed());
    session.wait_for("10.0 GiB");
    let start = Instant::now();
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
    assert!(start.elapsed() < Duration::from_secs(5), "quit took {:?}", start.elapsed());
}

#[test]
fn a_light_terminal_is_found_by_asking_it() {
    let (_directory, path) = foreign_file();
    let mut session = open(&path);
    let accent = |screen: &vt100::Screen| screen.cell(0, 1).map(vt100::Cell::fgcolor);
    let dark = session.on(accent);
    session.send("\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\");
    session.wait("the colours change", |screen| accent(screen) != dark);
    assert!(!session.contents().contains("does nothing here"), "the answer is no key");
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
}

#[test]
fn a_live_writer_is_followed_and_not_disturbed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("live.ns");
    let db: northstar_engine::Db =
        northstar_engine::Options::new().open(&path).expect("the database is made");
    let mut written = 0_u64;
    let mut commit = || {
        written += 1;
        let mut txn = db.begin_write().expect("the writer's turn");
        txn.put(format!("key/{written}"), "value").expect("stored");
        txn.commit().expect("the workbench takes no lock");
    };
    commit();
    let mut session = open(&path);
    let end = Instant::now() + PATIENCE;
    while !session.contents().contains("writer seen") {
        assert!(Instant::now() < end, "the writer is never seen\n{}", session.contents());
        commit();
        std::thread::park_timeout(Duration::from_millis(20));
    }
    session.send("j");
    session.wait_for("PINNED");
    commit();
    session.wait_for("PINNED +");
    session.send("f");
    session.wait("it follows again", |screen| !screen.contents().contains("PINNED"));
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
    let reader = db.begin_read().expect("a snapshot");
    assert_eq!(reader.len(), written, "every commit of the writer is there");
}

/// Every screen of a database that has a writer, seen by strace (where there is none, nothing is seen).
#[test]
#[cfg(target_os = "linux")]
fn a_trace_shows_no_write_and_no_lock() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("live.ns");
    let db = northstar_engine::Options::new().open(&path).expect("the database is made");
    for number in 0..40 {
        let mut txn = db.begin_write().expect("the writer's turn");
        txn.put(format!("key/{number}"), "value").expect("stored");
        txn.commit().expect("committed");
    }
    let trace = directory.path().join("trace");
    let calls = "trace=open,openat,openat2,creat,truncate,flock,fcntl,rename,renameat,renameat2,unlink,unlinkat";
    let keys =
        "1 2 3 enter 4 w 5 enter 6 7 enter 0 : o v e r enter : s p a c enter : q u e u enter";
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "4096", "-e", calls, "-o"]).arg(&trace).arg(BINARY);
    let outcome = strace.arg(&path).args(["--print", "--keys", keys]).output();
    let Ok(outcome) = outcome else { return eprintln!("no strace here") };
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    let trace = std::fs::read_to_string(&trace).expect("strace wrote a trace");
    let of_database = |line: &&str| line.contains(path.to_str().expect("a printable path"));
    let touched: Vec<&str> = trace.lines().filter(of_database).collect();
    assert!(touched.len() > 10, "it was looked at: {trace}");
    for line in touched {
        let reads =
            line.contains("O_RDONLY") && !line.contains("O_CREAT") && !line.contains("O_TRUNC");
        assert!(reads, "not opened for reading: {line}");
    }
    let locks = trace.lines().filter(|line| line.contains("flock(") || line.contains("SETLK"));
    assert_eq!(locks.collect::<Vec<_>>(), [""; 0]);
}

/// A mount that really is read-only (where no mounts can be made, nothing is seen).
#[test]
#[cfg(target_os = "linux")]
fn a_file_on_a_read_only_mount_is_frozen() {
    let (directory, path) = foreign_file();
    let mount = directory.path().join("mount");
    std::fs::create_dir(&mount).expect("a place for the mount");
    let script = "mount -t tmpfs none \"$1\" && cp \"$2\" \"$1/file\" || exit 42; \
                  \"$3\" \"$1/file\" --screen overview --print --json || exit 1; \
                  mount -o remount,ro \"$1\" || exit 42; \
                  \"$3\" \"$1/file\" --screen overview --print --json";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    let outcome = unshare.arg(&mount).arg(&path).arg(BINARY).output();
    let Ok(outcome) = outcome else { return eprintln!("no unshare here") };
    let (told, complaint) =
        (String::from_utf8_lossy(&outcome.stdout), String::from_utf8_lossy(&outcome.stderr));
    if told.is_empty() && (outcome.status.code() == Some(42) || complaint.contains("unshare")) {
        return eprintln!("no mounts here: {complaint}");
    }
    let answers: Vec<&str> =
        told.lines().filter(|line| line.contains("read_only_mount")).map(str::trim).collect();
    let expected = ["\"read_only_mount\": false,", "\"read_only_mount\": true,"];
    assert_eq!(answers, expected, "{told} {complaint}");
}

#[test]
fn leaving_during_a_benchmark_leaves_nothing_behind() {
    let (_directory, path) = foreign_file();
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let folder = scratch.path().to_str().expect("a printable path");
    let mut session = open_with(&path, &["--screen", "bench"], &[("TMPDIR", folder)]);
    session.send("r");
    let made = || std::fs::read_dir(scratch.path()).expect("a listing").count();
    session.wait("a folder for the results", |_| made() == 1);
    session.send("q");
    assert_eq!(session.end().0.exit_code(), 0);
    assert_eq!(made(), 0, "the results of a run that was left are gone");
}

#[test]
fn line_by_line_it_needs_no_screen() {
    let (_directory, path) = foreign_file();
    let mut child = Command::new(BINARY)
        .arg(&path)
        .arg("--plain")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"go p3\nquit\n").expect("commands are sent");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && text.contains("page p3"), "{text}");
    assert!(!text.contains('\u{1b}'), "no escape sequence");
}
