//! File headers, forbidden calls, long files.

use crate::source::{Source, rust_files};

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
        "engine/src/pager/region.rs",
        "engine/src/pager/table.rs",
        "engine/src/cartridge/map.rs",
        "engine/src/sync/watch.rs",
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
