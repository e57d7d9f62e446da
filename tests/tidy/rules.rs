//! Rule numbers: the code and `spec/invariants.md` know the same ones, and every rule has its checker.

use crate::source::{Source, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A line of the tables of `invariants.md`.
struct Rule {
    id: String,
    because: String,
    checker: String,
}

fn invariants() -> String {
    let path = super::repository().join("spec/invariants.md");
    fs::read_to_string(path).expect("a readable document")
}

fn rules() -> Vec<Rule> {
    let text = invariants();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id"));
    let rules = rows.filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let id = cells.next().filter(|id| is_id(id))?.to_owned();
        let _rule = cells.next()?;
        let because = cells.next()?.to_owned();
        let checker = cells.next()?.trim_matches('`').to_owned();
        Some(Rule { id, because, checker })
    });
    rules.collect()
}

/// Whether a text is a rule's number: `PAGE-3`.
fn is_id(text: &str) -> bool {
    let Some((family, number)) = text.split_once('-') else { return false };
    family.len() >= 3
        && family.bytes().all(|byte| byte.is_ascii_uppercase())
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Rule numbers that stand in the code as strings.
fn ids_in_code(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_tests()) {
        for text in source.code().split('"') {
            if is_id(text) && !text.starts_with("CRASH") {
                found.entry(text.to_owned()).or_insert_with(|| source.path.clone());
            }
        }
    }
    found
}

#[test]
fn every_number_in_the_code_is_explained() {
    let known: BTreeSet<String> = rules().into_iter().map(|rule| rule.id).collect();
    let mut dead = Vec::new();
    for (id, path) in ids_in_code(&rust_files("engine/src")) {
        if !known.contains(&id) {
            dead.push(format!("{id} in {path}"));
        }
    }
    assert!(dead.is_empty(), "not in spec/invariants.md:\n{}", dead.join("\n"));
}

/// Comments and documents too: a number that nobody explains is no help.
#[test]
fn every_number_that_is_mentioned_exists() {
    let known: BTreeSet<String> = rules().into_iter().map(|rule| rule.id).collect();
    let families: BTreeSet<&str> = known.iter().filter_map(|id| id.split('-').next()).collect();
    let mut texts: Vec<(String, String)> = Vec::new();
    for folder in ["engine/src", "headless/src", "workbench/src", "tests"] {
        texts.extend(rust_files(folder).into_iter().map(|source| (source.path, source.text)));
    }
    for entry in fs::read_dir(super::repository().join("spec")).expect("spec").flatten() {
        if let Ok(text) = fs::read_to_string(entry.path()) {
            texts.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    let mut dead = BTreeSet::new();
    for (path, text) in &texts {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        for word in words.filter(|word| is_id(word)) {
            let family = word.split('-').next().unwrap_or_default();
            if families.contains(family) && !known.contains(word) {
                dead.insert(format!("{word} in {path}"));
            }
        }
    }
    assert!(dead.is_empty(), "not in spec/invariants.md: {dead:#?}");
}

#[test]
fn every_rule_has_its_checker() {
    let sources = rust_files("engine/src");
    let mut dead = Vec::new();
    for rule in rules() {
        if let Err(why) = find_checker(&sources, &rule) {
            dead.push(format!("{}: {}: {why}", rule.id, rule.checker));
        }
    }
    assert!(dead.is_empty(), "rules of spec/invariants.md without a checker:\n{}", dead.join("\n"));
}

/// The function `a::b::Type::name` must be in `engine/src/a/b.rs` and name the rule in its text or in
/// its documentation.
fn find_checker(sources: &[Source], rule: &Rule) -> Result<(), String> {
    let mut segments: Vec<&str> = rule.checker.split("::").collect();
    let function = segments.pop().ok_or("no path")?;
    segments.retain(|segment| segment.starts_with(|c: char| c.is_ascii_lowercase()));
    let path = format!("engine/src/{}.rs", segments.join("/"));
    let source = sources.iter().find(|source| source.path == path);
    let source = source.ok_or_else(|| format!("no file {path}"))?;
    let bodies = functions(&source.text, function);
    if bodies.is_empty() {
        return Err(format!("no function {function} in {path}"));
    }
    let named = bodies.iter().any(|body| mentions(body, &rule.id));
    if named { Ok(()) } else { Err(format!("{function} does not name it")) }
}

fn mentions(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let next = text.get(at + id.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|c| c.is_ascii_digit())
    })
}

/// The functions of a name, each with its documentation.
fn functions<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> = lines
        .iter()
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start)
        })
        .collect();
    for (index, line) in lines.iter().enumerate() {
        let declares = [format!("fn {name}("), format!("fn {name}<")];
        if !declares.iter().any(|text| line.contains(text)) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}\n", " ".repeat(indent));
        let comment = |line: &&&str| {
            line.trim_start().starts_with("//") || line.trim_start().starts_with('#')
        };
        let above = lines[..index].iter().rev().take_while(comment).count();
        let below = lines[index..].iter().position(|line| *line == end);
        let last = below.map_or(lines.len() - 1, |below| index + below);
        let from = starts[index - above];
        let to = starts[last] + lines[last].len();
        found.push(&text[from..to]);
    }
    found
}

#[test]
fn every_crash_rule_is_there_and_cited() {
    let text = invariants();
    for number in 1..=25 {
        assert!(text.contains(&format!("**CRASH-{number}.** ")), "CRASH-{number} is not stated");
    }
    assert!(!text.contains("**CRASH-26.** "), "a new crash rule: raise the number in this test");
    for rule in rules() {
        for crash in rule.because.split(", ").filter(|crash| !crash.is_empty()) {
            let stated = text.contains(&format!("**{crash}.** "));
            assert!(stated, "{} cites {crash}, which is not stated", rule.id);
        }
    }
}

/// The code says where it keeps each crash rule: "rule 9", "crash rules 4, 10 and 22".
#[test]
fn every_crash_rule_is_kept_somewhere() {
    let sources = rust_files("engine/src");
    let mut kept = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_tests()) {
        let text = source.text.replace("\n//!", " ").replace("///", " ").replace("//", " ");
        for (at, _) in text.match_indices("rule") {
            let rest = text.get(at + 4..).unwrap_or_default();
            let rest = rest.strip_prefix('s').unwrap_or(rest);
            let list: String = rest
                .chars()
                .take(60)
                .take_while(|c| c.is_ascii_digit() || " ,\nandtorule".contains(*c))
                .collect();
            let mut numbers = list.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
            let first: Option<u32> = numbers.clone().next().and_then(|n| n.parse().ok());
            kept.extend(numbers.by_ref().filter_map(|n| n.parse::<u32>().ok()));
            // "rules 12 to 21"
            if let (true, Some(first)) = (list.contains(" to "), first) {
                let last = list.split(" to ").nth(1).and_then(|n| n.trim().parse().ok());
                kept.extend(first..=last.unwrap_or(first));
            }
        }
    }
    let missing: Vec<u32> = (1..=25).filter(|number| !kept.contains(number)).collect();
    assert!(missing.is_empty(), "no code says that it keeps crash rules {missing:?}");
}

#[test]
fn numbers_are_given_once_and_in_order() {
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for rule in rules() {
        let (family, number) = rule.id.split_once('-').expect("an id");
        let number: u32 = number.parse().expect("a number");
        let before = last.insert(family.to_owned(), number);
        assert!(before.is_none_or(|before| before < number), "{} is out of order", rule.id);
    }
    assert!(last.len() > 8, "the tables of invariants.md were not found");
}
