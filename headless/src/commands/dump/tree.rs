//! `dump DB tree`: the nodes of the newest tree on disk, from the root down, each once.
//!
//! Memory: a bit of bookkeeping for each page seen. A damaged branch is reported and passed over.

use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, hex::Hex, json, json::Bytes},
};
use color_eyre::eyre::Result;
use northstar_engine::{
    PageId, Pointer,
    inspect::{
        self, Source,
        tree::{Entry, NodeView, Root, node},
    },
};
use serde::Serialize;
use std::collections::BTreeSet;

/// A line of `dump tree --json`.
#[derive(Debug, Serialize)]
struct NodeJson<'a> {
    page: u64,
    level: u8,
    birth: u64,
    entries: usize,
    fill_permille: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_key_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_key_hex: Option<Hex<'a>>,
    children: Vec<u64>,
    problems: Vec<String>,
}

pub(super) fn run(
    source: &Source,
    depth: Option<usize>,
    as_json: bool,
    out: &mut Out,
) -> Result<Exit> {
    let metas = inspect::metas(source);
    let slot = metas.chosen.and_then(|slot| metas.slots.iter().find(|view| view.slot == slot));
    let Some(root) = slot.and_then(|slot| slot.root) else {
        let reason = Printable::message(&metas.reason, 300);
        return Err(Told::corrupt(format!("no meta slot can be used: {reason}")).into());
    };
    if !as_json {
        out.line(summary(&root))?;
    }
    let mut seen = BTreeSet::new();
    let mut open = vec![(root.pointer, root.level(), 0)];
    while let Some((pointer, level, indent)) = open.pop() {
        if pointer.is_null() || depth.is_some_and(|depth| indent >= depth) {
            continue;
        }
        if !seen.insert(pointer.page) {
            broken(out, pointer.page, indent, as_json, "is in the tree twice")?;
            continue;
        }
        match node(source, pointer, level) {
            Ok(view) => {
                if as_json {
                    json::line(out, &NodeJson::new(&view))?;
                } else {
                    line(out, &view, indent)?;
                }
                let children = view.entries.iter().rev().filter_map(child);
                let level = view.level.checked_sub(1);
                open.extend(children.map(|pointer| (pointer, level, indent + 1)));
            }
            Err(corrupt) => {
                let why = Printable::message(corrupt.to_string(), 400);
                broken(out, pointer.page, indent, as_json, why.as_str())?;
            }
        }
    }
    Ok(Exit::Done)
}

fn summary(root: &Root) -> String {
    let Root { txn_id, depth, key_count, pointer, .. } = root;
    format!("transaction {txn_id}: {key_count} rows, {depth} levels, root page {}", pointer.page)
}

fn child(entry: &Entry) -> Option<Pointer> {
    match entry {
        Entry::Child { pointer, .. } => Some(*pointer),
        Entry::Row { .. } => None,
    }
}

fn keys(view: &NodeView) -> (Option<&[u8]>, Option<&[u8]>) {
    (view.entries.first().map(Entry::key), view.entries.last().map(Entry::key))
}

fn line(out: &mut Out, view: &NodeView, indent: usize) -> Result<()> {
    let kind = if view.leaf { "leaf" } else { "internal" };
    let (first, last) = keys(view);
    let [first, last] = [first, last].map(|key| Printable::capped(key.unwrap_or_default(), 40));
    out.line(format_args!(
        "{:indent$}page {} {kind} level {}: {} entries, {} % full, born in {}, \"{first}\" to \"{last}\"",
        "",
        view.pointer.page,
        view.level,
        view.entries.len(),
        view.fill_permille / 10,
        view.birth,
        indent = indent * 2
    ))?;
    for problem in &view.problems {
        let problem = Printable::message(problem.to_string(), 400);
        out.line(format_args!("{:indent$}  WRONG {problem}", "", indent = indent * 2))?;
    }
    Ok(())
}

/// A branch that cannot be followed.
#[derive(Debug, Serialize)]
struct BrokenJson<'a> {
    page: u64,
    problems: [&'a str; 1],
}

fn broken(out: &mut Out, page: PageId, indent: usize, as_json: bool, why: &str) -> Result<()> {
    if as_json {
        return json::line(out, &BrokenJson { page: page.get(), problems: [why] });
    }
    out.line(format_args!("{:indent$}page {page} WRONG {why}", "", indent = indent * 2))
}

impl<'a> NodeJson<'a> {
    fn new(view: &'a NodeView) -> Self {
        let (first, last) = keys(view);
        let (first, last) = (first.map(Bytes), last.map(Bytes));
        Self {
            page: view.pointer.page.get(),
            level: view.level,
            birth: view.birth.get(),
            entries: view.entries.len(),
            fill_permille: view.fill_permille,
            first_key: first.and_then(Bytes::text),
            first_key_hex: first.and_then(Bytes::hex),
            last_key: last.and_then(Bytes::text),
            last_key_hex: last.and_then(Bytes::hex),
            children: view.entries.iter().filter_map(child).map(|child| child.page.get()).collect(),
            problems: view.problems.iter().map(ToString::to_string).collect(),
        }
    }
}
