//! Keys: their spelling, and which actions they stand for.
//!
//! A key may stand for several actions in different scopes; the first whose action works now is
//! taken: screen, movement, global. Remapping from the configuration replaces an action's keys.

use crate::action::{ACTIONS, Act, Scope};
use crate::screen_id::ScreenId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;

/// A key with its modifiers, in one spelling: Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control held.
    pub ctrl: bool,
    /// Alt held.
    pub alt: bool,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// A plain key.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    /// The key of an event.
    pub fn from_event(event: KeyEvent) -> Self {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Self { code, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT) }
    }

    /// The names of keys that are longer than a character, but for `f1` and its like.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Reads `ctrl-o`, `G`, `f5`, `pageup`.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut ctrl, mut alt, mut rest) = (false, false, text);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-") {
                (ctrl, rest) = (true, tail);
            } else if let Some(tail) = rest.strip_prefix("alt-") {
                (alt, rest) = (true, tail);
            } else {
                break;
            }
        }
        let named = NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let function = || rest.strip_prefix('f')?.parse().ok().map(KeyCode::F);
        let single = || {
            let mut chars = rest.chars();
            chars.next().filter(|_| chars.next().is_none()).map(KeyCode::Char)
        };
        let code = named.or_else(function).or_else(single)?;
        Some(Self { code, ctrl, alt })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Short form of a key for the footer: `^o`, `↵`.
pub fn short(key: Key) -> String {
    let text = match key.code {
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        _ => Key::plain(key.code).to_string(),
    };
    match (key.ctrl, key.alt) {
        (true, _) => format!("^{text}"),
        (_, true) => format!("M-{text}"),
        _ => text,
    }
}

/// A key as a newcomer reads it: as in the footer, but `ctrl-n` for `^n`.
pub fn spelled(key: Key) -> String {
    match key.ctrl {
        true => format!("ctrl-{}", short(Key { ctrl: false, ..key })),
        false => short(key),
    }
}

/// Which keys stand for which actions.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: Vec<(Act, Vec<Key>)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let bindings = ACTIONS
            .iter()
            .map(|row| (row.act, row.keys.iter().filter_map(|text| Key::parse(text)).collect()))
            .collect();
        Self { bindings }
    }
}

impl Keymap {
    /// The keys of `act`.
    pub fn keys(&self, act: Act) -> &[Key] {
        self.bindings.iter().find(|(a, _)| *a == act).map_or(&[], |(_, keys)| keys)
    }

    /// Replaces the keys of `act`.
    pub fn bind(&mut self, act: Act, keys: Vec<Key>) {
        if let Some((_, bound)) = self.bindings.iter_mut().find(|(a, _)| *a == act) {
            *bound = keys;
        }
    }

    /// The first action of `key` on `screen` for which `works` says yes.
    pub fn find(&self, key: Key, screen: ScreenId, works: impl Fn(Act) -> bool) -> Option<Act> {
        let in_scope = |scope: Scope| {
            self.bindings
                .iter()
                .find(|(act, keys)| act.row().scope == scope && keys.contains(&key) && works(*act))
                .map(|(act, _)| *act)
        };
        in_scope(Scope::Screen(screen))
            .or_else(|| in_scope(Scope::Move))
            .or_else(|| in_scope(Scope::Global))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_is_readable_and_prints_back() {
        for row in ACTIONS {
            for text in row.keys {
                let key = Key::parse(text).unwrap_or_else(|| panic!("{}: {text}", row.id));
                assert_eq!(key.to_string(), *text, "{}", row.id);
            }
        }
        for wrong in ["", "ctrl-", "hello", "f"] {
            assert!(Key::parse(wrong).is_none() || wrong == "f", "{wrong}");
        }
    }

    #[test]
    fn the_first_action_that_works_wins() {
        let keymap = Keymap::default();
        let tab = Key::plain(KeyCode::Tab);
        let found = |works: &dyn Fn(Act) -> bool| keymap.find(tab, ScreenId::Page, works);
        assert_eq!(found(&|_| true), Some(Act::NextPane));
        assert_eq!(found(&|act| act != Act::NextPane), Some(Act::JumpForward));
        assert_eq!(found(&|_| false), None);
    }

    #[test]
    fn control_and_shift_are_folded() {
        let event = KeyEvent::new(KeyCode::Char('O'), KeyModifiers::CONTROL | KeyModifiers::SHIFT);
        assert_eq!(Key::from_event(event), Key::parse("ctrl-o").unwrap());
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(Key::from_event(event), Key::parse("G").unwrap());
    }
}
