//! Layer arrows: who may import whom, crate by crate. `ARCHITECTURE.md` has the same tables.

use crate::source::rust_files;
use std::collections::BTreeMap;

/// The layers of one crate.
struct Layers {
    /// Where its sources are.
    folder: &'static str,
    /// Who may import whom: left may import right.
    arrows: &'static [(&'static str, &'static [&'static str])],
    /// What everybody may import.
    everyone: &'static [&'static str],
    /// Names that `lib.rs` gives to items of modules, as in `use crate::Error`.
    reexported: &'static [(&'static str, &'static str)],
    /// Other crates that a module must not name.
    without: &'static [(&'static str, &'static [&'static str])],
}

const ENGINE: Layers = Layers {
    folder: "engine/src/",
    arrows: &[
        ("error", &["ids", "limits"]),
        ("ids", &[]),
        ("limits", &[]),
        ("key", &[]),
        ("printable", &[]),
        ("sabotage", &[]),
        ("sync", &[]),
        ("format", &[]),
        ("disk", &[]),
        ("sim", &["disk", "format"]),
        ("pager", &["format", "disk"]),
        ("log", &["format", "disk"]),
        ("tree", &["pager", "format"]),
        ("txn", &["tree", "log", "pager", "format", "disk", "db"]),
        ("db", &["txn", "tree", "log", "pager", "format", "disk", "inspect"]),
        ("inspect", &["format", "disk", "log"]),
        ("cartridge", &["format", "disk", "log", "txn", "db"]),
        ("queue", &["db", "txn", "cartridge", "format"]),
        ("shelf", &["db", "queue", "cartridge", "disk"]),
        ("examine", &["shelf", "cartridge", "inspect"]),
    ],
    everyone: &["error", "ids", "key", "limits", "printable", "sabotage", "sync"],
    reexported: &[
        ("Corrupt", "error"),
        ("Error", "error"),
        ("Place", "error"),
        ("Result", "error"),
        ("FileUuid", "ids"),
        ("Lsn", "ids"),
        ("PageId", "ids"),
        ("Pointer", "ids"),
        ("TxnId", "ids"),
    ],
    without: &[],
};

/// The workbench: data below, drawing beside it, screens on both, the loop around everything.
const WORKBENCH: Layers = Layers {
    folder: "workbench/src/",
    arrows: &[
        // Names and pure functions.
        ("screen_id", &[]),
        ("text", &[]),
        ("fuzzy", &[]),
        ("clipboard", &[]),
        ("action", &["screen_id"]),
        ("place", &["screen_id"]),
        ("keymap", &["action", "screen_id"]),
        ("theme", &[]),
        ("svg", &["theme"]),
        ("config", &["action", "keymap", "text", "theme"]),
        // Data.
        ("job", &["screen_id"]),
        ("demo", &[]),
        ("model", &["demo", "job", "action", "place", "screen_id", "text"]),
        // Drawing.
        ("widgets", &["action", "text", "theme"]),
        (
            "dialogs",
            &["widgets", "action", "keymap", "place", "screen_id", "text", "theme", "fuzzy"],
        ),
        (
            "screens",
            &[
                "model",
                "widgets",
                "job",
                "action",
                "place",
                "screen_id",
                "text",
                "theme",
                "fuzzy",
                "svg",
            ],
        ),
        // The whole, and what drives it.
        (
            "app",
            &[
                "screens",
                "dialogs",
                "widgets",
                "model",
                "job",
                "action",
                "keymap",
                "place",
                "screen_id",
                "text",
                "theme",
                "svg",
                "clipboard",
            ],
        ),
        ("runtime", &["app", "job", "clipboard"]),
        ("print", &["app", "job", "keymap", "place", "text"]),
        ("plain", &["app", "print", "place"]),
        ("cli", &["runtime", "screen_id", "theme"]),
        ("main", &[]),
    ],
    everyone: &[],
    reexported: &[],
    without: &[
        ("model", &["ratatui", "crossterm"]),
        ("job", &["ratatui", "crossterm"]),
        ("widgets", &["northstar_engine", "northstar_bench"]),
        ("theme", &["northstar_engine", "northstar_bench"]),
        ("runtime", &["northstar_engine", "northstar_bench"]),
    ],
};

