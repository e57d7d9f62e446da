//! The demo database: the history of Unicode, one transaction after the other, ended by a power cut.
//!
//! Built by the real engine from `assets/unicode` into a private directory (mode 0700) that is removed
//! at exit. Each version of Unicode adds its characters; misspelt names are mended as the standard
//! mended them (updates), and the aliases of control codes are taken out again (deletes). Checkpoints
//! fall in between, so that there are old versions of pages, free pages, history rows and a log tail. A few
//! tasks stand in its queue, and two cartridges beside it: one for an older state, one for the newest.
//!
//! The end is what a power cut leaves: the files are copied while the database is open, then a record
//! that was being written is put behind the copy's log, as far as it got.

mod tasks;

use northstar_engine::cartridge::BuildRequest;
use northstar_engine::cartridge::prefix_counts::PrefixCounts;
use northstar_engine::disk::clock::ManualClock;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::disk::file::RealStorage;
use northstar_engine::queue::pending_tasks::PendingTasks;
use northstar_engine::shelf::Kind;
use northstar_engine::{Db, Durability, Error, History, LogRetention, Options, Result, WriteTxn};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHARACTERS: &str = include_str!("../../assets/unicode/characters.tsv");
const BLOCKS: &str = include_str!("../../assets/unicode/blocks.tsv");
const ALIASES: &str = include_str!("../../assets/unicode/aliases.tsv");

/// Rows in one transaction at most.
const BATCH_ROWS: usize = 1500;
/// A checkpoint after so many transactions.
const CHECKPOINT_EVERY: usize = 9;
/// Past states kept openable.
const HISTORY: u64 = 6;
/// Every demo database is the same, byte for byte: lessons and pictures may name its pages.
const SEED: u64 = 2026;
/// What a torn write got to disk: whole sectors.
const SECTOR: usize = 512;

/// A demo database; removed when dropped.
#[derive(Debug)]
pub struct Demo {
    directory: tempfile::TempDir,
}

impl Demo {
    /// The database's path.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("demo.ns")
    }
}

/// Builds it.
///
/// # Errors
/// The temporary directory cannot be made or written.
pub fn build() -> Result<Demo> {
    let directory = tempfile::Builder::new()
        .prefix("northstar-demo-")
        .tempdir()
        .map_err(|error| Error::io("make a temporary directory in", std::env::temp_dir(), error))?;
    let workshop = directory.path().join("workshop");
    fs::create_dir(&workshop).map_err(|error| Error::io("create", &workshop, error))?;
    let built = workshop.join("demo.ns");
    let demo = Demo { directory };
    let db = Options::new()
        .history(History::Last(HISTORY))
        .log_retention(LogRetention::All)
        .durability(Durability::Eventual)
        .background(false)
        .open_on(
            Arc::new(RealStorage::new()),
            Arc::new(SeededEntropy::new(SEED)),
            Arc::new(ManualClock::new()),
            &built,
        )?;
    fill(&db)?;
    cartridge(&db, Kind::PrefixCounts(PrefixCounts::default()), &demo, "demo.ns.prefixes.ncar")?;
    tail(&db)?;
    cartridge(&db, Kind::PendingTasks(PendingTasks::default()), &demo, "demo.ns.tasks.ncar")?;
    cut_power(&db, &built, &demo.path())?;
    db.close()?;
    fs::remove_dir_all(&workshop).map_err(|error| Error::io("remove", &workshop, error))?;
    Ok(demo)
}

/// Builds a cartridge for the state of now beside the demo.
fn cartridge(db: &Db, kind: Kind, demo: &Demo, name: &str) -> Result<()> {
    db.sync()?; // Only of durable states.
    kind.build(db, &demo.directory.path().join(name), BuildRequest::default()).map(drop)
}

/// One line of a table, split at its tabs.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect())
}

fn character_row(line: &[&str]) -> Option<(String, String)> {
    let [code_point, name, category, version] = line else { return None };
    let value = serde_json::json!({ "name": name, "category": category, "since": version });
    Some((format!("char/{code_point}"), value.to_string()))
}

fn fill(db: &Db) -> Result<()> {
    let mut commits = Commits { db, done: 0 };
    // Block names first: the small table a newcomer reads easily.
    let blocks: Vec<(String, String)> = lines(BLOCKS)
        .filter_map(|line| match line.as_slice() {
            [first, last, name] => Some((format!("block/{first}"), format!("{name} (to {last})"))),
            _ => None,
        })
        .collect();
    commits.put_all(&blocks)?;
    let aliases: Vec<(String, String)> = lines(ALIASES)
        .filter_map(|line| match line.as_slice() {
            [code_point, alias, kind] => {
                Some((format!("alias/{code_point}/{alias}"), (*kind).to_owned()))
            }
            _ => None,
        })
        .collect();
    commits.put_all(&aliases)?;
    // Then the characters as the versions of Unicode brought them.
    for version in versions() {
        let rows: Vec<(String, String)> = lines(CHARACTERS)
            .filter(|line| line.get(3) == Some(&version))
            .filter_map(|line| character_row(&line))
            .collect();
        commits.put_all(&rows)?;
    }
    commits.one(|write| {
        for (key, value) in block_lists() {
            write.put(key, value)?;
        }
        Ok(())
    })?;
    commits.checkpoint()?;
    // Updates: names that were misspelt and have a formal correction.
    commits.one(|write| {
        for (key, value) in corrections() {
            write.put(key, value)?;
        }
        Ok(())
    })?;
    // Deletes: aliases of control codes, then a whole range of blocks beyond the ideographs.
    commits.one(|write| {
        for line in lines(ALIASES) {
            if let [code_point, alias, "control"] = line.as_slice() {
                write.del(format!("alias/{code_point}/{alias}"))?;
            }
        }
        Ok(())
    })?;
    commits.one(|write| write.del_range("list/01D000".."list/01E000").map(|_| ()))?;
    tasks::fill(db)?;
    commits.checkpoint()
}

