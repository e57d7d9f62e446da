//! A film of the states, oldest to newest: what changed at each, frame by frame; and as an asciicast that
//! terminals play.

use super::{Change, Comparison, Span};
use crate::job::{Data, Desk, Job};
use crate::model::states::Evidence;
use northstar_engine::inspect::log::LogView;
use northstar_engine::printable::Printable;
use serde_json::json;
use std::sync::Arc;

/// One picture.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where what is told comes from: the third line says it.
    pub evidence: Evidence,
    /// Its lines, those about a key with how that changed.
    pub lines: Vec<(Option<Change>, String)>,
}

/// A film.
#[derive(Clone, Debug)]
pub struct Film {
    /// A picture a state.
    pub frames: Vec<Frame>,
}

impl Film {
    /// What it is called.
    pub const TITLE: &str = "northstar: the states of a database";
    /// Its size, in cells.
    pub const COLUMNS: u16 = 80;
    /// Its size, in cells.
    pub const ROWS: u16 = 24;
    /// How long each state is shown, in seconds.
    pub const SECONDS_A_STATE: f64 = 1.2;

    /// As an asciicast of version 2, which `asciinema play` shows.
    pub fn cast(&self) -> String {
        let head = json!({ "version": 2, "width": Self::COLUMNS, "height": Self::ROWS, "title": Self::TITLE });
        let mut cast = format!("{head}\n");
        // The frame number is small: it is exact as a float.
        let when = |at: usize| at as f64 * Self::SECONDS_A_STATE;
        for (at, frame) in self.frames.iter().enumerate() {
            let lines: Vec<&str> = frame.lines.iter().map(|(_, line)| line.as_str()).collect();
            let picture = lines.join("\r\n");
            let event = json!([when(at), "o", format!("\u{1b}[2J\u{1b}[H{picture}")]);
            cast += &format!("{event}\n");
        }
        // The last state stays as long as the others.
        cast += &format!("{}\n", json!([when(self.frames.len()), "o", ""]));
        cast
    }
}

/// Makes one.
#[derive(Debug)]
pub struct MakeFilm {
    /// Each state with the one before, oldest first.
    pub spans: Vec<Span>,
    /// The log.
    pub log: Option<Arc<LogView>>,
}

impl Job for MakeFilm {
    fn name(&self) -> String {
        "make a film of the states".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let total = self.spans.len();
        let mut frames = Vec::with_capacity(total);
        for (at, span) in self.spans.iter().enumerate() {
            if !desk.progress(at as u64, total as u64) {
                return Err("stopped".to_owned());
            }
            let found = span.compare(&source, self.log.as_deref(), desk)?;
            frames.push(frame(&found, at, total));
        }
        Ok(Box::new(Film { frames }))
    }
}

/// The picture of a state, the `at`th of `total`.
fn frame(found: &Comparison, at: usize, total: usize) -> Frame {
    let (columns, rows) = (usize::from(Film::COLUMNS), usize::from(Film::ROWS));
    let done = (at + 1) * (columns - 2) / total.max(1);
    let scale =
        format!("├{}●{}┤", "─".repeat(done.saturating_sub(1)), "─".repeat(columns - 2 - done));
    let mut lines = vec![
        (None, format!("state {} of {total}: txn {}", at + 1, found.states.1)),
        (None, scale),
        (None, format!("{} {}", found.evidence.glyph(), found.source())),
        (None, found.summary()),
        (None, String::new()),
    ];
    let room = rows - lines.len();
    for (change, key) in found.changes.iter().take(room) {
        let key = Printable::capped(key, columns - 4);
        lines.push((Some(*change), format!("{} {}", change.mark(), key.as_str())));
    }
    if found.changes.len() > room {
        lines.pop();
        lines.push((None, format!("… and {} more", found.changes.len() - room + 1)));
    }
    for (_, line) in &mut lines {
        *line = crate::text::cut(line, columns);
    }
    Frame { evidence: found.evidence, lines }
}
