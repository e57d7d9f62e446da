//! Finding cartridges and judging them: whole or not, fresh or why not, and what they answer.

use super::answer::Answer;
use crate::job::{Data, Desk, Job};
use northstar_engine::cartridge::{Cartridge, SectionInfo, Staleness, is_cartridge};
use northstar_engine::format::content_hash::ContentHash;
use northstar_engine::printable::Printable;
use northstar_engine::shelf::{self, Kind};
use northstar_engine::{FileUuid, TxnId};
use std::path::{Path, PathBuf};

/// Files of the directory that are looked at.
const FILES_MAX: usize = 2000;

/// One cartridge.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CartridgeView {
    /// Its file's name, printable.
    pub name: String,
    /// Its file.
    #[serde(skip)]
    pub path: PathBuf,
    /// Its type, printable.
    pub type_name: String,
    /// Version of the type's sections.
    pub type_version: u32,
    /// Version of the file format.
    pub version: u32,
    /// The options it was built with, printable.
    pub options: String,
    /// The database it was built from.
    pub source_uuid: String,
    /// The state it answers for.
    pub source_txn: TxnId,
    /// Rows it was built from.
    pub input_rows: u64,
    /// Their content hash.
    pub input_hash: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its sections.
    pub sections: Vec<SectionInfo>,
    /// Its type, when its header is sound and this program knows it: what it can be built again with.
    #[serde(skip)]
    pub kind: Option<Kind>,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// How it stands to the database.
    pub staleness: Option<Staleness>,
    /// Why nobody can tell how it stands.
    pub unjudged: Option<String>,
    /// What it answers to the question; nothing when it is not whole.
    pub answer: Option<Answer>,
}

/// The cartridges beside the database, and what they were asked.
#[derive(Debug)]
pub struct Cartridges {
    /// They, by name.
    pub found: Vec<CartridgeView>,
    /// What they were asked.
    pub question: Vec<u8>,
}

/// Looks for them.
#[derive(Clone, Debug)]
pub struct FindCartridges {
    /// Which database it is,
    pub uuid: FileUuid,
    /// and its newest state; none when none can be told, and then none is judged.
    pub newest: Option<TxnId>,
    /// A task type or a key prefix; empty for all types and the outermost prefixes.
    pub question: Vec<u8>,
}

impl Job for FindCartridges {
    fn name(&self) -> String {
        "look for cartridges".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let paths = beside(desk.path())?;
        let mut found = Vec::new();
        for path in &paths {
            if !desk.progress(found.len() as u64, paths.len() as u64) {
                return Err("stopped".to_owned());
            }
            found.push(self.look(desk.path(), path));
        }
        Ok(Box::new(Cartridges { found, question: self.question }))
    }
}

/// The cartridges in the folder of `database`, by name.
pub fn beside(database: &Path) -> Result<Vec<PathBuf>, String> {
    let directory = database.parent().filter(|path| !path.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let listing = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
    let paths = listing.filter_map(Result::ok).map(|entry| entry.path()).take(FILES_MAX);
    let mut paths: Vec<_> = paths.filter(|path| is_cartridge(path)).collect();
    paths.sort();
    Ok(paths)
}

/// A path's last part, printable.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Printable::capped(name.as_encoded_bytes(), 60).into_string()
}

impl FindCartridges {
    fn look(&self, database: &Path, path: &Path) -> CartridgeView {
        let cartridge = match Cartridge::read(path) {
            Ok(cartridge) => cartridge,
            Err(error) => return unreadable(path, error.to_string()),
        };
        let header = cartridge.header();
        let kind = Kind::of(&cartridge);
        let problem = match &kind {
            Ok(kind) => kind.check(&cartridge).err(),
            Err(error) => Some(error.clone()),
        };
        let kind = kind.ok();
        let judged = kind.as_ref().map(|kind| match self.newest {
            Some(newest) => shelf::judge(database, (self.uuid, newest), kind, &cartridge)
                .map_err(|error| error.to_string()),
            None => Err("no state of the database can be told".to_owned()),
        });
        let (staleness, unjudged) = match judged {
            Some(Ok(staleness)) => (Some(staleness), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let whole = kind.as_ref().filter(|_| problem.is_none());
        let answer = whole.map(|kind| Answer::of(kind, &cartridge, &self.question));
        let (answer, broken) = match answer {
            Some(Ok(answer)) => (Some(answer), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        CartridgeView {
            name: name_of(path),
            path: path.to_owned(),
            type_name: Printable::capped(cartridge.type_name(), 32).into_string(),
            type_version: header.type_version,
            version: header.version,
            options: Printable::capped(cartridge.options(), 100).into_string(),
            source_uuid: header.source_uuid.to_string(),
            source_txn: header.source_txn,
            input_rows: header.input_rows,
            input_hash: ContentHash(u128::from_le_bytes(header.input_hash)).to_string(),
            bytes: header.file_bytes,
            sections: cartridge.sections().collect(),
            kind,
            problem: problem.or(broken).map(|error| error.to_string()),
            staleness,
            unjudged,
            answer,
        }
    }
}

/// A file that is no cartridge this program reads, although it starts as one.
fn unreadable(path: &Path, problem: String) -> CartridgeView {
    CartridgeView {
        name: name_of(path),
        path: path.to_owned(),
        type_name: "?".to_owned(),
        type_version: 0,
        version: 0,
        options: String::new(),
        source_uuid: String::new(),
        source_txn: TxnId::GENESIS,
        input_rows: 0,
        input_hash: String::new(),
        bytes: std::fs::metadata(path).map_or(0, |meta| meta.len()),
        sections: Vec::new(),
        kind: None,
        problem: Some(problem),
        staleness: None,
        unjudged: None,
        answer: None,
    }
}
