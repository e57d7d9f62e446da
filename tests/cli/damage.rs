//! Damaged files: check names the place, reading gives an error and never wrong data, dump goes on.

use crate::support::{Folder, jsonl_rows};
use northstar_engine::{
    PageId,
    format::page::PageType,
    inspect::{self, Source},
};
use std::path::Path;

const PAGE_BYTES: u64 = 16 * 1024;

/// A leaf that the current tree reaches, not the first one.
fn a_leaf(folder: &Folder) -> u64 {
    let tree = folder.run(&["dump", "a.ns", "tree", "--json"]).ok().text();
    let mut leaves = tree.lines().filter(|line| line.contains("\"level\":0,"));
    let leaf = leaves.next_back().expect("a tree has leaves");
    let page = leaf.strip_prefix("{\"page\":").and_then(|rest| rest.split(',').next());
    page.and_then(|page| page.parse().ok()).expect("a page number")
}

fn flip(path: &Path, offset: u64) {
    let mut bytes = std::fs::read(path).expect("the file is there");
    let at = usize::try_from(offset).expect("a small file");
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).expect("the file can be written");
}

#[test]
fn one_flipped_byte_of_a_leaf() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(3_000)).ok();
    folder.run(&["check", "a.ns"]).ok();
    let leaf = a_leaf(&folder);
    flip(&folder.path("a.ns"), leaf * PAGE_BYTES + 9_000);

    let check = folder.run(&["check", "a.ns"]);
    assert_eq!(check.code, 3, "{}", check.stderr);
    let text = check.text();
    let line = format!("error: page {leaf}: PAGE-3: expected ");
    assert!(text.contains(&line) && text.contains(", found "), "{text}");
    assert!(text.contains("a.ns: DAMAGED, "), "{text}");

    // The last key is in that leaf, the first is not.
    assert_eq!(folder.run(&["get", "a.ns", "k0000000"]).ok().text(), "value number 0");
    let get = folder.run(&["get", "a.ns", "k0002999"]);
    assert_eq!((get.code, get.stdout.len()), (3, 0), "{}", get.stderr);
    assert!(get.stderr.contains(&format!("page {leaf}")), "{}", get.stderr);
    assert_eq!(folder.run(&["scan", "a.ns"]).code, 3);
    assert_eq!(folder.run(&["hash", "a.ns"]).code, 3);

    // What looks at bytes still does.
    let page = folder.run(&["dump", "a.ns", "page", &leaf.to_string()]).ok().text();
    assert!(page.contains("DAMAGED") && page.contains("WRONG PAGE-3"), "{page}");
    folder.run(&["dump", "a.ns", "tree"]).ok();
    folder.run(&["dump", "a.ns", "meta"]).ok();
    folder.run(&["logdump", "a.ns"]).ok();
}

#[test]
fn a_damaged_log() {
    let folder = Folder::new();
    for n in 0..5 {
        folder.run(&["put", "a.ns", &format!("k{n}"), "some value"]).ok();
    }
    let log = inspect::log::segments(&Source::open(folder.path("a.ns")).expect("it opens"))
        .expect("it can be read");
    let source = Source::open(folder.path("a.ns")).expect("it opens");
    let records = inspect::log::records(&source, &log, log.start(), 100).expect("it can be read");
    let second = records.records.get(1).expect("several records");
    flip(&folder.path("a.ns.log"), second.offset + 70);
    let dump = folder.run(&["logdump", "a.ns"]);
    assert_eq!(dump.code, 3, "{}", dump.text());
    assert!(dump.text().contains("WRONG"), "{}", dump.text());
    assert!(
        dump.text().contains("commit 5 "),
        "records behind the damage are shown: {}",
        dump.text()
    );
    assert_eq!(folder.run(&["logdump", "a.ns", "--json"]).code, 3);
    assert_eq!(folder.run(&["logdump", "a.ns.log", "--verify"]).code, 3);
    assert_eq!(folder.run(&["replay", "a.ns.log"]).code, 3);
}

#[test]
fn a_torn_tail_is_no_damage() {
    let folder = Folder::new();
    folder.run(&["put", "a.ns", "k", "v"]).ok();
    let source = Source::open(folder.path("a.ns")).expect("it opens");
    let log = inspect::log::segments(&source).expect("it can be read");
    let records = inspect::log::records(&source, &log, log.start(), 100).expect("it can be read");
    let last = records.records.last().expect("a record");
    let end = usize::try_from(last.offset + last.end_lsn.get() - last.lsn.get()).expect("small");
    let mut bytes = folder.read("a.ns.log");
    bytes.resize(bytes.len().max(end + 100), 0);
    bytes[end..end + 100].fill(0xab);
    folder.write("a.ns.log", bytes);
    let dump = folder.run(&["logdump", "a.ns"]).ok().text();
    assert!(dump.contains("torn tail"), "{dump}");
    assert_eq!(folder.run(&["get", "a.ns", "k"]).ok().text(), "v");
    assert!(folder.run(&["replay", "a.ns.log"]).ok().text().len() == 33);
}

