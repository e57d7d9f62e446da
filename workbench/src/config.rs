//! The configuration: TOML, read at start, every name checked.
//!
//! `$XDG_CONFIG_HOME/northstar/config.toml`, else `~/.config/northstar/config.toml`; a missing file is
//! no error, an unknown name is one and says which name is nearest. `--print-config` writes what is in
//! force, `--init-config` makes the file to start from, `--check-config` only reads it.

mod read;

use crate::action::{ACTIONS, Action};
use crate::keymap::Keymap;
use crate::text;
use crate::theme::Palette;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use toml::Value;

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

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its line, from 1; none where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Mistakes for a person: one on its line, more below each other.
pub fn told(mistakes: &[Mistake]) -> String {
    match mistakes {
        [one] => one.to_string(),
        many => {
            let each = many.iter().map(|mistake| format!("\n  {mistake}"));
            format!("{}{}", text::plural(many.len() as u64, "mistake"), each.collect::<String>())
        }
    }
}

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
/// All that is wrong with it, by line: where it is no TOML, and which names or values are wrong.
pub fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    let (config, mistakes) = read::read(text);
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
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
    use crate::action::Act;
    use crate::keymap::Key;

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
            ("teme = \"dark\"", "line 1: no setting is called teme; the nearest is theme"),
            ("theme = \"drak\"", "line 1: no theme is called drak; the nearest is dark"),
            ("theme = 3", "line 1: no theme is called 3; the nearest is "),
            ("[keys]\n\"map.mod\" = \"x\"", "the nearest is map.mode"),
            ("[keys]\n\"map.mode\" = \"nokey\"", "line 2: map.mode: no key is called nokey"),
            ("[keys]\n\"map.mode\" = \"ctrl-entr\"", "the nearest is ctrl-enter"),
            ("[keys]\n\"map.mode\" = [\"f2\", 3]", "line 2: keys of map.mode are a list"),
            ("[keys]\n\"map.mode\" = \"o\"", "line 2: o is bound to both map.mode and map.orphans"),
            ("[keys]\n\"app.quit\" = []", "line 2: app.quit needs a key"),
            ("ascii = 3", "line 1: ascii is true or false, not 3"),
            ("keys = 3", "line 1: keys is a table"),
            ("ascii = true\n= 3", "line 2: "),
        ];
        for (text, want) in cases {
            let found = told(&parse(text).expect_err(text));
            assert!(found.contains(want), "{text}: {found}");
            assert_eq!(found.lines().count(), 1, "{text}: {found}");
        }
    }

    /// Whoever mends a file wants to know all of it, and nothing that only follows from something else.
    #[test]
    fn all_mistakes_are_told_at_once_by_line() {
        let text = "theme = \"drak\"\nteme = 1\nascii = \nmouse = \"no\"\n\n[keys]\n\
                    \"map.mode\" = [\"o\", \"nokey\"]\n\"map.mod\" = \"x\"\n\"app.help\" = \"q\"\n";
        let found = parse(text).expect_err("it is full of mistakes");
        let lines: Vec<_> = found.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 7, 8, 9].map(Some), "{}", told(&found));
        let told = told(&found);
        assert!(told.starts_with("7 mistakes\n  line 1: no theme is called drak"), "{told}");
        assert!(!told.contains("map.orphans"), "its keys were not understood: {told}");
        assert!(told.contains("line 9: q is bound to both app.quit and app.help"), "{told}");
    }
}
