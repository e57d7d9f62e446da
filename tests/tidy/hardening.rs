//! `spec/hardening_v0.md` names tests that exist, a row for each crash rule and one for each switch.

use crate::source::rust_files;
use std::{collections::BTreeSet, fs};

fn page() -> String {
    let path = super::repository().join("spec/hardening_v0.md");
    fs::read_to_string(path).expect("a readable document")
}

/// The texts between single backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The functions of all tests, those inside the engine included.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["engine/src", "tests", "workbench/src"] {
        for source in rust_files(folder) {
            let names = source.text.split("fn ").skip(1);
            let names = names.filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_named_test_exists() {
    let (page, known) = (page(), functions());
    let mut dead = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        for text in quoted(line) {
            let name = text.rsplit("::").next().unwrap_or(text);
            let is_name = name.matches('_').count() >= 2
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if is_name && !known.contains(name) {
                dead.push(name.to_owned());
            }
        }
    }
    assert!(dead.is_empty(), "spec/hardening_v0.md names tests that are not there: {dead:?}");
}

#[test]
fn every_crash_rule_has_a_row() {
    let page = page();
    for rule in 1..=25 {
        let row = format!("| CRASH-{rule} | `");
        assert!(
            page.lines().any(|line| line.starts_with(&row)),
            "CRASH-{rule} is shown by nothing"
        );
    }
}

#[test]
fn every_switch_has_a_row() {
    let page = page();
    let switches = rust_files("engine/src").into_iter();
    let switches = switches.filter(|source| source.path == "engine/src/sabotage.rs");
    let text: String = switches.map(|source| source.text).collect();
    let names: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("Self::")).collect();
    assert!(names.len() > 20, "the switches are looked for in the wrong place: {names:?}");
    for name in names.iter().map(|name| name.trim_end_matches(',')) {
        let row = format!("| `{name}` |");
        assert!(page.lines().any(|line| line.starts_with(&row)), "{name} is in no row");
    }
}

#[test]
fn tables_are_well_formed() {
    let page = page();
    let mut width = None;
    for (number, line) in (1..).zip(page.lines()) {
        if !line.starts_with('|') {
            width = None;
            continue;
        }
        let bars = line.matches('|').count();
        assert_eq!(bars, *width.get_or_insert(bars), "line {number}: cells of another table");
    }
}
