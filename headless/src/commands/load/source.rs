//! Where the input comes from, and what it seems to be.

use super::{Format, shown};
use crate::{commands::open_input, exit::Told};
use color_eyre::eyre::{Result, WrapErr};
use std::{io::BufRead, path::Path};

/// An open input.
pub(super) struct Source {
    pub(super) reader: Box<dyn BufRead>,
    /// Its length, where it has one.
    pub(super) bytes: Option<u64>,
}

/// Opens a file, or standard input for `-`. Skips a UTF-8 byte order mark.
pub(super) fn open(path: &Path) -> Result<Source> {
    let mut reader = open_input(path)?;
    let metadata = std::fs::metadata(path).ok().filter(|_| path.as_os_str() != "-");
    let bytes = metadata.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let start = reader.fill_buf().wrap_err_with(|| format!("cannot read {}", shown(path)))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(Source { reader, bytes })
}

impl Source {
    /// The format by the file's extension, else by the first line of what is buffered.
    pub(super) fn guess_format(&mut self, path: &Path) -> Result<Format> {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_deref().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson" | "json") => return Ok(Format::Jsonl),
            Some("csv") => return Ok(Format::Csv),
            Some("tsv" | "tab") => return Ok(Format::Tsv),
            _ => {}
        }
        let start = self.reader.fill_buf().wrap_err("cannot read the input")?;
        let start = start.trim_ascii_start();
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if line.starts_with(b"{") {
            Ok(Format::Jsonl)
        } else if line.contains(&b'\t') {
            Ok(Format::Tsv)
        } else if line.contains(&b',') {
            Ok(Format::Csv)
        } else if line.is_empty() {
            // Nothing in it: every format agrees.
            Ok(Format::Jsonl)
        } else {
            Err(Told::usage("cannot tell the format of the input by its first line")
                .hint("say --format jsonl, csv or tsv")
                .into())
        }
    }
}
