//! Reading a configuration's text: all that is wrong with it at once, each with its line and the nearest
//! name there is.
//!
//! Called by the parent module. Text that is no TOML is gone on behind; of a line that is no TOML nothing
//! else is said. An action whose keys are wrong is not judged for keys it shares with another.

use super::{Config, Mistake};
use crate::action::{ACTIONS, Act};
use crate::keymap::Key;
use crate::theme::Palette;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

const SETTINGS: [&str; 4] = ["theme", "ascii", "mouse", "keys"];
/// How far a name of a key may be from what was written to be worth naming: all of them are short.
const KEY_DISTANCE_MAX: usize = 2;

/// Reads `text`; the configuration that is left when every mistake is passed over, and the mistakes by line.
pub(super) fn read(text: &str) -> (Config, Vec<Mistake>) {
    let (table, faults) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        text,
        config: Config::default(),
        mistakes: Vec::new(),
        no_toml: BTreeSet::new(),
        bound: Vec::new(),
        doubtful: Vec::new(),
    };
    for fault in faults {
        let line = fault.span().map(|span| reader.line_of(span.start));
        reader.mistakes.push(Mistake { line, what: fault.message().replace('\n', " ") });
    }
    reader.no_toml = reader.mistakes.iter().filter_map(|mistake| mistake.line).collect();
    for (name, value) in table.get_ref() {
        reader.setting(name, value);
    }
    reader.check_keys();
    let Reader { config, mut mistakes, .. } = reader;
    mistakes.sort_by_key(|mistake| mistake.line);
    (config, mistakes)
}

/// A name or a value, with its place in the text.
type Value<'t> = Spanned<DeValue<'t>>;

struct Reader<'t> {
    text: &'t str,
    config: Config,
    mistakes: Vec<Mistake>,
    /// Lines that are no TOML.
    no_toml: BTreeSet<usize>,
    /// Actions whose keys the text sets, and where.
    bound: Vec<(Act, usize)>,
    /// Actions whose keys it sets wrongly.
    doubtful: Vec<Act>,
}

impl Reader<'_> {
    /// The line of an offset, from 1.
    fn line_of(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn wrong(&mut self, line: usize, what: String) {
        if !self.no_toml.contains(&line) {
            self.mistakes.push(Mistake { line: Some(line), what });
        }
    }

    fn line_of_value(&self, value: &Value<'_>) -> usize {
        self.line_of(value.span().start)
    }

    /// A value as it is written.
    fn written(&self, value: &Value<'_>) -> String {
        self.text.get(value.span()).unwrap_or_default().to_owned()
    }

    fn setting(&mut self, name: &Spanned<DeString<'_>>, value: &Value<'_>) {
        let line = self.line_of(name.span().start);
        match name.get_ref().as_ref() {
            "theme" => self.theme(value),
            "ascii" => self.config.ascii = self.flag("ascii", value).unwrap_or(false),
            "mouse" => self.config.no_mouse = !self.flag("mouse", value).unwrap_or(true),
            "keys" => self.keys(value),
            name => self.wrong(line, unknown("setting", name, SETTINGS.iter().copied())),
        }
    }

    fn flag(&mut self, name: &str, value: &Value<'_>) -> Option<bool> {
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        let what = format!("{name} is true or false, not {}", self.written(value));
        self.wrong(self.line_of_value(value), what);
        None
    }

    fn theme(&mut self, value: &Value<'_>) {
        let name = match value.get_ref() {
            DeValue::String(name) => name.clone().into_owned(),
            _ => self.written(value),
        };
        if name == "auto" {
            return;
        }
        self.config.theme = Palette::from_name(&name);
        if self.config.theme.is_none() {
            let names = Palette::ALL.iter().map(|palette| palette.name());
            let what = unknown("theme", &name, names.chain(["auto"]));
            self.wrong(self.line_of_value(value), what);
        }
    }

    fn keys(&mut self, value: &Value<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(self.line_of_value(value), "keys is a table: [keys]".to_owned());
        };
        for (id, value) in table {
            let line = self.line_of(id.span().start);
            let id = id.get_ref().as_ref();
            match ACTIONS.iter().find(|action| action.id == id) {
                Some(action) => self.bind(action.act, id, line, value),
                None => {
                    let names = ACTIONS.iter().map(|action| action.id);
                    self.wrong(line, unknown("action", id, names));
                }
            }
        }
    }

    fn bind(&mut self, act: Act, id: &str, line: usize, value: &Value<'_>) {
        let before = self.mistakes.len();
        let mut keys = Vec::new();
        let list = match value.get_ref() {
            DeValue::Array(many) => many.iter().collect(),
            _ => vec![value],
        };
        for one in list {
            let line = self.line_of_value(one);
            match one.get_ref() {
                DeValue::String(name) => match Key::parse(name) {
                    Some(key) => keys.push(key),
                    None => self.wrong(line, format!("{id}: {}", unknown_key(name))),
                },
                _ => {
                    let found = self.written(one);
                    let what =
                        format!("keys of {id} are a list: [\"ctrl-o\", \"f5\"], not {found}");
                    self.wrong(line, what);
                }
            }
        }
        if self.mistakes.len() > before || self.no_toml.contains(&line) {
            self.doubtful.push(act);
        } else {
            self.config.keymap.bind(act, keys);
            self.bound.push((act, line));
        }
    }

    /// A key may mean one thing only in a scope, and there is a way out.
    fn check_keys(&mut self) {
        let mut mistakes = Vec::new();
        let keymap = &self.config.keymap;
        let line = |act: Act| self.bound.iter().find(|(of, _)| *of == act).map(|(_, line)| *line);
        for (at, action) in ACTIONS.iter().enumerate() {
            for other in ACTIONS.iter().skip(at + 1).filter(|other| other.scope == action.scope) {
                let doubtful = |act: Act| self.doubtful.contains(&act);
                if doubtful(action.act) || doubtful(other.act) {
                    continue;
                }
                let mut keys = keymap.keys(action.act).iter();
                if let Some(key) = keys.find(|key| keymap.keys(other.act).contains(key)) {
                    let what = format!("{key} is bound to both {} and {}", action.id, other.id);
                    mistakes.push(Mistake { line: line(action.act).max(line(other.act)), what });
                }
            }
        }
        if keymap.keys(Act::Quit).is_empty() {
            let what = "app.quit needs a key".to_owned();
            mistakes.push(Mistake { line: line(Act::Quit), what });
        }
        self.mistakes.extend(mistakes);
    }
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let nearest = names.min_by_key(|known| distance(name, known));
    match nearest {
        Some(nearest) => format!("no {what} is called {name}; the nearest is {nearest}"),
        None => format!("no {what} is called {name}"),
    }
}

/// The nearest name of a key is one with the same modifiers.
fn unknown_key(name: &str) -> String {
    let bare = name.rfind('-').map_or(name, |at| &name[at + 1..]);
    let modifiers = name.strip_suffix(bare).unwrap_or_default();
    let near = Key::names().filter(|known| distance(bare, known) <= KEY_DISTANCE_MAX);
    match near.min_by_key(|known| distance(bare, known)) {
        Some(known) => format!("no key is called {name}; the nearest is {modifiers}{known}"),
        None => format!("no key is called {name}"),
    }
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, from) in a.chars().enumerate() {
        let mut corner = at;
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
        let mut left = at + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = corner + usize::from(from != *to);
            corner = *cell;
            *cell = changed.min(corner + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}
