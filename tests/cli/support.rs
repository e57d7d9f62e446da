//! Runs the binary: a folder, arguments, standard input; exit status and both outputs come back.

use std::{
    ffi::OsStr,
    fmt::Debug,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// One step of a session: arguments, standard input, exit status, standard output, and a part of
/// standard error.
pub(crate) type Step<'a> = (&'a [&'a str], &'a str, i32, &'a str, &'a str);

/// A folder that goes away with the test.
pub(crate) struct Folder {
    dir: tempfile::TempDir,
}

impl Run {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("standard output is text")
    }

    /// The run, if it ended with exit status 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "exit status; standard error: {}", self.stderr);
        self
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("the folder takes a file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("the file is there")
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        command(self.dir.path(), arguments)
    }

    /// Starts it with all three streams piped.
    pub(crate) fn spawn<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    }

    pub(crate) fn run<S: AsRef<OsStr> + Debug>(&self, arguments: &[S]) -> Run {
        self.run_with(arguments, "")
    }

    pub(crate) fn run_with<S: AsRef<OsStr> + Debug>(
        &self,
        arguments: &[S],
        stdin: impl AsRef<[u8]>,
    ) -> Run {
        let mut child = self.spawn(arguments);
        let mut pipe = child.stdin.take().expect("standard input is piped");
        let stdin = stdin.as_ref().to_vec();
        let feeder = std::thread::spawn(move || {
            // A command that does not read its input closes it early.
            pipe.write_all(&stdin).unwrap_or_default();
        });
        let output = child.wait_with_output().expect("the binary ends");
        feeder.join().expect("the feeder does not panic");
        let stderr = String::from_utf8(output.stderr).expect("standard error is text");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
        let code = output.status.code().expect("it was not killed");
        Run { code, stdout: output.stdout, stderr }
    }

    /// Runs a session step by step.
    #[track_caller]
    pub(crate) fn session(&self, steps: &[Step<'_>]) {
        for (arguments, stdin, code, stdout, stderr) in steps {
            let run = self.run_with(arguments, stdin);
            let shown = String::from_utf8_lossy(&run.stdout);
            let told = &run.stderr;
            assert_eq!(run.code, *code, "{arguments:?}: {shown} {told}");
            assert_eq!(shown, *stdout, "{arguments:?}: {told}");
            assert!(told.contains(stderr), "{arguments:?}: {told:?} does not say {stderr:?}");
            if stderr.is_empty() {
                assert_eq!(told, "", "{arguments:?}");
            }
        }
    }

    /// Every file of the folder with its content.
    pub(crate) fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.dir.path()).expect("the folder is there");
        let mut files: Vec<_> = entries
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let bytes = std::fs::read(&path).expect("a file");
                (path, bytes)
            })
            .collect();
        files.sort();
        files
    }
}

/// The binary with a clean environment.
pub(crate) fn command<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_northstar-headless"));
    command.args(arguments).current_dir(folder);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// Compares `text` with the golden file `goldens/cli/NAME`; writes it when `NORTHSTAR_BLESS` is set.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens/cli").join(name);
    if std::env::var_os("NORTHSTAR_BLESS").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "goldens/cli/{name} differs; NORTHSTAR_BLESS=1 renews it. It is now:\n{text}"
    );
}

/// `count` rows of JSON lines: keys `k0000000` up, values of some length.
pub(crate) fn jsonl_rows(count: usize) -> String {
    (0..count)
        .map(|n| format!("{{\"key\":\"k{n:07}\",\"value\":\"value number {n}\"}}\n"))
        .collect()
}
