//! How a run ends: the exit status, and one clear message on stderr when it is not 0.
//!
//! Called by `main`. The statuses are a contract with scripts (README, man page): 0 done, 1 the answer
//! is no or it failed, 2 wrong usage, 3 corruption found, 4 a gate failed.

use crate::output::{Printable, color_allowed};
use color_eyre::eyre::Report;
use northstar_engine::Error;
use std::{
    fmt,
    io::{IsTerminal, Write},
    process::ExitCode,
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// The answer is no, or it failed.
    No = 1,
    /// The arguments make no sense together.
    Usage = 2,
    /// Corruption was found.
    Corrupt = 3,
    /// A gate failed.
    Gate = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The reader of our output went away. Ends the run without a word.
#[derive(Debug)]
pub struct ClosedPipe;

/// A failure in our own words: message, exit status, and what to do about it.
#[derive(Debug)]
pub struct Told {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Told {
    /// Exit status 1.
    pub fn no(message: impl Into<String>) -> Self {
        Self { exit: Exit::No, message: message.into(), hint: None }
    }

    /// Exit status 2: arguments that parse and still make no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// Exit status 3.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self { exit: Exit::Corrupt, message: message.into(), hint: None }
    }

    /// The same with a line that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ClosedPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output went away")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClosedPipe {}
impl std::error::Error for Told {}

/// Makes a panic say that it is a bug, in a few lines, and color only where color is wanted.
pub fn install_panic_report() {
    let mut hooks = color_eyre::config::HookBuilder::default()
        .panic_section("This is a bug in northstar: no input may cause it.")
        .display_env_section(false);
    if !color_allowed(std::io::stderr().is_terminal()) {
        hooks = hooks.theme(color_eyre::config::Theme::new());
    }
    // Fails only when hooks are in place already: then those report.
    hooks.install().unwrap_or_default();
}

/// Prints what went wrong and gives the exit status.
pub fn report(outcome: Result<Exit, Report>) -> Exit {
    let report = match outcome {
        Ok(exit) => return exit,
        Err(report) => report,
    };
    if report.chain().any(|cause| cause.is::<ClosedPipe>()) {
        return Exit::Done;
    }
    let stderr = std::io::stderr();
    let text = explain(&report, color_allowed(stderr.is_terminal()));
    // When stderr is closed too there is nobody left to tell.
    stderr.lock().write_all(text.as_bytes()).unwrap_or_default();
    exit_of(&report)
}

fn exit_of(report: &Report) -> Exit {
    for cause in report.chain() {
        if let Some(told) = cause.downcast_ref::<Told>() {
            return told.exit;
        }
        if let Some(Error::Corrupt(_)) = cause.downcast_ref::<Error>() {
            return Exit::Corrupt;
        }
    }
    Exit::No
}

/// One line for the message, one for each cause that says more, one for the hint.
fn explain(report: &Report, color: bool) -> String {
    let (red, bold, plain) = if color { ("\x1b[31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let mut text = String::new();
    let mut last = String::new();
    for (index, cause) in report.chain().enumerate() {
        let message = Printable::message(cause.to_string(), 2000).into_string();
        // An error that quotes its source has said it already.
        if index == 0 {
            text.push_str(&format!("{red}error:{plain} {bold}{message}{plain}\n"));
        } else if !last.ends_with(&message) {
            text.push_str(&format!("  cause: {message}\n"));
        }
        last = message;
    }
    if let Some(hint) = hint_of(report) {
        let hint = Printable::message(hint, 2000);
        text.push_str(&format!("  hint: {hint}\n"));
    }
    text
}

fn hint_of(report: &Report) -> Option<String> {
    let engine = report.chain().find_map(|cause| cause.downcast_ref::<Error>());
    report.chain().find_map(|cause| cause.downcast_ref::<Told>()?.hint.clone()).or_else(|| {
        Some(String::from(match engine? {
            Error::Corrupt(_) => {
                "`northstar-headless check DB` lists all damage; the log may hold what a page lost"
            }
            Error::Locked { .. } => {
                "reading works beside a writer; to write, wait until the other process has ended"
            }
            Error::SnapshotNotFound { .. } => {
                "`northstar-headless history DB` lists the transactions that open"
            }
            Error::OutOfSpace => "what was committed is safe; free some space and run it again",
            Error::Poisoned => {
                "run it again: opening the database recovers everything that was committed"
            }
            _ => return None,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use color_eyre::eyre::WrapErr;
    use northstar_engine::{Corrupt, PageId};

    fn corrupt() -> Error {
        Corrupt::page(PageId::new(7), "PAGE-3", "crc 1", "crc 2").into()
    }

    #[test]
    fn exit_status_by_cause() {
        let no = Err::<(), _>(Told::no("not there"));
        let cases: &[(&str, Report, Exit)] = &[
            ("an answer", Told::no("no").into(), Exit::No),
            ("usage", Told::usage("no").into(), Exit::Usage),
            ("corrupt", corrupt().into(), Exit::Corrupt),
            ("corrupt in context", Report::from(corrupt()).wrap_err("cannot scan"), Exit::Corrupt),
            ("an answer in context", no.wrap_err("cannot get").unwrap_err(), Exit::No),
            ("busy", Error::WriteBusy.into(), Exit::No),
        ];
        for (name, report, exit) in cases {
            assert_eq!(exit_of(report), *exit, "{name}");
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        assert_eq!(report(Err(Report::from(ClosedPipe).wrap_err("cannot print"))), Exit::Done);
    }

    #[test]
    fn messages_are_short_and_hold_no_control() {
        let io = std::io::Error::other("boom\x1b[2J");
        let report = Report::from(Error::io("read", "a\nb", io)).wrap_err("cannot scan");
        assert_eq!(
            explain(&report, false),
            "error: cannot scan\n  cause: cannot read a\\nb: boom\\x1b[2J\n"
        );
        let report = Report::from(corrupt());
        assert_eq!(
            explain(&report, false),
            "error: corrupt: page 7: PAGE-3: expected crc 1, found crc 2\n  hint: `northstar-headless \
             check DB` lists all damage; the log may hold what a page lost\n"
        );
    }
}
