//! `spec/cli_json_v0.md` held to the real output: no field that is not listed, none listed that is
//! not there, types as said.

use crate::support::{Folder, jsonl_rows};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// One row of a table.
#[derive(Debug)]
struct Listed {
    presence: String,
    kind: String,
}

/// The specification: fields by section, and which of them were seen.
struct Spec {
    sections: BTreeMap<String, BTreeMap<String, Listed>>,
    seen: BTreeSet<(String, String)>,
}

impl Spec {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/cli_json_v0.md");
        let text = std::fs::read_to_string(path).expect("the specification is there");
        let mut sections: BTreeMap<String, BTreeMap<String, Listed>> = BTreeMap::new();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title.to_owned();
            } else if line.starts_with("| `") {
                let cells: Vec<_> = line.split('|').map(str::trim).collect();
                let [_, name, presence, kind, meaning, _] = cells[..] else {
                    panic!("{section}: a row of four cells: {line}")
                };
                assert!(!meaning.is_empty(), "{section}: {name} has no meaning");
                let listed = Listed { presence: presence.to_owned(), kind: kind.to_owned() };
                let name = name.trim_matches('`').to_owned();
                let fields = sections.entry(section.clone()).or_default();
                assert!(fields.insert(name, listed).is_none(), "{section}: twice: {line}");
            }
        }
        Self { sections, seen: BTreeSet::new() }
    }

    /// Holds one object to a section's table.
    fn object(&mut self, section: &str, value: &Value) {
        let object = value.as_object().unwrap_or_else(|| panic!("{section}: no object: {value}"));
        let Some(fields) = self.sections.get(section) else { panic!("no section {section}") };
        for (name, listed) in fields {
            let there = object.contains_key(name) || listed.presence != "always";
            assert!(there, "{section}: no {name} in {value}");
        }
        let mut open = Vec::new();
        for (name, value) in object {
            let Some(listed) = fields.get(name) else { panic!("{section}: {name} is not listed") };
            open.push((format!("{section}: {name}"), listed.kind.clone(), value));
            self.seen.insert((section.to_owned(), name.clone()));
        }
        for (place, kind, value) in open {
            self.value(&place, &kind, value);
        }
    }

    /// Holds one value to a type: `integer`, `list of text`, `[section](#section) or null`.
    fn value(&mut self, place: &str, kind: &str, value: &Value) {
        if let Some(kind) = kind.strip_suffix(" or null") {
            return if value.is_null() {
            } else {
                self.value(place, kind, value)
            };
        }
        if let Some(kind) = kind.strip_prefix("list of ") {
            let list = value.as_array().unwrap_or_else(|| panic!("{place}: no list: {value}"));
            return list.iter().for_each(|value| self.value(place, kind, value));
        }
        if let Some(link) = kind.strip_prefix('[') {
            let section = link.split(']').next().unwrap_or_default();
            let anchor = link.split(['(', ')']).nth(1).unwrap_or_default();
            assert_eq!(anchor, format!("#{}", section.replace(' ', "-")), "{place}: the link");
            return self.object(section, value);
        }
        let right = match kind {
            "integer" => value.is_u64(),
            "text" => value.is_string(),
            "boolean" => value.is_boolean(),
            "place" => value.is_object() || value == "file",
            "any" => true,
            _ => panic!("{place}: the specification names a type {kind}"),
        };
        assert!(right, "{place}: {value} is no {kind}");
    }

    /// Runs a command whose output is a document, or a list of documents.
    fn document(&mut self, section: &str, folder: &Folder, arguments: &[&str]) {
        let text = folder.run(arguments).text();
        let value: Value = serde_json::from_str(&text).expect("one JSON document");
        match value {
            Value::Array(list) => list.iter().for_each(|value| self.object(section, value)),
            value => self.object(section, &value),
        }
    }

    /// Runs a command whose output is a stream.
    fn stream(&mut self, section: &str, folder: &Folder, arguments: &[&str], stdin: &str) {
        let text = folder.run_with(arguments, stdin).text();
        assert!(!text.is_empty(), "{arguments:?} printed nothing");
        for line in text.lines() {
            let value = serde_json::from_str(line).expect("one JSON object a line");
            self.object(section, &value);
        }
    }

    fn finish(self) {
        for (section, fields) in &self.sections {
            for (name, listed) in fields {
                let key = (section.clone(), name.clone());
                let seen = self.seen.contains(&key) || listed.presence == "rare";
                assert!(seen, "{section}: {name} is listed and was never printed");
            }
        }
    }
}

