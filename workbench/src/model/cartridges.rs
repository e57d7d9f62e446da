//! Cartridges beside a database: found by their magic, each verified whole.

use crate::job::{Data, Desk, Job};
use northstar_engine::cartridge::{CARTRIDGE_MAGIC, Cartridge};
use northstar_engine::printable::Printable;
use northstar_engine::{FileUuid, TxnId};
use std::io::Read;
use std::path::Path;

/// Files of the directory that are looked at.
const FILES_MAX: usize = 2000;

/// One cartridge.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CartridgeView {
    /// Its file's name, printable.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// The database it was built from.
    #[serde(skip)]
    pub source_uuid: FileUuid,
    /// The state it answers for.
    pub source_txn: TxnId,
    /// Rows it was built from.
    pub input_rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Sections: number, entries, bytes.
    pub sections: Vec<(u32, u64, u64)>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// The cartridges beside the database.
#[derive(Debug)]
pub struct Cartridges(pub Vec<CartridgeView>);

/// Looks for them.
#[derive(Debug)]
pub struct FindCartridges;

impl Job for FindCartridges {
    fn name(&self) -> String {
        "look for cartridges".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let directory = desk.path().parent().filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).to_owned();
        let listing = std::fs::read_dir(&directory).map_err(|error| error.to_string())?;
        let mut paths: Vec<_> =
            listing.filter_map(Result::ok).map(|entry| entry.path()).take(FILES_MAX).collect();
        paths.sort();
        let mut found = Vec::new();
        for path in paths.iter().filter(|path| is_cartridge(path)) {
            if !desk.wanted() {
                return Err("stopped".to_owned());
            }
            found.push(look(path));
        }
        Ok(Box::new(Cartridges(found)))
    }
}

fn is_cartridge(path: &Path) -> bool {
    let mut magic = [0; 4];
    let regular = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    regular
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == CARTRIDGE_MAGIC.0
}

fn look(path: &Path) -> CartridgeView {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let mut view = CartridgeView {
        name: Printable::capped(name.as_encoded_bytes(), 60).into_string(),
        type_name: "?".to_owned(),
        source_uuid: FileUuid::default(),
        source_txn: TxnId::GENESIS,
        input_rows: 0,
        bytes: std::fs::metadata(path).map_or(0, |meta| meta.len()),
        sections: Vec::new(),
        problem: None,
    };
    match Cartridge::read(path) {
        Ok(cartridge) => {
            let header = cartridge.header();
            view.type_name = Printable::capped(cartridge.type_name(), 32).into_string();
            view.source_uuid = header.source_uuid;
            view.source_txn = header.source_txn;
            view.input_rows = header.input_rows;
            view.sections = cartridge
                .sections()
                .map(|section| (section.kind, section.count, section.bytes))
                .collect();
            view.problem = cartridge.verify_sections().err().map(|error| error.to_string());
        }
        Err(error) => view.problem = Some(error.to_string()),
    }
    view
}