#[test]
fn layers_of_the_engine_point_one_way() {
    assert_eq!(ENGINE.broken(), "", "arrows that point the wrong way");
}

#[test]
fn layers_of_the_workbench_point_one_way() {
    assert_eq!(WORKBENCH.broken(), "", "arrows that point the wrong way");
}

impl Layers {
    /// Every import that no arrow allows, a line each.
    fn broken(&self) -> String {
        let arrows: BTreeMap<_, _> = self.arrows.iter().copied().collect();
        let mut broken = Vec::new();
        for source in rust_files(self.folder).iter().filter(|source| !source.is_tests()) {
            let Some(module) = self.module_of(&source.path) else { continue };
            let Some(allowed) = arrows.get(module) else {
                broken.push(format!("{}: module `{module}` has no arrows", source.path));
                continue;
            };
            for target in self.imports(source.code()) {
                let everyone = self.everyone.contains(&target);
                if target != module && !everyone && !allowed.contains(&target) {
                    broken.push(format!("{}: {module} -> {target}", source.path));
                }
            }
            let without = self.without.iter().filter(|(name, _)| *name == module);
            for foreign in without.flat_map(|(_, crates)| crates.iter()) {
                if names_crate(source.code(), foreign) {
                    broken.push(format!("{}: {module} -> {foreign}", source.path));
                }
            }
        }
        broken.join("\n")
    }

    /// `db` of `engine/src/db.rs` and `engine/src/db/open.rs`; none for `lib.rs`.
    fn module_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let path = path.strip_prefix(self.folder)?;
        let module = path.split(['/', '.']).next()?;
        (module != "lib").then_some(module)
    }

    /// The top modules that a file's paths from the crate's root name, in `use` lines and elsewhere.
    fn imports<'a>(&self, code: &'a str) -> Vec<&'a str> {
        let mut found = Vec::new();
        for line in code_lines(code) {
            for (_, rest) in line.match_indices("crate::").map(|(at, _)| line.split_at(at)) {
                let rest = rest.strip_prefix("crate::").unwrap_or(rest);
                match rest.strip_prefix('{') {
                    Some(list) => {
                        let names = list.split([',', '}']);
                        found.extend(names.filter_map(|name| self.first_name(name)));
                    }
                    None => found.extend(self.first_name(rest)),
                }
            }
        }
        // `use crate::{` with its list on the lines below.
        if let Some((_, list)) = code.split_once("use crate::{\n") {
            let list = list.split("\n};").next().unwrap_or_default();
            let top =
                list.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
            found.extend(top.filter_map(|name| self.first_name(name)));
        }
        found
    }

    fn first_name<'a>(&self, text: &'a str) -> Option<&'a str> {
        let name = text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        let item = self.reexported.iter().find(|(item, _)| *item == name);
        let known = self.arrows.iter().any(|(module, _)| *module == name);
        item.map(|(_, module)| *module).or(known.then_some(name))
    }
}

fn code_lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// Whether the code names a path into the crate `name`.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code_lines(code).any(|line| line.contains(&path))
}

#[test]
fn imports_are_found() {
    let code = "use crate::error::Result;\nuse crate::{\n    disk::File,\n    pager::{\n        View,\n    },\n};\nfn f() { crate::txn::read() }\n// crate::db";
    assert_eq!(ENGINE.imports(code), ["error", "txn", "disk", "pager"]);
    let list = "use crate::{Error, TxnId, log::Lsn};";
    assert_eq!(ENGINE.imports(list), ["error", "ids", "log"]);
    assert!(names_crate("use ratatui::buffer::Buffer;", "ratatui"));
    assert!(!names_crate("//! no ratatui::anything here", "ratatui"));
}
