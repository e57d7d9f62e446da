//! A progress bar on stderr, where a person looks at it; nothing otherwise.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a long job is, in bytes.
pub struct Progress(ProgressBar);

impl Progress {
    /// `bytes` in all, where that is known. Draws only when stderr is a terminal.
    pub fn bytes(bytes: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
        let template = if bytes.is_some() {
            "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta} {msg}"
        } else {
            "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Where it is now. `message` is our own words.
    pub fn at(&self, bytes: u64, message: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_position(bytes);
        self.0.set_message(message);
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
