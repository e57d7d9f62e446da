//! Compatibility: files that earlier versions wrote open for ever, and say the same.
//!
//! `goldens/format/v0/*.ns` with their logs, and beside each a `.txt` that says what is in it: rows,
//! content hash, metas, pages, log records. `goldens/README.md` tells how to bless.

use northstar_engine::disk::clock::ManualClock;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::disk::file::RealStorage;
use northstar_engine::format::content_hash::{ContentHash, ContentHasher};
use northstar_engine::inspect::find::{SummaryDepth, summaries};
use northstar_engine::inspect::{Source, check, log, metas};
use northstar_engine::{Db, History, LogRetention, Options, ReadTxn};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn goldens() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../goldens/format/v0")
}

fn is_blessing() -> bool {
    std::env::var_os("NORTHSTAR_BLESS").is_some()
}

/// How a golden database is made: always in the same way, so that blessing twice changes nothing.
struct Golden {
    name: &'static str,
    make: fn(&Db),
}

const GOLDENS: [Golden; 2] =
    [Golden { name: "empty", make: |_| () }, Golden { name: "small", make: make_small }];

/// Two levels, a value in overflow pages, deletes, a past, and a commit behind the checkpoint.
fn make_small(db: &Db) {
    for batch in 0..3_u32 {
        let mut writer = db.begin_write().expect("the only writer");
        for index in 0..250_u32 {
            let key = format!("acct/{:04}", index * 3 + batch);
            let value = format!("balance {} of {key}", index * 17 + batch);
            writer.put(key, value).expect("a put");
        }
        writer.put(format!("blob/{batch}"), vec![batch as u8; 20_000]).expect("a long put");
        writer.commit().expect("a commit");
        db.checkpoint().expect("a checkpoint");
    }
    let mut writer = db.begin_write().expect("the only writer");
    writer.del("acct/0007").expect("a del");
    writer.del_range("acct/0100".."acct/0110").expect("a del_range");
    writer.put("", "the empty key").expect("a put");
    writer.commit().expect("a commit");
    db.sync().expect("a sync");
}

fn open(path: &Path) -> Db {
    Options::new()
        .background(false)
        .history(History::Last(2))
        .log_retention(LogRetention::All)
        .open_on(
            Arc::new(RealStorage::new()),
            Arc::new(SeededEntropy::new(1)),
            Arc::new(ManualClock::new()),
            path,
        )
        .expect("a new database")
}

fn bless(golden: &Golden) {
    let path = goldens().join(format!("{}.ns", golden.name));
    fs::create_dir_all(goldens()).expect("a folder");
    for old in fs::read_dir(goldens()).expect("a folder").flatten() {
        let name = old.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("{}.ns", golden.name)) {
            fs::remove_file(old.path()).expect("an old golden");
        }
    }
    let db = open(&path);
    (golden.make)(&db);
    if golden.name == "empty" {
        db.close().expect("a clean close");
    } else {
        // As after a crash: the last commit is in the log only.
        std::mem::forget(db);
    }
    // Of a copy: beside the forgotten writer, readers would see proven commits only.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = describe(&copy(golden.name, folder.path()));
    fs::write(goldens().join(format!("{}.txt", golden.name)), text).expect("a text");
}

/// The files of a golden, copied to a folder where they may be written to.
fn copy(name: &str, to: &Path) -> PathBuf {
    for entry in fs::read_dir(goldens()).expect("goldens").flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with(&format!("{name}.ns")) {
            fs::copy(entry.path(), to.join(&file)).expect("a copy");
        }
    }
    to.join(format!("{name}.ns"))
}

fn content_hash(reader: &ReadTxn) -> ContentHash {
    let mut hasher = ContentHasher::default();
    for row in reader.iter().expect("rows") {
        let (key, value) = row.expect("a row");
        hasher.row(&key, &value);
    }
    hasher.finish()
}

