//! A film of the states, oldest to newest: what changed at each, as an asciicast that terminals play.

use super::{Comparison, Span};
use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::log::LogView;
use northstar_engine::printable::Printable;
use serde_json::json;
use std::sync::Arc;

/// Size of the picture, in cells.
const COLUMNS: usize = 80;
const ROWS: usize = 24;
/// How long each state is shown, in seconds.
const SECONDS_A_STATE: f64 = 1.2;

/// A film.
#[derive(Clone, Debug)]
pub struct Film {
    /// Its frames, an asciicast of version 2.
    pub cast: String,
    /// How many states it shows.
    pub states: usize,
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
        let title = "northstar: the states of a database";
        let head = json!({ "version": 2, "width": COLUMNS, "height": ROWS, "title": title });
        let mut cast = format!("{head}\n");
        let total = self.spans.len();
        for (at, span) in self.spans.iter().enumerate() {
            if !desk.progress(at as u64, total as u64) {
                return Err("stopped".to_owned());
            }
            let found = span.compare(&source, self.log.as_deref(), desk)?;
            let picture = frame(&found, at, total).join("\r\n");
            // The frame number is small: it is exact as a float.
            let when = at as f64 * SECONDS_A_STATE;
            cast += &format!("{}\n", json!([when, "o", format!("\u{1b}[2J\u{1b}[H{picture}")]));
        }
        // The last state stays as long as the others.
        cast += &format!("{}\n", json!([total as f64 * SECONDS_A_STATE, "o", ""]));
        Ok(Box::new(Film { cast, states: total }))
    }
}

/// One picture.
fn frame(found: &Comparison, at: usize, total: usize) -> Vec<String> {
    let done = (at + 1) * (COLUMNS - 2) / total.max(1);
    let scale =
        format!("├{}●{}┤", "─".repeat(done.saturating_sub(1)), "─".repeat(COLUMNS - 2 - done));
    let mut lines = vec![
        format!("state {} of {total}: txn {}", at + 1, found.states.1),
        scale,
        format!("{} {}", found.evidence.glyph(), found.source()),
        found.summary(),
        String::new(),
    ];
    let room = ROWS - lines.len();
    for (change, key) in found.changes.iter().take(room) {
        lines.push(format!("{} {}", change.mark(), Printable::capped(key, COLUMNS - 4).as_str()));
    }
    if found.changes.len() > room {
        lines.pop();
        lines.push(format!("… and {} more", found.changes.len() - room + 1));
    }
    for line in &mut lines {
        *line = crate::text::cut(line, COLUMNS);
    }
    lines
}
