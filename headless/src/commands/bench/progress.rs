//! Who watches a run from the command line: a bar, a JSON stream, or nobody.

use crate::output::note;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use northstar_bench::{
    events::{Event, Phase, What},
    report::{count_words, ns_words, stability_name},
};
use std::io::Write;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// A bar with the time left, on stderr when that is a terminal
    #[default]
    Bar,
    /// A line a benchmark, on stderr
    Plain,
    /// The event stream, one JSON object a line, on stdout
    Json,
    /// Nothing
    None,
}

/// Shows events as they come.
pub(super) struct Watcher {
    mode: Mode,
    bar: ProgressBar,
}

impl Watcher {
    pub(super) fn new(mode: Mode) -> Self {
        let target = match mode {
            Mode::Bar => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // The template is ours: one that does not parse shows the default bar.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} eta {eta} {msg}") {
            bar.set_style(style);
        }
        Self { mode, bar }
    }

    pub(super) fn see(&self, event: &Event) {
        match self.mode {
            Mode::Json => {
                let Ok(line) = serde_json::to_string(event) else { return };
                // A reader that went away does not end the run: its files are worth more.
                writeln!(std::io::stdout(), "{line}").unwrap_or_default();
            }
            Mode::Bar => self.draw(event),
            Mode::Plain => self.tell(event),
            Mode::None => {}
        }
    }

    fn draw(&self, event: &Event) {
        match &event.what {
            What::RunStarted { repeats_total, .. } => {
                self.bar.set_length(u64::from(*repeats_total))
            }
            What::RepeatStarted { subject, .. } => {
                self.bar.set_message(format!("{} {}", subject.bench, subject.params));
            }
            What::Phase { subject, phase } => {
                let words = match phase {
                    Phase::Setup => "set-up",
                    Phase::WarmUp => "warm-up",
                    Phase::Measure => "measuring",
                    Phase::Verify => "verifying",
                };
                self.bar.set_message(format!("{}: {words}", subject.bench));
            }
            What::Sample { subject, sample } => self.bar.set_message(format!(
                "{}: {}/s, p99 {}",
                subject.bench,
                count_words(sample.ops_per_second),
                ns_words(sample.p99_ns as f64)
            )),
            What::RepeatDone { .. } => self.bar.inc(1),
            What::RepeatFailed { subject, reason } => {
                self.bar.inc(1);
                self.bar.suspend(|| note(format_args!("{} failed: {reason}", subject.bench)));
            }
            _ => {}
        }
    }

    fn tell(&self, event: &Event) {
        match &event.what {
            What::BenchDone { bench, params, ops_per_second, stability, .. } => {
                let (rate, mark) = (count_words(*ops_per_second), stability_name(*stability));
                note(format_args!("{bench} {params}: {rate}/s, {mark}"));
            }
            What::RepeatFailed { subject, reason } => {
                note(format_args!("{} failed: {reason}", subject.bench));
            }
            _ => {}
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
