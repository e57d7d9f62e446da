//! Tables of `spec/` against the declarations they describe.

use northstar_engine::format::LAYOUTS;
use northstar_engine::format::field::Layout;
use northstar_engine::limits;
use std::fs;

/// Documents whose tables are generated here; other documents' tables are tested beside their code.
const DOCUMENTS: [&str; 2] = ["file_format_v0", "commit_record_v0"];

fn path(document: &str) -> std::path::PathBuf {
    super::repository().join("spec").join(format!("{document}.md"))
}

/// `text` with the table behind each layout's marker replaced by the layout's own; which markers are
/// missing is the second half.
fn with_tables(mut text: String, layouts: &[Layout]) -> (String, Vec<String>) {
    let mut missing = Vec::new();
    for layout in layouts {
        let marker = format!("<!-- layout: {} -->\n", layout.name);
        let Some((before, after)) = text.split_once(&marker) else {
            missing.push(marker);
            continue;
        };
        // The old table: everything up to the first line that is no table row.
        let rest: String = after
            .split_inclusive('\n')
            .skip_while(|line| line.trim().is_empty() || line.starts_with('|'))
            .collect();
        text = format!("{before}{marker}\n{}\n{rest}", layout.table());
    }
    (text, missing)
}

#[test]
fn tables_are_those_of_the_declarations() {
    for document in DOCUMENTS {
        let of_document = |layout: &&Layout| layout.anchor.split('#').next() == Some(document);
        let layouts: Vec<Layout> = LAYOUTS.iter().filter(of_document).copied().collect();
        assert!(!layouts.is_empty(), "no structure is described in {document}");
        let text = fs::read_to_string(path(document)).expect("a readable document");
        let (expected, missing) = with_tables(text.clone(), &layouts);
        assert!(missing.is_empty(), "{document}.md lacks {missing:?}");
        if std::env::var_os("NORTHSTAR_BLESS").is_some() {
            fs::write(path(document), expected).expect("a writable document");
        } else {
            let differs = text.lines().zip(expected.lines()).find(|(a, b)| a != b);
            assert!(
                text == expected,
                "{document}.md differs from the declarations, first at {differs:?}; \
                 NORTHSTAR_BLESS=1 writes it anew"
            );
        }
    }
}

#[test]
fn every_anchor_exists() {
    for layout in LAYOUTS {
        let (document, heading) = layout.anchor.split_once('#').expect("document#heading");
        assert!(DOCUMENTS.contains(&document), "{}: no document {document}", layout.name);
        let text = fs::read_to_string(path(document)).expect("a readable document");
        let slugs = text.lines().filter_map(|line| {
            let title = line.trim_start_matches('#');
            (title.len() < line.len()).then(|| title.trim().to_lowercase().replace(' ', "-"))
        });
        let found = slugs.into_iter().any(|slug| slug == heading);
        assert!(found, "{}: no heading #{heading} in {document}.md", layout.name);
    }
}

#[test]
fn layouts_leave_no_gap() {
    for layout in LAYOUTS {
        let mut at = 0;
        for field in layout.fields {
            assert_eq!(field.offset, at, "{}.{}", layout.name, field.name);
            assert!(!field.meaning.is_empty(), "{}.{} means nothing", layout.name, field.name);
            at += field.bytes;
        }
        assert_eq!(at, layout.bytes, "{}", layout.name);
    }
}

#[test]
fn limits_are_those_of_the_code() {
    let values: &[(&str, u64)] = &[
        ("PAGE_BYTES", limits::PAGE_BYTES as u64),
        ("KEY_BYTES_MAX", limits::KEY_BYTES_MAX as u64),
        ("VALUE_BYTES_MAX", limits::VALUE_BYTES_MAX as u64),
        ("INLINE_ROW_BYTES_MAX", limits::INLINE_ROW_BYTES_MAX as u64),
        ("DEPTH_MAX", limits::DEPTH_MAX as u64),
        ("RECORD_PAYLOAD_BYTES_MAX", limits::RECORD_PAYLOAD_BYTES_MAX as u64),
        ("RECORD_PAYLOAD_BYTES_LIMIT", limits::RECORD_PAYLOAD_BYTES_LIMIT as u64),
        ("SEGMENT_HEADER_BYTES", limits::SEGMENT_HEADER_BYTES as u64),
        ("SEGMENT_BYTES_MIN", limits::SEGMENT_BYTES_MIN),
        ("SEGMENT_BYTES_MAX", limits::SEGMENT_BYTES_MAX),
        ("PAGE_COUNT_MAX", limits::PAGE_COUNT_MAX),
        ("CACHE_BYTES_MIN", limits::CACHE_BYTES_MIN as u64),
    ];
    let spec = fs::read_to_string(path("limits")).expect("a readable document");
    let rows: Vec<&str> = spec.lines().filter(|line| line.starts_with("| `")).collect();
    for (name, value) in values {
        let row = format!("| `{name}` | {value} |");
        assert!(rows.iter().any(|line| line.starts_with(&row)), "limits.md has no row {row}");
    }
    assert_eq!(rows.len(), values.len(), "limits.md has rows that the code does not");
    let code = include_str!("../../engine/src/limits.rs");
    let declared = code.matches("pub const ").count();
    assert_eq!(declared, values.len(), "limits.rs has limits that this test does not");
}

#[test]
fn numbers_in_the_text_are_those_of_the_code() {
    use northstar_engine::format::{chain, node, overflow};
    let limits = fs::read_to_string(path("limits")).expect("a readable document");
    let format = fs::read_to_string(path("file_format_v0")).expect("a readable document");
    let grouped = |number: u64| {
        let digits = number.to_string();
        let mut out = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    let slots = ((limits::PAGE_BYTES - node::SLOTS_OFFSET) / node::Slot::BYTES) as u64;
    for (what, number, text) in [
        ("slots of a node", slots, &limits),
        ("history rows", chain::HISTORY_ROWS as u64, &limits),
        ("retired rows", chain::RETIRED_ROWS as u64, &limits),
        ("bits of a bitmap page", chain::BITMAP_BITS, &limits),
        ("bytes of an overflow page", overflow::DATA_BYTES_MAX as u64, &format),
    ] {
        assert!(text.contains(&grouped(number)), "{what}: {} is not in the text", grouped(number));
    }
}

/// Every document of `spec/` that code or documents name is there.
#[test]
fn documents_that_are_named_exist() {
    let root = super::repository();
    let mut texts: Vec<(String, String)> = Vec::new();
    for folder in ["engine/src", "bench/src", "headless/src", "workbench/src", "tests"] {
        for source in crate::source::rust_files(folder) {
            texts.push((source.path, source.text));
        }
    }
    for name in
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "spec/README.md"]
    {
        if let Ok(text) = fs::read_to_string(root.join(name)) {
            texts.push((name.to_owned(), text));
        }
    }
    let mut dead = Vec::new();
    for (path, text) in &texts {
        for (at, _) in text.match_indices("spec/") {
            let rest = text.get(at..).unwrap_or_default();
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/_.-".contains(c)));
            let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let is_document = name.ends_with(".md") && !name.contains("{}");
            if is_document && !root.join(name).exists() {
                dead.push(format!("{path}: {name}"));
            }
        }
    }
    assert!(dead.is_empty(), "documents that do not exist:\n{}", dead.join("\n"));
}
