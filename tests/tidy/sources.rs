//! Layer arrows, file headers, forbidden calls, long files.

use crate::source::{Source, rust_files};
use std::collections::BTreeMap;

/// Who may import whom in the engine: left may import right. `ARCHITECTURE.md` has the same table.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &["ids", "limits"]),
    ("ids", &[]),
    ("limits", &[]),
    ("key", &[]),
    ("printable", &[]),
    ("sabotage", &[]),
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
];

/// What everybody may import.
const EVERYONE: &[&str] = &["error", "ids", "key", "limits", "printable", "sabotage"];

/// Names that `lib.rs` gives to items of modules, as in `use crate::Error`.
const REEXPORTED: &[(&str, &str)] = &[
    ("Corrupt", "error"),
    ("Error", "error"),
    ("Place", "error"),
    ("Result", "error"),
    ("FileUuid", "ids"),
    ("Lsn", "ids"),
    ("PageId", "ids"),
    ("Pointer", "ids"),
    ("TxnId", "ids"),
];

#[test]
fn layers_point_one_way() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut broken = Vec::new();
    for source in rust_files("engine/src").iter().filter(|source| !source.is_tests()) {
        let Some(module) = module_of(&source.path) else { continue };
        let Some(allowed) = arrows.get(module) else {
            broken.push(format!("{}: module `{module}` has no arrows", source.path));
            continue;
        };
        for target in imports(source.code()) {
            let fine = target == module || EVERYONE.contains(&target) || allowed.contains(&target);
            if !fine {
                broken.push(format!("{}: {module} -> {target}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "arrows that point the wrong way:\n{}", broken.join("\n"));
}

/// `db` of `engine/src/db.rs` and `engine/src/db/open.rs`; none for `lib.rs`.
fn module_of(path: &str) -> Option<&str> {
    let path = path.strip_prefix("engine/src/")?;
    let module = path.split(['/', '.']).next()?;
    (module != "lib").then_some(module)
}

/// The top modules that a file's paths from the crate's root name, in `use` lines and elsewhere.
fn imports(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in code.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        for (_, rest) in line.match_indices("crate::").map(|(at, _)| line.split_at(at)) {
            let rest = rest.strip_prefix("crate::").unwrap_or(rest);
            match rest.strip_prefix('{') {
                Some(list) => found.extend(list.split([',', '}']).filter_map(first_name)),
                None => found.extend(first_name(rest)),
            }
        }
    }
    // `use crate::{` with its list on the lines below.
    if let Some((_, list)) = code.split_once("use crate::{\n") {
        let list = list.split("\n};").next().unwrap_or_default();
        let top =
            list.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
        found.extend(top.filter_map(first_name));
    }
    found
}

fn first_name(text: &str) -> Option<&str> {
    let name = text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    let module = REEXPORTED.iter().find(|(item, _)| *item == name).map(|(_, module)| *module);
    let known = ARROWS.iter().any(|(module, _)| *module == name);
    module.or(known.then_some(name))
}

#[test]
fn imports_are_found() {
    let code = "use crate::error::Result;\nuse crate::{\n    disk::File,\n    pager::{\n        View,\n    },\n};\nfn f() { crate::txn::read() }\n// crate::db";
    assert_eq!(imports(code), ["error", "txn", "disk", "pager"]);
    assert_eq!(imports("use crate::{Error, TxnId, log::Lsn};"), ["error", "ids", "log"]);
}

#[test]
fn every_file_says_what_it_is() {
    let mut bare = Vec::new();
    for folder in ["engine/src", "bench/src", "headless/src", "workbench/src", "tests"] {
        for source in rust_files(folder) {
            let first = source.text.lines().next().unwrap_or_default();
            let says = first.strip_prefix("//! ").is_some_and(|text| text.trim().len() > 8);
            if !says || first.contains("skeleton") {
                bare.push(source.path);
            }
        }
    }
    assert!(bare.is_empty(), "no `//!` header in the first line:\n{}", bare.join("\n"));
}

/// Files in which a text stands outside tests and comments.
fn users<'a>(sources: &'a [Source], texts: &[&str]) -> Vec<&'a str> {
    let code = |source: &&Source| {
        !source.is_tests()
            && source.code().lines().any(|line| {
                let line = line.split("//").next().unwrap_or_default();
                texts.iter().any(|text| line.contains(text))
            })
    };
    sources.iter().filter(code).map(|source| source.path.as_str()).collect()
}

#[test]
fn only_disk_touches_the_file_system() {
    let engine = rust_files("engine/src");
    let mut users = users(&engine, &["std::fs", "fs::File", "fs::OpenOptions"]);
    // Cartridges are mapped into memory: that needs the file itself.
    users.retain(|path| !path.contains("/disk/") && *path != "engine/src/cartridge/map.rs");
    assert!(users.is_empty(), "std::fs outside disk: {users:?}");
}

#[test]
fn libraries_do_not_print() {
    let prints = ["println!", "print!", "dbg!"];
    for folder in ["engine/src", "bench/src", "workbench/src"] {
        let sources = rust_files(folder);
        let mut users = users(&sources, &prints);
        // What goes to standard output has one place a program.
        users.retain(|path| {
            !path.ends_with("/main.rs") && !path.contains("/output") && !path.contains("/print")
        });
        assert!(users.is_empty(), "printing in a library: {users:?}");
    }
}

#[test]
fn unsafe_stands_where_it_may() {
    let engine = rust_files("engine/src");
    let allowed = [
        "engine/src/disk/os.rs",
        "engine/src/pager/frame.rs",
        "engine/src/pager/huge.rs",
        "engine/src/pager/prefetch.rs",
        "engine/src/pager/table.rs",
        "engine/src/cartridge/map.rs",
    ];
    let mut users = users(&engine, &["unsafe {", "unsafe fn", "unsafe impl"]);
    users.retain(|path| !allowed.contains(path) && !path.contains("/disk/os/"));
    assert!(users.is_empty(), "unsafe outside its modules: {users:?}");
}

#[test]
fn long_files_are_reported() {
    let mut long: Vec<(usize, String)> =
        ["engine/src", "bench/src", "headless/src", "workbench/src"]
            .into_iter()
            .flat_map(rust_files)
            .map(|source| (source.code().lines().count(), source.path))
            .filter(|(lines, _)| *lines > 600)
            .collect();
    long.sort();
    for (lines, path) in &long {
        println!("a smell, not a crime: {path} has {lines} lines");
    }
    assert!(long.len() < 40, "files of more than 600 lines are becoming a habit: {long:?}");
}
