//! What recovery is said to do against what opening the database really does.

use super::*;
use crate::model::deed::{Hand, Script};
use crate::model::testing::run;
use northstar_engine::limits::PAGE_BYTES;
use northstar_engine::{Error, Options};
use std::path::{Path, PathBuf};

/// What a power cut leaves of a database after `script`: its files as they are while it is open.
fn left_behind(script: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Options::new().background(false).open(folder.path().join("open.ns"));
    let mut hand = Hand::new(db.expect("a database"));
    let script: Script = script.parse().expect("a script");
    for deed in script.deeds() {
        hand.perform(deed).expect("the engine does it");
    }
    let path = folder.path().join("left.ns");
    for ending in ["ns", "ns.log"] {
        let from = folder.path().join("open.ns").with_extension(ending);
        std::fs::copy(from, path.with_extension(ending)).expect("a copy");
    }
    (folder, path)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("the file is read");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("the file is written");
}

/// A bit of the operation that puts `key`.
fn flip_in_log(path: &Path, key: &[u8]) {
    edit(&path.with_extension("ns.log"), |bytes| {
        let at = bytes.windows(key.len()).position(|window| window == key);
        bytes[at.expect("the key is in the log")] ^= 0x10;
    });
}

type Case = (&'static str, fn(&Path), bool, u64);

/// What is done to a database with two commits behind its checkpoint; whether it opens then; what is replayed.
const CASES: &[Case] = &[
    ("nothing", |_| (), true, 2),
    (
        "no log",
        |path| std::fs::remove_file(path.with_extension("ns.log")).expect("the log is removed"),
        false,
        0,
    ),
    ("a bit of a record with a sound one behind", |path| flip_in_log(path, b"zeta1"), false, 0),
    ("a bit of the last record", |path| flip_in_log(path, b"zeta2"), true, 1),
    (
        "another database's log",
        |path| {
            let (_folder, other) = left_behind("put x, checkpoint, put y");
            let log = other.with_extension("ns.log");
            std::fs::copy(log, path.with_extension("ns.log")).expect("the log is replaced");
        },
        false,
        0,
    ),
];

/// A byte of the root that the chosen meta names.
fn flip_root(path: &Path) {
    let metas = inspect::metas(&inspect::Source::open(path).expect("the file"));
    let page = metas.meta().expect("a meta").root.page.get();
    let at = usize::try_from(page).expect("small") * PAGE_BYTES + 9000;
    edit(path, |bytes| bytes[at] ^= 0x10);
}

#[test]
fn a_meta_given_up_for_its_root_still_proves_the_log() {
    let (_folder, path) = left_behind("fill k 20, checkpoint, put zeta1, put zeta2, checkpoint");
    flip_root(&path);
    let ask = || run::<WhatIf>(&path, AskWhatIf { torn: Torn::default() }).expect("an answer");
    assert_eq!(ask().replay, Some(Replay { commits: 2, refused: None }), "the log is sound");
    flip_in_log(&path, b"zeta2");
    let said = ask().replay.and_then(|replay| replay.refused);
    match Options::new().background(false).open(&path) {
        Err(error @ Error::Corrupt(_)) => assert_eq!(said, Some(why(&error))),
        other => panic!("it opens over a commit that was durable: {other:?}"),
    }
}

#[test]
fn recovery_is_said_to_do_what_opening_does() {
    for (name, damage, opens, commits) in CASES {
        let (_folder, path) = left_behind("fill k 20, checkpoint, put zeta1, put zeta2");
        damage(&path);
        let answer: WhatIf = run(&path, AskWhatIf { torn: Torn::default() }).expect("an answer");
        let replay = answer.replay.expect("the metas are sound");
        assert_eq!(replay.refused.is_none(), *opens, "{name}: {replay:?}");
        assert_eq!(replay.commits, *commits, "{name}: {replay:?}");
        match Options::new().background(false).open(&path) {
            Ok(db) => {
                let newest = db.begin_read().expect("a snapshot").txn_id();
                let meta = answer.judgement.meta().expect("a meta").txn_id;
                assert!(opens, "{name}: it opens");
                assert_eq!(newest.get(), meta.get() + commits, "{name}");
            }
            Err(error @ Error::Corrupt(_)) => {
                assert_eq!(replay.refused, Some(why(&error)), "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