/// What is in a database file and its log, in lines.
fn describe(path: &Path) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes all");
    let source = Source::open(path).expect("a readable file");
    line(format!("uuid {}", source.uuid()));
    let judgement = metas(&source);
    line(format!("chosen {:?}: {}", judgement.chosen, judgement.reason));
    for slot in &judgement.slots {
        let fields: Vec<String> =
            slot.fields.iter().map(|field| format!("{}={}", field.name, field.value)).collect();
        line(format!("meta {}: {}", slot.slot.name(), fields.join(" ")));
    }
    let pages = source.page_count().expect("a length");
    for page in summaries(&source, 0..pages, SummaryDepth::Whole, None, None) {
        let kind = page.page_type.map_or("none", |page_type| page_type.name());
        let birth = page.birth.map_or_else(|| "-".to_owned(), |birth| birth.to_string());
        line(format!(
            "page {} {kind} level {} birth {birth} fill {} checksum {:?}",
            page.id, page.level, page.fill_permille, page.checksum
        ));
    }
    let segments = log::segments(&source).expect("a log");
    for segment in &segments.segments {
        line(format!(
            "segment {} number {:?} start {:?} problem {:?}",
            segment.file.name, segment.number, segment.start, segment.problem
        ));
    }
    let found = log::records(&source, &segments, segments.start(), 1000).expect("records");
    for record in &found.records {
        line(format!(
            "record {} {} txn {} ops {:?} rows {:?} crc {:08x}",
            record.lsn,
            record.record_type.name(),
            record.txn_id,
            record.ops,
            record.key_count,
            record.crc.unwrap_or_default()
        ));
    }
    line(format!("tail {:?}", found.tail));
    let report = check(path).expect("a check");
    line(format!("check: {} rows, {} pages", report.rows, report.pages));
    for problem in &report.problems {
        line(format!("  {problem}"));
    }
    let db = Options::new().read_only(true).open(path).expect("a sound database");
    let reader = db.begin_read().expect("a reader");
    line(format!(
        "state {}: {} rows, hash {}",
        reader.txn_id(),
        reader.len(),
        content_hash(&reader)
    ));
    out
}

#[test]
fn goldens_open_and_say_the_same() {
    for golden in &GOLDENS {
        if is_blessing() {
            bless(golden);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = copy(golden.name, folder.path());
        let expected = fs::read_to_string(goldens().join(format!("{}.txt", golden.name)));
        let expected = expected.expect("a golden's text");
        assert_eq!(describe(&path), expected, "{}", golden.name);
    }
}

#[test]
fn goldens_can_be_written_to() {
    for golden in &GOLDENS {
        if is_blessing() {
            continue;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = copy(golden.name, folder.path());
        let db = Db::open(&path).expect(golden.name);
        let before = content_hash(&db.begin_read().expect("a reader"));
        let last = db.begin_read().expect("a reader").txn_id();
        let mut writer = db.begin_write().expect("the only writer");
        writer.put("zz/new", "row").expect("a put");
        assert_eq!(writer.commit().expect("a commit"), last.next(), "{}", golden.name);
        db.close().expect("a clean close");
        let db = Db::open(&path).expect(golden.name);
        assert!(db.verify().expect("a check").is_clean(), "{}", golden.name);
        let mut writer = db.begin_write().expect("the only writer");
        assert!(writer.del("zz/new").expect("a del"));
        writer.commit().expect("a commit");
        let after = content_hash(&db.begin_read().expect("a reader"));
        assert_eq!(after, before, "{}: the rows are as they were", golden.name);
        let report = check(&path).expect("a check");
        assert!(report.is_clean(), "{}: {:?}", golden.name, report.problems);
    }
}

#[test]
fn reading_writes_nothing() {
    for golden in &GOLDENS {
        if is_blessing() {
            continue;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = copy(golden.name, folder.path());
        let state = || {
            let mut files: Vec<_> = fs::read_dir(folder.path())
                .expect("a folder")
                .flatten()
                .map(|entry| (entry.file_name(), fs::read(entry.path()).expect("a file")))
                .collect();
            files.sort();
            files
        };
        let before = state();
        describe(&path);
        assert!(before == state(), "{}: a reader wrote", golden.name);
    }
}