/// A tail that only the log holds.
fn tail(db: &Db) -> Result<()> {
    let commits = Commits { db, done: 0 };
    for note in ["first look", "second look"] {
        commits.tail(|write| write.put(format!("note/{note}"), "written after the checkpoint"))?;
    }
    commits.tail(|write| {
        write.put(
            "char/01F600",
            "{\"name\":\"GRINNING FACE\",\"category\":\"So\",\"since\":\"6.1\",\"seen\":1}",
        )?;
        write.del("note/first look").map(|_| ())
    })?;
    commits.tail(|write| write.del_range("alias/00FE00".."alias/00FE10").map(|_| ()))?;
    commits.tail(|write| write.put("note/last word", "then the lights went out"))
}

/// Versions of Unicode, oldest first.
fn versions() -> Vec<&'static str> {
    let all: BTreeSet<&str> = lines(CHARACTERS).filter_map(|line| line.get(3).copied()).collect();
    let mut versions: Vec<&str> = all.into_iter().collect();
    let number = |version: &str| -> Vec<u32> {
        version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    versions.sort_by_key(|version| number(version));
    versions
}

/// Rows of characters with their corrected names.
fn corrections() -> Vec<(String, String)> {
    let corrected: BTreeMap<&str, &str> = lines(ALIASES)
        .filter_map(|line| match line.as_slice() {
            [code_point, alias, "correction"] => Some((*code_point, *alias)),
            _ => None,
        })
        .collect();
    lines(CHARACTERS)
        .filter_map(|mut line| {
            let name = corrected.get(line.first()?)?;
            *line.get_mut(1)? = name;
            character_row(&line)
        })
        .collect()
}

/// One long value a block: the names of its characters, a line each. Most need overflow pages.
fn block_lists() -> Vec<(String, String)> {
    let mut lists: Vec<(&str, &str, String)> = lines(BLOCKS)
        .filter_map(|line| match line.as_slice() {
            [first, last, _] => Some((*first, *last, String::new())),
            _ => None,
        })
        .collect();
    for line in lines(CHARACTERS) {
        let [code_point, name, ..] = line.as_slice() else { continue };
        let at = lists.partition_point(|(first, _, _)| first <= code_point);
        if let Some((_, last, list)) = at.checked_sub(1).and_then(|at| lists.get_mut(at))
            && *code_point <= *last
        {
            list.push_str(name);
            list.push('\n');
        }
    }
    lists
        .into_iter()
        .filter(|(_, _, list)| !list.is_empty())
        .map(|(first, _, list)| (format!("list/{first}"), list))
        .collect()
}

/// Commits, with a checkpoint now and then.
struct Commits<'a> {
    db: &'a Db,
    done: usize,
}

impl Commits<'_> {
    fn put_all(&mut self, rows: &[(String, String)]) -> Result<()> {
        for batch in rows.chunks(BATCH_ROWS) {
            self.one(|write| {
                for (key, value) in batch {
                    write.put(key, value)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A commit that no checkpoint follows.
    fn tail(&self, work: impl FnOnce(&mut WriteTxn) -> Result<()>) -> Result<()> {
        let mut write = self.db.begin_write()?;
        work(&mut write)?;
        write.commit().map(|_| ())
    }

    fn one(&mut self, work: impl FnOnce(&mut WriteTxn) -> Result<()>) -> Result<()> {
        let mut write = self.db.begin_write()?;
        work(&mut write)?;
        write.commit()?;
        self.done += 1;
        if self.done.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<()> {
        self.db.checkpoint()
    }
}

/// Copies the open database to `to` as a power cut would leave it: everything synced so far, and the
/// first half of one more record.
fn cut_power(db: &Db, from: &Path, to: &Path) -> Result<()> {
    db.sync()?;
    copy_files(from, to)?;
    let log_before = read(&log_of(to))?;
    let mut write = db.begin_write()?;
    for line in lines(BLOCKS).take(200) {
        if let [first, _, name] = line.as_slice() {
            write.put(format!("block/{first}"), format!("{name}, never acknowledged"))?;
        }
    }
    write.commit()?;
    db.sync()?;
    let log_after = read(&log_of(from))?;
    // Where the new record stands: the bytes of the active segment that changed.
    let differs = |at: &usize| log_before.get(*at) != log_after.get(*at);
    let Some(start) = (0..log_after.len()).find(differs) else { return Ok(()) };
    let end = (start..log_after.len()).rev().find(differs).map_or(start, |at| at + 1);
    let half = start + (end - start) / 2;
    let torn_end = half.next_multiple_of(SECTOR).min(end);
    let mut log = log_before;
    if log.len() < torn_end {
        log.resize(torn_end, 0);
    }
    let (Some(there), Some(written)) =
        (log.get_mut(start..torn_end), log_after.get(start..torn_end))
    else {
        return Ok(());
    };
    there.copy_from_slice(written);
    fs::write(log_of(to), log).map_err(|error| Error::io("write", log_of(to), error))
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".log");
    name.into()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("read", path, error))
}

/// Copies a database with all its log segments.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    let (Some(source), Some(target)) = (from.parent(), to.parent()) else { return Ok(()) };
    let stem = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let listing = fs::read_dir(source).map_err(|error| Error::io("read", source, error))?;
    for entry in listing {
        let entry = entry.map_err(|error| Error::io("read", source, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == stem || name.starts_with(&format!("{stem}.log")) {
            let target = target.join(&name);
            fs::copy(entry.path(), &target).map_err(|error| Error::io("copy", &target, error))?;
        }
    }
    Ok(())
}
