//! What lies on top of a screen: help, palette, menus, prompts. The top one has the keys.

pub mod help;
pub mod menu;
pub mod palette;
pub mod prompt;

use crate::action::Act;
use crate::keymap::Key;
use crate::place::Place;
use crate::widgets::Painter;

/// One overlay.
#[derive(Debug)]
pub enum Dialog {
    /// The keys that work here.
    Help(help::Help),
    /// Everything by name.
    Palette(palette::Palette),
    /// A choice of places.
    Menu(menu::Menu),
    /// A line of text.
    Prompt(prompt::Prompt),
}

/// What a key did to an overlay.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays.
    Stay,
    /// It is done with.
    Close,
    /// Close, then do this.
    Act(Act),
    /// Close, then go there.
    Go(Place),
    /// Close, and show a line.
    Tell(String),
    /// A place was typed; stay when it is none.
    Typed(String),
    /// Close, and tell the screen the answer to its question.
    Answer(&'static str, String),
}

impl Dialog {
    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        match self {
            Self::Help(help) => help.key(key),
            Self::Palette(palette) => palette.key(key),
            Self::Menu(menu) => menu.key(key),
            Self::Prompt(prompt) => prompt.key(key),
        }
    }

    /// What it shows, as lines of plain text.
    pub fn text(&self) -> Vec<String> {
        match self {
            Self::Help(help) => help.text(),
            Self::Palette(palette) => palette.text(),
            Self::Menu(menu) => menu.text(),
            Self::Prompt(prompt) => prompt.text(),
        }
    }

    /// Draws it in the middle of `painter`.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        match self {
            Self::Help(help) => help.draw(painter),
            Self::Palette(palette) => palette.draw(painter),
            Self::Menu(menu) => menu.draw(painter),
            Self::Prompt(prompt) => prompt.draw(painter),
        }
    }
}
