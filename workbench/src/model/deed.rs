//! Deeds: what an engine is made to do, as data with a spelling, and the hand that does them.
//!
//! The Crash Lab's workloads and the lessons' exercises are lists of deeds: `put apple, checkpoint,
//! later put cherry, sync`. A person can type one, a saved case holds one, a test reads one.

use northstar_engine::db::Stats;
use northstar_engine::{Db, Durability, ReadTxn, Result, TxnId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Rows of a state.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Deeds in one script at most: a trace of more is no longer looked through by anybody.
const DEEDS_MAX: usize = 40;
/// Rows of one `fill` at most.
const FILL_MAX: u32 = 5000;
/// How the deeds are written.
pub const DEED_FORMS: &str = "put KEY, later put KEY, del KEY, fill PREFIX COUNT, clear PREFIX, \
                              checkpoint, sync, reader, reader ends";

/// One thing an engine is made to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// One commit of one row; `later`: it does not wait for its sync.
    Put {
        /// The row's key.
        key: String,
        /// Whether durability comes later.
        later: bool,
    },
    /// One commit that takes a row out.
    Del(String),
    /// One commit of many rows, `PREFIX0000` and on.
    Fill(String, u32),
    /// One commit that takes all rows of a prefix out.
    Clear(String),
    /// Everything committed is written to pages, and the meta flips.
    Checkpoint,
    /// Commits that did not wait become durable.
    Sync,
    /// A reader opens the latest state and keeps it.
    Reader,
    /// The reader ends.
    ReaderEnds,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, later: false } => write!(f, "put {key}"),
            Self::Put { key, later: true } => write!(f, "later put {key}"),
            Self::Del(key) => write!(f, "del {key}"),
            Self::Fill(prefix, count) => write!(f, "fill {prefix} {count}"),
            Self::Clear(prefix) => write!(f, "clear {prefix}"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Sync => f.write_str("sync"),
            Self::Reader => f.write_str("reader"),
            Self::ReaderEnds => f.write_str("reader ends"),
        }
    }
}

impl FromStr for Deed {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["put", key] => Self::Put { key: (*key).to_owned(), later: false },
            ["later", "put", key] => Self::Put { key: (*key).to_owned(), later: true },
            ["del", key] => Self::Del((*key).to_owned()),
            ["fill", prefix, count] => match count.parse() {
                Ok(count) if count <= FILL_MAX => Self::Fill((*prefix).to_owned(), count),
                _ => return Err(format!("fill takes a count up to {FILL_MAX}, not {count}")),
            },
            ["clear", prefix] => Self::Clear((*prefix).to_owned()),
            ["checkpoint"] => Self::Checkpoint,
            ["sync"] => Self::Sync,
            ["reader"] => Self::Reader,
            ["reader", "ends"] => Self::ReaderEnds,
            _ => {
                return Err(format!(
                    "no deed: {}; put KEY, del KEY, checkpoint are some",
                    text.trim()
                ));
            }
        })
    }
}

/// Deeds, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Script(Vec<Deed>);

impl Script {
    /// Its deeds.
    pub fn deeds(&self) -> &[Deed] {
        &self.0
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, deed) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            deed.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split([',', ';']).filter(|part| !part.trim().is_empty());
        let deeds = parts.map(str::parse).collect::<std::result::Result<Vec<Deed>, String>>()?;
        match deeds.len() {
            0 => Err(format!("nothing to do. There are: {DEED_FORMS}")),
            n if n > DEEDS_MAX => Err(format!("{n} deeds; at most {DEEDS_MAX}")),
            _ => Ok(Self(deeds)),
        }
    }
}

impl TryFrom<String> for Script {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Script> for String {
    fn from(script: Script) -> Self {
        script.to_string()
    }
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// A commit returned; whether it waited for durability.
    Committed(TxnId, bool),
    /// Everything up to here is durable now.
    Durable(TxnId),
    /// Nothing was written.
    Read,
}

/// Does deeds on a database, and remembers what its rows should be.
#[derive(Debug)]
pub struct Hand {
    // Before the database: the reader ends first.
    reader: Option<ReadTxn>,
    db: Db,
    rows: Rows,
    latest: TxnId,
    deeds_done: u64,
}

impl Hand {
    /// A hand on a new, empty database.
    pub fn new(db: Db) -> Self {
        Self { reader: None, db, rows: Rows::new(), latest: TxnId::GENESIS, deeds_done: 0 }
    }