#[test]
fn cut_and_overwritten_files_never_panic() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(1_000)).ok();
    let (whole, log) = (folder.read("a.ns"), folder.read("a.ns.log"));
    let cuts = [0, 1, 511, 16_383, 16_384, 32_768, 40_000, whole.len() - 1];
    let mut files: Vec<(String, Vec<u8>)> = cuts
        .iter()
        .map(|&cut| (format!("cut at {cut}"), whole[..cut.min(whole.len())].to_vec()))
        .collect();
    for (name, from, to) in [("both metas", 0, 32_768), ("all pages behind", 32_768, whole.len())] {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0x5a);
        files.push((name.to_owned(), bytes));
    }
    for (name, bytes) in files {
        folder.write("d.ns", bytes);
        folder.write("d.ns.log", &log);
        let commands: &[&[&str]] = &[
            &["check", "d.ns"],
            &["check", "d.ns", "--json"],
            &["dump", "d.ns", "meta"],
            &["dump", "d.ns", "tree"],
            &["dump", "d.ns", "page", "2"],
            &["dump", "d.ns", "freelist"],
            &["dump", "d.ns", "stats"],
            &["logdump", "d.ns"],
            &["get", "d.ns", "k0000001"],
            &["scan", "d.ns"],
        ];
        for arguments in commands {
            // `run` refuses a panic.
            let run = folder.run(arguments);
            assert!([0, 1, 3].contains(&run.code), "{name}: {arguments:?}: {}", run.code);
        }
        let get = folder.run(&["get", "d.ns", "k0000001"]);
        assert!(get.code != 0 || get.stdout == b"value number 1", "{name}: wrong data");
    }
}

#[test]
fn inspect_agrees_on_what_a_leaf_is() {
    let folder = Folder::new();
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], jsonl_rows(1_000)).ok();
    let leaf = PageId::new(a_leaf(&folder));
    let source = Source::open(folder.path("a.ns")).expect("it opens");
    let view = inspect::page(&source.read_page(leaf).expect("a page").bytes, leaf, source.uuid());
    assert_eq!(view.page_type, Some(PageType::Leaf));
    assert!(view.verified);
}

#[test]
fn salvage_gives_back_what_verifies() {
    let folder = Folder::new();
    let mut rows = jsonl_rows(3_000);
    rows.push_str(&format!("{{\"key\":\"long\",\"value\":\"{}\"}}\n", "x".repeat(40_000)));
    folder.run_with(&["load", "a.ns", "-", "--format", "jsonl"], rows).ok();
    folder.run(&["del", "a.ns", "k0002999"]).ok();
    let hash = folder.run(&["hash", "a.ns"]).ok().text();

    // A sound file: nothing is lost.
    folder.run(&["salvage", "a.ns", "whole.ns"]).ok();
    assert_eq!(folder.run(&["hash", "whole.ns"]).ok().text(), hash);
    assert_eq!(folder.run(&["salvage", "a.ns", "whole.ns"]).code, 1, "never overwrites");

    // A broken leaf of the newest tree: the tree of the meta before is whole, and the log leads on.
    let leaf = a_leaf(&folder);
    flip(&folder.path("a.ns"), leaf * PAGE_BYTES + 9_000);
    let run = folder.run(&["salvage", "a.ns", "log.ns"]).ok().text();
    let exactly = "the latest state, exactly, transaction 2";
    assert!(run.contains(&format!("the tree and the log behind it: {exactly}")), "{run}");
    assert_eq!(folder.run(&["hash", "log.ns"]).ok().text(), hash);

    // The same without a log: the range is named, every other row is there.
    folder.write("b.ns", folder.read("a.ns"));
    let run = folder.run(&["salvage", "b.ns", "rest.ns"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let text = run.text();
    assert!(text.contains(&format!("to the end: page {leaf}: PAGE-3")), "{text}");
    assert!(text.contains("LOST or out of date: keys from ") && text.contains("LOG: "), "{text}");
    folder.run(&["check", "rest.ns"]).ok();
    let from = text.split("keys from ").nth(1).and_then(|rest| rest.split(' ').next());
    let before = |name: &str| {
        let to = from.expect("the range that is lost");
        folder.run(&["scan", name, "--to", to]).ok().text()
    };
    assert_eq!(before("rest.ns"), before("whole.ns"), "the rows before the hole");
    assert!(before("rest.ns").lines().count() > 2_000, "and they are most of them");

    // Both metas gone: the log alone.
    let mut bytes = folder.read("a.ns");
    bytes[..32_768].fill(0);
    folder.write("a.ns", bytes);
    let run = folder.run(&["salvage", "a.ns", "meta.ns"]).ok().text();
    assert!(run.contains("from the log alone: the latest state, exactly"), "{run}");
    assert_eq!(folder.run(&["hash", "meta.ns"]).ok().text(), hash);

    // No database at all.
    folder.write("text", "some text\n".repeat(5000));
    assert_eq!(folder.run(&["salvage", "text", "nothing.ns"]).code, 3);
}

/// The last record of an older segment: what follows it starts in another file.
#[test]
fn a_broken_record_at_the_end_of_a_segment() {
    let folder = Folder::new();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens/format/v0");
    for name in ["small.ns", "small.ns.log", "small.ns.log.1", "small.ns.log.2"] {
        folder.write(name, std::fs::read(goldens.join(name)).expect("a golden"));
    }
    let source = Source::open(folder.path("small.ns")).expect("it opens");
    let log = inspect::log::segments(&source).expect("it can be read");
    let records = inspect::log::records(&source, &log, log.start(), 1000).expect("it can be read");
    let pair = records.records.windows(2).find(|pair| pair[0].segment != pair[1].segment);
    let [last, next] = pair.expect("records in two segments") else { unreachable!("a pair") };
    let file = &log.segments[last.segment].file.name;
    flip(&folder.path(file), last.offset + 70);
    let dump = folder.run(&["logdump", "small.ns"]);
    let gap = format!("WRONG no record from position {} to {}", last.lsn, next.lsn);
    assert!(dump.text().contains(&gap), "{}", dump.text());
    assert_eq!(folder.run(&["logdump", "small.ns", "--verify"]).code, 3);
}
