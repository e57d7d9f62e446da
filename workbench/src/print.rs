//! A screen without a terminal: the same application, its jobs done one after the other.
//!
//! Called by `--print`, by the pictures and by tests. What a person sees on the screen and what is
//! printed come from the same state.

use crate::app::{App, Cmd, Msg};
use crate::job::{JobEvent, perform};
use crate::keymap::Key;
use crate::place::Place;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;

/// Does `commands` and everything they lead to, here and now.
pub fn settle(app: &mut App, commands: Vec<Cmd>) {
    let mut queue: VecDeque<Cmd> = commands.into();
    while let Some(command) = queue.pop_front() {
        if let Cmd::Run { path, key, generation, job } = command {
            let stop = AtomicBool::new(false);
            let mut events: Vec<JobEvent> = Vec::new();
            let end = perform(job, &path, &stop, &mut |event| events.push(event));
            events.push(end);
            for event in events {
                queue.extend(app.update(Msg::Job { key, generation, event }));
            }
        }
    }
}

/// Starts the application and does its first jobs.
pub fn start(app: &mut App, (width, height): (u16, u16)) {
    let mut commands = app.update(Msg::Resize(width, height));
    commands.extend(app.start());
    settle(app, commands);
    // Heights are known once drawn; a second look scrolls to the selection.
    frame(app, (width, height));
}

/// Presses keys by their names: `j j enter ctrl-o`.
///
/// # Errors
/// A name that is no key.
pub fn press(app: &mut App, keys: &str, size: (u16, u16)) -> Result<(), String> {
    for name in keys.split_whitespace() {
        let key = Key::parse(name).ok_or_else(|| format!("no key is called {name}"))?;
        press_key(app, key, size);
    }
    Ok(())
}

/// Goes to a place.
pub fn go(app: &mut App, place: Place) {
    let mut commands = Vec::new();
    app.go(place, &mut commands);
    settle(app, commands);
}

/// Types a text, character by character.
pub fn type_text(app: &mut App, text: &str, size: (u16, u16)) {
    for c in text.chars() {
        press_key(app, Key::plain(KeyCode::Char(c)), size);
    }
}

/// Presses one key.
pub fn press_key(app: &mut App, key: Key, size: (u16, u16)) {
    let mut modifiers = KeyModifiers::empty();
    modifiers.set(KeyModifiers::CONTROL, key.ctrl);
    modifiers.set(KeyModifiers::ALT, key.alt);
    let commands = app.update(Msg::Key(KeyEvent::new(key.code, modifiers)));
    settle(app, commands);
    frame(app, size);
}

/// One frame.
pub fn frame(app: &App, (width, height): (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    app.draw(&mut buffer);
    buffer
}

/// A frame's characters, line by line, without trailing blanks.
pub fn characters(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let mut lines = Vec::with_capacity(usize::from(area.height));
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            skip = crate::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}
