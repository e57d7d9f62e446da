//! One module a command: its arguments, and what it does. What several share is here.

pub mod backup;
pub mod bench;
pub mod cartridge;
pub mod check;
pub mod compact;
pub mod completions;
pub mod del;
pub mod diff;
pub mod dump;
pub mod get;
pub mod hash;
pub mod history;
pub mod load;
pub mod logdump;
pub mod man;
pub mod put;
pub mod queue;
pub mod replay;
pub mod salvage;
pub mod scan;
pub mod torture;

use crate::{
    exit::Told,
    output::{Printable, hex},
};
use clap::Args;
use color_eyre::eyre::{Report, Result, WrapErr};
use northstar_engine::{Db, Options, ReadTxn, TxnId, printable};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Rows under this prefix belong to the task queue: `scan` and `load` leave them alone unless asked.
pub const QUEUE_PREFIX: &[u8] = northstar_engine::queue::DEFAULT_PREFIX;

/// The database every command starts with.
#[derive(Args, Debug)]
pub struct Database {
    /// The database file
    #[arg(value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    pub path: PathBuf,
}

/// How keys and values are written on the command line, and printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Form {
    /// Keys and values are hexadecimal digits, in arguments and in output
    #[arg(long)]
    pub hex: bool,
    /// Keys and values in arguments are escaped the way output shows them: \x00, \t, \u{202e}, \\
    #[arg(long, conflicts_with = "hex")]
    pub escaped: bool,
}

/// Which state to read.
#[derive(Args, Clone, Copy, Debug)]
pub struct At {
    /// Read the state as of this transaction instead of the latest
    #[arg(long, value_name = "TXN")]
    pub at: Option<u64>,
}

impl Database {
    /// Opens it for reading: writes no byte anywhere.
    ///
    /// # Errors
    /// What the engine says; a file that is not there says so plainly.
    pub fn open_for_reading(&self) -> Result<Db> {
        self.must_exist()?;
        self.opened(Options::new().read_only(true).create(false))
    }

    /// Opens an existing one for writing.
    ///
    /// # Errors
    /// What the engine says; a file that is not there says so plainly.
    pub fn open_for_writing(&self) -> Result<Db> {
        self.must_exist()?;
        self.opened(Options::new().create(false))
    }

    /// Opens it for writing, making it when it is not there.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open_or_create(&self) -> Result<Db> {
        self.opened(Options::new().create(true))
    }

    fn opened(&self, options: Options) -> Result<Db> {
        options.open(&self.path).wrap_err_with(|| format!("cannot open {}", shown(&self.path)))
    }

    /// # Errors
    /// A plain sentence when there is no such file, or it is a directory.
    pub fn must_exist(&self) -> Result<()> {
        must_be_file(&self.path)
    }
}

impl Form {
    /// The bytes that an argument stands for.
    ///
    /// # Errors
    /// Wrong usage, when it is not in the form it claims to be in.
    pub fn bytes(self, what: &str, argument: &OsStr) -> Result<Vec<u8>> {
        let raw = argument.as_encoded_bytes();
        if self.hex {
            return hex::decode(raw).map_err(|why| Told::usage(format!("{what} is {why}")).into());
        }
        if self.escaped {
            let text = argument.to_str().and_then(printable::unescape);
            return text.ok_or_else(|| {
                Told::usage(format!("{what} is not escaped text"))
                    .hint("a backslash itself is written \\\\, any byte \\x and two hexadecimal digits")
                    .into()
            });
        }
        Ok(raw.to_vec())
    }

    /// Bytes for a person, at most `chars_max` characters of them.
    pub fn show(self, bytes: &[u8], chars_max: usize) -> Printable {
        if self.hex {
            let reach = bytes.get(..chars_max).unwrap_or(bytes);
            Printable::capped(hex::Hex(reach).to_string(), chars_max)
        } else {
            Printable::capped(bytes, chars_max)
        }
    }
}

impl At {
    /// The state that was asked for.
    ///
    /// # Errors
    /// What the engine says: `SnapshotNotFound` for a state that cannot be opened any more.
    pub fn begin(self, db: &Db) -> Result<ReadTxn> {
        Ok(match self.at {
            Some(txn_id) => db.begin_read_at(TxnId::new(txn_id))?,
            None => db.begin_read()?,
        })
    }
}

/// A path, safe to print.
pub fn shown(path: &Path) -> Printable {
    Printable::capped(path.as_os_str().as_encoded_bytes(), 1000)
}

/// # Errors
/// A plain sentence when there is no such file, or it is a directory.
pub fn must_be_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Told::no(format!("{} is a directory, not a database", shown(path))).into())
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Told::no(format!("there is no file {}", shown(path)))
                .hint("`northstar-headless load`, `put` and `queue add` make a new database")
                .into())
        }
        Err(error) => Err(Report::from(error).wrap_err(format!("cannot look at {}", shown(path)))),
    }
}

/// Opens a file for reading, or standard input for `-`.
///
/// # Errors
/// What the system says.
pub fn open_input(path: &Path) -> Result<Box<dyn std::io::BufRead>> {
    const BUFFER_BYTES: usize = 256 << 10;
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::BufReader::with_capacity(BUFFER_BYTES, std::io::stdin())));
    }
    let cannot = || format!("cannot read {}", shown(path));
    let file = std::fs::File::open(path).wrap_err_with(cannot)?;
    if file.metadata().wrap_err_with(cannot)?.is_dir() {
        return Err(Told::no(format!("{} is a directory", shown(path))).into());
    }
    Ok(Box::new(std::io::BufReader::with_capacity(BUFFER_BYTES, file)))
}
