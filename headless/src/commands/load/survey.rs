//! What an input holds, without a database: the parsers alone, for tests and fuzz targets.

use super::{
    Format, parser,
    records::{Record, Records},
};
use std::io::BufRead;

/// Counts over an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Records that hold a row.
    pub rows: u64,
    /// Records that cannot be used.
    pub bad: u64,
    /// Bytes of the rows' keys and values.
    pub bytes: u64,
}

/// Reads an input as `load` does and counts. Takes memory for one record of at most
/// `record_bytes_max`.
///
/// # Errors
/// A sentence: the input cannot be read, or `header` and `key` do not fit the format.
pub fn survey(
    reader: Box<dyn BufRead>,
    format: Format,
    header: bool,
    key: Option<&str>,
    record_bytes_max: usize,
) -> Result<Survey, String> {
    let mut parse = parser(format, header, key).map_err(|report| report.to_string())?;
    let mut records = Records::new(reader, format == Format::Csv, record_bytes_max);
    let (mut record, mut found) = (Vec::new(), Survey::default());
    loop {
        match records.next(&mut record).map_err(|error| error.to_string())? {
            Record::End => return Ok(found),
            Record::Bad { .. } => found.bad += 1,
            Record::Whole { .. } => match parse.row(&record) {
                Ok(None) => {}
                Ok(Some(row)) => {
                    found.rows += 1;
                    found.bytes += (row.key.len() + row.value.len()) as u64;
                }
                Err(_) => found.bad += 1,
            },
        }
    }
}