    /// The database.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// What its rows should be.
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What the engine counts.
    pub fn stats(&self) -> Stats {
        self.db.stats()
    }

    /// Does one deed.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn perform(&mut self, deed: &Deed) -> Result<Done> {
        self.deeds_done += 1;
        match deed {
            Deed::Put { key, later } => {
                let value = format!("value {}", self.deeds_done);
                let durability = if *later { Durability::Eventual } else { Durability::Immediate };
                let mut write = self.db.begin_write()?;
                write.put(key, &value)?;
                self.latest = write.commit_with(durability)?;
                self.rows.insert(key.clone().into_bytes(), value.into_bytes());
                Ok(Done::Committed(self.latest, !later))
            }
            Deed::Del(key) => {
                let mut write = self.db.begin_write()?;
                write.del(key)?;
                self.latest = write.commit_with(Durability::Immediate)?;
                self.rows.remove(key.as_bytes());
                Ok(Done::Committed(self.latest, true))
            }
            Deed::Fill(prefix, count) => self.fill(prefix, *count),
            Deed::Clear(prefix) => {
                let end = end_of(prefix);
                let mut write = self.db.begin_write()?;
                write.del_range(prefix.clone()..end.clone())?;
                self.latest = write.commit_with(Durability::Immediate)?;
                let inside = prefix.as_bytes()..end.as_bytes();
                self.rows.retain(|key, _| !inside.contains(&key.as_slice()));
                Ok(Done::Committed(self.latest, true))
            }
            Deed::Checkpoint => {
                self.db.checkpoint()?;
                Ok(Done::Durable(self.latest))
            }
            Deed::Sync => {
                self.db.sync()?;
                Ok(Done::Durable(self.latest))
            }
            Deed::Reader => {
                self.reader = Some(self.db.begin_read()?);
                Ok(Done::Read)
            }
            Deed::ReaderEnds => {
                self.reader = None;
                Ok(Done::Read)
            }
        }
    }

    fn fill(&mut self, prefix: &str, count: u32) -> Result<Done> {
        // A hundred bytes a value: some hundred rows fill a leaf.
        let value = format!("{:.<100}", format!("value {}", self.deeds_done));
        let mut write = self.db.begin_write()?;
        for number in 0..count {
            let key = format!("{prefix}{number:04}");
            write.put(&key, &value)?;
            self.rows.insert(key.into_bytes(), value.clone().into_bytes());
        }
        self.latest = write.commit_with(Durability::Immediate)?;
        Ok(Done::Committed(self.latest, true))
    }
}

/// The first key behind all keys that start with `prefix` and an ASCII character.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{7f}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use northstar_engine::Options;

    #[test]
    fn what_is_written_reads_back() {
        let text = "put apple, later put pear, del apple, fill k 20, clear k, checkpoint, sync, \
                    reader, reader ends";
        let script: Script = text.parse().expect("a script");
        assert_eq!(script.to_string(), text);
        assert_eq!(script.deeds().len(), 9);
    }

    #[test]
    fn what_is_no_deed_says_what_would_be_one() {
        for (text, why) in [
            ("", "nothing to do"),
            (" , ; ", "nothing to do"),
            ("put", "no deed: put"),
            ("put a, dance", "no deed: dance"),
            ("fill k many", "fill takes a count"),
            ("fill k 5001", "fill takes a count"),
        ] {
            let found = text.parse::<Script>().expect_err(text);
            assert!(found.contains(why), "{text}: {found}");
        }
        let long = "sync,".repeat(DEEDS_MAX + 1);
        assert!(long.parse::<Script>().is_err(), "too long");
    }

    #[test]
    fn the_hand_knows_what_the_rows_should_be() {
        let db = Options::new().background(false).open_in_memory().expect("a database");
        let mut hand = Hand::new(db);
        let script = "put apple, fill k 12, reader, del apple, put k, clear k, put pear, put apple, \
                      checkpoint, reader ends";
        let script: Script = script.parse().expect("a script");
        for deed in script.deeds() {
            hand.perform(deed).expect("the engine does it");
            let read = hand.db().begin_read().expect("a reader");
            let rows = read.iter().expect("rows").map(|row| {
                let (key, value) = row.expect("a row");
                (key.to_vec(), value.to_vec())
            });
            assert_eq!(rows.collect::<Rows>(), *hand.rows(), "after {deed}");
        }
    }
}