#[test]
fn output_is_as_specified() {
    let folder = Folder::new();
    let mut spec = Spec::read();
    let mut rows = jsonl_rows(2_000);
    rows.push_str(
        "{\"key_hex\":\"00ff\",\"value_hex\":\"ff\"}\n{\"key_hex\":\"ff\",\"value_hex\":\"ff\"}\n",
    );
    spec.stream("load", &folder, &["load", "a.ns", "-", "--format", "jsonl", "--json"], &rows);
    folder.run(&["del", "a.ns", "k0000001"]).ok();
    folder.run_with(&["put", "a.ns", "long", "--file", "-"], "x".repeat(50_000)).ok();
    spec.stream("scan", &folder, &["scan", "a.ns", "--format", "jsonl"], "");
    spec.document("hash", &folder, &["hash", "a.ns", "--json"]);
    spec.document("replay", &folder, &["replay", "a.ns.log", "--json"]);
    spec.document("history", &folder, &["history", "a.ns", "--json"]);
    spec.stream("diff", &folder, &["diff", "a.ns", "0", "1", "--json"], "");
    spec.stream("diff", &folder, &["diff", "a.ns", "1", "2", "--json"], "");
    spec.document("dump meta", &folder, &["dump", "a.ns", "meta", "--json"]);
    let pages = folder.read("a.ns").len() / 16_384;
    for page in 0..pages.min(40) {
        let page = page.to_string();
        spec.document("dump page", &folder, &["dump", "a.ns", "page", &page, "--json"]);
    }
    spec.stream("dump tree", &folder, &["dump", "a.ns", "tree", "--json"], "");
    spec.document("dump stats", &folder, &["dump", "a.ns", "stats", "--json"]);
    spec.stream("logdump", &folder, &["logdump", "a.ns", "--json", "--ops", "--verify"], "");
    queue_and_cartridges(&mut spec, &folder);
    spec.document("dump freelist", &folder, &["dump", "a.ns", "freelist", "--json"]);
    spec.document("torture", &folder, &["torture", "--workload", "0R5-p", "--json"]);
    spec.document("compact", &folder, &["compact", "a.ns", "--json"]);
    spec.document("check", &folder, &["check", "a.ns", "--json"]);
    damage(&mut spec, &folder);
    spec.finish();
}

fn queue_and_cartridges(spec: &mut Spec, folder: &Folder) {
    let add = ["queue", "add", "a.ns", "--lines", "-", "--json"];
    let tasks = "{\"type\":\"t\",\"payload\":\"p\"}\n{\"type\":\"t\",\"payload_hex\":\"ff\"}\n";
    spec.stream("queue add", folder, &add, tasks);
    let raw = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
    let words = ["queue", "add", "a.ns"].map(std::ffi::OsStr::new);
    folder.run(&[&words[..], &[raw, std::ffi::OsStr::new("p")]].concat()).ok();
    let build = |kind, out| ["cartridge", "build", "a.ns", "--json", "--type", kind, "--out", out];
    spec.stream("cartridge build", folder, &build("pending_tasks_by_type", "p"), "");
    spec.stream("cartridge build", folder, &build("prefix_counts", "c"), "");
    spec.stream("cartridge query", folder, &["cartridge", "query", "p", "--json"], "");
    spec.stream("cartridge query tasks", folder, &["cartridge", "query", "p", "t", "--json"], "");
    // Named for the database and soon stale: a lint of `check`.
    spec.stream("cartridge build", folder, &build("prefix_counts", "a.ns.counts"), "");
    folder.run(&["put", "a.ns", "ff2f", "", "--hex"]).ok();
    spec.stream("cartridge build", folder, &build("prefix_counts", "c"), "");
    spec.stream("cartridge query prefixes", folder, &["cartridge", "query", "c", "--json"], "");
    for _ in 0..3 {
        let claim = ["queue", "claim", "a.ns", "--owner", "w", "--json"];
        spec.stream("queue claim", folder, &claim, "");
    }
    spec.document("queue stats", folder, &["queue", "stats", "a.ns", "--json"]);
    folder.run(&["queue", "fail", "a.ns", "1", "--owner", "w", "--error", "no"]).ok();
    spec.stream("queue list", folder, &["queue", "list", "a.ns", "--json"], "");
    spec.document("queue verify", folder, &["queue", "verify", "a.ns", "--json"]);
    let info = ["cartridge", "info", "p", "--db", "a.ns", "--json"];
    spec.document("cartridge info", folder, &info);
    spec.document("cartridge verify", folder, &["cartridge", "verify", "p", "--json"]);
}

/// Damages what there is, for the fields that only damage shows.
fn damage(spec: &mut Spec, folder: &Folder) {
    let counts_of_t = ["del", "a.ns", "00712f6e74", "--hex"];
    folder.run(&counts_of_t).ok();
    spec.document("queue verify", folder, &["queue", "verify", "a.ns", "--json"]);
    let mut bytes = folder.read("a.ns");
    let tree = folder.run(&["dump", "a.ns", "tree", "--json"]).ok().text();
    let mut leaves = tree.lines().filter(|line| line.contains("\"level\":0,"));
    let leaf: Value = serde_json::from_str(leaves.next_back().expect("a leaf")).expect("JSON");
    let leaf = leaf["page"].as_u64().expect("a page") as usize * 16_384;
    bytes[leaf + 8_000] ^= 1;
    folder.write("d.ns", &bytes);
    let mut log = folder.read("a.ns.log");
    let second = log[4096..].windows(4).enumerate().filter(|(_, word)| word == b"LOGR").nth(1);
    let second = 4096 + second.expect("several records").0;
    log[second + 80] ^= 1;
    let end = log.iter().rposition(|&byte| byte != 0).expect("not empty") + 1;
    let torn = end.next_multiple_of(8);
    log.resize(log.len().max(torn + 64), 0);
    log[torn..torn + 20].fill(0x77);
    folder.write("d.ns.log", &log);
    spec.document("check", folder, &["check", "d.ns", "--json"]);
    spec.document("salvage", folder, &["salvage", "d.ns", "s.ns", "--json"]);
    let page = (leaf / 16_384).to_string();
    spec.document("dump page", folder, &["dump", "d.ns", "page", &page, "--json"]);
    spec.stream("dump tree", folder, &["dump", "d.ns", "tree", "--json"], "");
    spec.stream("logdump", folder, &["logdump", "d.ns", "--json", "--ops"], "");
    bytes[300] ^= 1;
    folder.write("d.ns", &bytes);
    spec.document("dump meta", folder, &["dump", "d.ns", "meta", "--json"]);
}
