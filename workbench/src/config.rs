//! The configuration: TOML, read at start, every name checked.
//!
//! `$XDG_CONFIG_HOME/northstar/config.toml`, else `~/.config/northstar/config.toml`; a missing file is
//! no error, an unknown name is one and says which name is nearest. `--print-config` writes what is in
//! force, `--init-config` makes the file to start from, `--check-config` only reads it.

use crate::action::{ACTIONS, Act, Action};
use crate::keymap::{Key, Keymap};
use crate::theme::Palette;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What can be configured.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Colours; found by themselves when not set.
    pub theme: Option<Palette>,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// Leave the mouse to the terminal.
    pub no_mouse: bool,
    /// Keys.
    pub keymap: Keymap,
}

const SETTINGS: [&str; 4] = ["theme", "ascii", "mouse", "keys"];

/// Where the configuration is looked for.
pub fn default_path() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(base.join("northstar").join("config.toml"))
}

/// Reads a configuration's text.
///
/// # Errors
/// A sentence: where it is no TOML, or which name or value is wrong and what would be right.
pub fn parse(text: &str) -> Result<Config, String> {
    let table: Table = text.parse().map_err(|error| format!("{error}"))?;
    let mut config = Config::default();
    for (name, value) in &table {
        match name.as_str() {
            "theme" => config.theme = theme(value)?,
            "ascii" => config.ascii = flag(name, value)?,
            "mouse" => config.no_mouse = !flag(name, value)?,
            "keys" => keys(value, &mut config.keymap)?,
            _ => return Err(unknown("setting", name, SETTINGS.iter().copied())),
        }
    }
    check_keys(&config.keymap)?;
    Ok(config)
}

fn flag(name: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{name} is true or false, not {value}"))
}

fn theme(value: &Value) -> Result<Option<Palette>, String> {
    let name = value.as_str().unwrap_or_default();
    if name == "auto" {
        return Ok(None);
    }
    let names = Palette::ALL.iter().map(|palette| palette.name());
    match Palette::from_name(name) {
        Some(palette) => Ok(Some(palette)),
        None => Err(unknown("theme", name, names.chain(["auto"]))),
    }
}

fn keys(value: &Value, keymap: &mut Keymap) -> Result<(), String> {
    let table = value.as_table().ok_or("keys is a table: [keys]")?;
    for (id, value) in table {
        let Some(action) = ACTIONS.iter().find(|action| action.id == id) else {
            return Err(unknown("action", id, ACTIONS.iter().map(|action| action.id)));
        };
        let list = match value {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => return Err(format!("keys of {id} are a list: [\"ctrl-o\", \"f5\"]")),
        };
        let read = |name: &&str| Key::parse(name).ok_or(format!("{id}: no key is called {name}"));
        let bound = list.iter().map(read).collect::<Result<Vec<Key>, String>>()?;
        keymap.bind(action.act, bound);
    }
    Ok(())
}

/// A key may mean one thing only in a scope.
fn check_keys(keymap: &Keymap) -> Result<(), String> {
    for (at, action) in ACTIONS.iter().enumerate() {
        for other in ACTIONS.iter().skip(at + 1).filter(|other| other.scope == action.scope) {
            let shared =
                keymap.keys(action.act).iter().find(|key| keymap.keys(other.act).contains(key));
            if let Some(key) = shared {
                return Err(format!("{key} is bound to both {} and {}", action.id, other.id));
            }
        }
    }
    if keymap.keys(Act::Quit).is_empty() {
        return Err("app.quit needs a key".to_owned());
    }
    Ok(())
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let nearest = names.min_by_key(|known| distance(name, known));
    match nearest {
        Some(nearest) => format!("no {what} is called {name}; the nearest is {nearest}"),
        None => format!("no {what} is called {name}"),
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

/// Writes the defaults to `path` as a file to start from.
///
/// # Errors
/// There is a file already, or it cannot be written.
pub fn init(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(print(&Config::default()).as_bytes())
}

/// The configuration in force, as a file with comments.
pub fn print(config: &Config) -> String {
    let theme = config.theme.map_or("auto", Palette::name);
    let mut out = format!(
        "# northstar's configuration; the default place is ~/.config/northstar/config.toml\n\n\
         # auto, dark, light, high-contrast or mono\ntheme = \"{theme}\"\n\
         # draw with ASCII characters only\nascii = {}\n\
         # false leaves the mouse to the terminal\nmouse = {}\n\n[keys]\n",
        config.ascii, !config.no_mouse
    );
    for Action { act, id, help, .. } in ACTIONS {
        let keys: Vec<Value> =
            config.keymap.keys(*act).iter().map(|key| Value::String(key.to_string())).collect();
        out.push_str(&format!("# {help}\n\"{id}\" = {}\n", Value::Array(keys)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        let text = print(&Config::default());
        let config = parse(&text).expect("the printed configuration is valid");
        assert_eq!(print(&config), text);
        assert!(parse("").is_ok(), "an empty file changes nothing");
    }

    #[test]
    fn a_file_to_start_from_is_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("northstar/config.toml");
        init(&path).expect("written");
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(parse(&text).is_ok());
        assert!(init(&path).is_err(), "what is there is not overwritten");
    }

    #[test]
    fn keys_are_remapped() {
        let config =
            parse("[keys]\n\"map.mode\" = [\"f2\"]\n\"app.quit\" = \"ctrl-q\"").expect("valid");
        assert_eq!(config.keymap.keys(Act::MapMode), [Key::parse("f2").expect("a key")]);
        assert_eq!(config.keymap.keys(Act::Quit).len(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("teme = \"dark\"", "no setting is called teme; the nearest is theme"),
            ("theme = \"drak\"", "no theme is called drak; the nearest is dark"),
            ("[keys]\n\"map.mod\" = \"x\"", "the nearest is map.mode"),
            ("[keys]\n\"map.mode\" = \"nokey\"", "no key is called nokey"),
            ("[keys]\n\"map.mode\" = \"o\"", "o is bound to both map.mode and map.orphans"),
            ("[keys]\n\"app.quit\" = []", "app.quit needs a key"),
            ("ascii = 3", "ascii is true or false"),
            ("= 3", "invalid"),
        ];
        for (text, want) in cases {
            let found = parse(text).expect_err(text);
            assert!(found.contains(want) || want == "invalid", "{text}: {found}");
        }
    }
}
