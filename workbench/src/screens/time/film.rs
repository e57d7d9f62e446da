//! The states one after the other: played on the screen, or written as a film.
//!
//! A film's frames are made by `model::time`; the form goes by the name it gets: `.cast` for terminals, `.svg`
//! for browsers and pages.

use super::draw::{change_role, evidence_role};
use super::{Effect, TimeScreen};
use crate::action::Act;
use crate::job::{Data, Desk, Job};
use crate::model::time::{Film, Frame, MakeFilm};
use crate::svg;
use crate::text;
use crate::theme::{Look, Role};
use crate::widgets::Painter;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

pub(super) const PLAY: &str = "play";
pub(super) const FILM: &str = "film";
pub(super) const DRAWN: &str = "drawn film";
/// The name that is proposed.
const FILE: &str = "northstar-time.cast";
/// How long a state is shown while they are played.
const A_STATE: Duration = Duration::from_millis(600);
/// States of a moving picture at most: each takes some kilobytes of it.
const PICTURE_STATES_MAX: usize = 300;

/// Waits while a state is looked at.
#[derive(Debug)]
struct Pause;

/// The pause is over.
#[derive(Debug)]
struct Paused;

impl Job for Pause {
    fn name(&self) -> String {
        "play".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        std::thread::sleep(A_STATE);
        Ok(Box::new(Paused))
    }
}

/// Draws the frames of a film as a moving picture.
#[derive(Debug)]
struct DrawFilm {
    file: String,
    film: Film,
}

/// It is drawn.
#[derive(Debug)]
struct Drawn {
    file: String,
    svg: String,
    /// States that it shows, of so many.
    states: (usize, usize),
}

impl Job for DrawFilm {
    fn name(&self) -> String {
        "draw a film of the states".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let frames = &self.film.frames;
        let newest = frames.get(frames.len().saturating_sub(PICTURE_STATES_MAX)..);
        let newest = newest.unwrap_or_default();
        let mut pictures = Vec::with_capacity(newest.len());
        for (done, frame) in (0..).zip(newest) {
            if !desk.progress(done, newest.len() as u64) {
                return Err("stopped".to_owned());
            }
            pictures.push(picture(frame));
        }
        let svg = svg::film(&pictures, Film::SECONDS_A_STATE, svg::Paper::DARK, Film::TITLE);
        Ok(Box::new(Drawn { file: self.file, svg, states: (pictures.len(), frames.len()) }))
    }
}

/// A frame in cells.
fn picture(frame: &Frame) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, Film::COLUMNS, Film::ROWS));
    let area = buffer.area;
    let mut painter = Painter::new(&mut buffer, area, Look::default());
    for (y, (change, line)) in (0..).zip(&frame.lines) {
        let role = match (y, change) {
            (_, Some(change)) => change_role(*change),
            (0, None) => Role::Title,
            (1, None) => Role::Border,
            (2, None) => evidence_role(frame.evidence),
            (_, None) => Role::Text,
        };
        painter.put(0, y, line, role);
    }
    buffer
}

impl TimeScreen {
    /// The next state while they are played; the newest ends it.
    pub(super) fn advance(&mut self) -> Vec<Effect> {
        if !self.playing {
            return Vec::new();
        }
        if self.cursor.at == 0 {
            self.playing = false;
            return Vec::new();
        }
        self.cursor.go(Act::Up, self.list.len());
        let mut out = self.load();
        out.push(Effect::Run(PLAY, Box::new(Pause)));
        out
    }

    /// Plays them, from the oldest when the newest is selected; or stops.
    pub(super) fn play(&mut self) -> Vec<Effect> {
        self.playing = !self.playing;
        if !self.playing {
            return vec![Effect::Stop(PLAY)];
        }
        if self.cursor.at == 0 {
            self.cursor.select(self.list.len().saturating_sub(1), self.list.len());
        }
        let mut out = self.load();
        out.push(Effect::Run(PLAY, Box::new(Pause)));
        out
    }

    /// Asks where a film shall go.
    pub(super) fn ask_film() -> Effect {
        Effect::Ask {
            question: FILM,
            title: "film to FILE.cast, for terminals, or FILE.svg, for browsers".to_owned(),
            text: FILE.to_owned(),
        }
    }

    /// Makes the film that shall be called `file`.
    pub(super) fn film(&mut self, file: &str) -> Vec<Effect> {
        if !is_cast(file) && !is_picture(file) {
            let why = format!("a film is a .cast or an .svg, not {file:?}");
            return vec![Effect::Say(why)];
        }
        self.film_file = file.to_owned();
        let spans = (0..self.list.len()).rev().filter_map(|at| self.span(at)).collect();
        vec![Effect::Run(FILM, Box::new(MakeFilm { spans, log: self.log.clone() }))]
    }

    /// Its frames are made.
    pub(super) fn filmed(&self, data: Data) -> Vec<Effect> {
        let Ok(film) = data.downcast::<Film>() else { return Vec::new() };
        let file = self.film_file.clone();
        if is_picture(&file) {
            return vec![Effect::Run(DRAWN, Box::new(DrawFilm { file, film: *film }))];
        }
        let states = text::plural(film.frames.len() as u64, "state");
        let said = Effect::Say(format!("a film of {states}, for asciinema play"));
        vec![Effect::Save(file, film.cast()), said]
    }

    /// It is drawn as a picture.
    pub(super) fn drawn(data: Data) -> Vec<Effect> {
        let Ok(drawn) = data.downcast::<Drawn>() else { return Vec::new() };
        let (shown, all) = drawn.states;
        let which = if shown < all { "the newest " } else { "" };
        let states = text::plural(shown as u64, "state");
        let said = Effect::Say(format!("a moving picture of {which}{states}, for browsers"));
        vec![Effect::Save(drawn.file, drawn.svg), said]
    }
}

fn is_cast(file: &str) -> bool {
    file.ends_with(".cast")
}

fn is_picture(file: &str) -> bool {
    file.ends_with(".svg")
}

#[cfg(test)]
mod tests;
