//! A progress bar on stderr, where a person looks at it; nothing otherwise.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a long job is.
pub struct Progress(ProgressBar);

impl Progress {
    /// A job of `bytes` in all, where that is known. Draws only when stderr is a terminal.
    pub fn bytes(bytes: Option<u64>) -> Self {
        Self::new(
            bytes,
            if bytes.is_some() {
                "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta} {msg}"
            } else {
                "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg}"
            },
        )
    }

    /// A job of pages, how many is told on the way.
    pub fn pages() -> Self {
        Self::new(Some(0), "{bar:30} {pos}/{len} pages {per_sec} eta {eta}")
    }

    fn new(length: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        // The templates are ours: one that does not parse shows the default bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Where it is now. `message` is our own words.
    pub fn at(&self, position: u64, message: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_position(position);
        self.0.set_message(message);
    }

    /// Where it is now, and how far it goes.
    pub fn of(&self, position: u64, length: u64) {
        self.0.set_length(length);
        self.0.set_position(position);
    }

    /// Prints a line above the bar, or plainly where there is no bar.
    pub fn note(&self, text: impl std::fmt::Display) {
        self.0.suspend(|| super::note(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
