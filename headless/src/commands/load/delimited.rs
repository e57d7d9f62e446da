//! Rows from CSV and TSV records.
//!
//! The key is one column. The value is the rest: one other column as it is, several joined by the
//! delimiter again (CSV: quoted again where that is needed).

use super::{Parse, Row};
use crate::exit::Told;
use color_eyre::eyre::Result;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use std::borrow::Cow;

/// Makes rows of delimited records.
pub(super) struct Delimited {
    delimiter: u8,
    reader: Reader,
    /// The name of the key's column, until the header is read.
    key_name: Option<String>,
    header_due: bool,
    key_index: usize,
    /// Columns of the first record: all others must have as many.
    columns: Option<usize>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    value: Vec<u8>,
}

impl Delimited {
    pub(super) fn new(delimiter: u8, header: bool, key: Option<String>) -> Result<Self> {
        let mut key_index = 0;
        if let (Some(key), false) = (&key, header) {
            let number = key.parse::<usize>().ok().filter(|&number| number > 0);
            let number = number.ok_or_else(|| {
                Told::usage("without --header the key is a column's number, counted from 1")
                    .hint("--header takes the first line for the columns' names")
            })?;
            key_index = number - 1;
        }
        // A record comes without its line end, which is why none is looked for.
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .quoting(delimiter == b',')
            .terminator(Terminator::Any(b'\n'))
            .build();
        Ok(Self {
            delimiter,
            reader,
            key_name: key,
            header_due: header,
            key_index,
            columns: None,
            fields: Vec::new(),
            ends: Vec::new(),
            value: Vec::new(),
        })
    }

    /// Splits `record` into `fields` and `ends`.
    fn split(&mut self, record: &[u8]) {
        let delimiters = record.iter().filter(|&&byte| byte == self.delimiter).count();
        // Unquoting never makes a field longer, and a record has one more field than delimiters.
        self.fields.resize(record.len() + 1, 0);
        self.ends.resize(delimiters + 2, 0);
        self.reader.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, input, output, ends) = self.reader.read_record(
                record.get(read..).unwrap_or_default(),
                self.fields.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(ended..).unwrap_or_default(),
            );
            read += input;
            written += output;
            ended += ends;
            match result {
                // The next turn passes an empty slice: the end of the input, and of the record.
                ReadRecordResult::InputEmpty => {}
                _ => break,
            }
        }
        self.fields.truncate(written);
        self.ends.truncate(ended);
    }

    fn field(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.fields.get(start..*self.ends.get(index)?)
    }

    /// Takes the record just split for the header.
    fn read_header(&mut self) -> Result<(), String> {
        self.header_due = false;
        let Some(name) = &self.key_name else { return Ok(()) };
        let named = (0..self.ends.len()).find(|&index| self.field(index) == Some(name.as_bytes()));
        let numbered = || name.parse::<usize>().ok()?.checked_sub(1);
        self.key_index = named.or_else(numbered).ok_or_else(|| {
            format!("the header has no column {}", crate::output::Printable::capped(name, 100))
        })?;
        Ok(())
    }

    /// Joins all columns but the key's into `value`.
    fn join_rest(&mut self) {
        let mut value = std::mem::take(&mut self.value);
        value.clear();
        let rest = (0..self.ends.len()).filter(|&index| index != self.key_index);
        let single = self.ends.len() == 2;
        for (nth, index) in rest.enumerate() {
            if nth > 0 {
                value.push(self.delimiter);
            }
            let field = self.field(index).unwrap_or_default();
            let quote = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
            if self.delimiter == b',' && !single && field.iter().any(quote) {
                value.push(b'"');
                for &byte in field {
                    if byte == b'"' {
                        value.push(b'"');
                    }
                    value.push(byte);
                }
                value.push(b'"');
            } else {
                value.extend_from_slice(field);
            }
        }
        self.value = value;
    }
}

impl Parse for Delimited {
    fn row(&mut self, record: &[u8]) -> Result<Option<Row<'_>>, String> {
        if record.is_empty() {
            return Ok(None);
        }
        self.split(record);
        let columns = self.ends.len();
        let header = self.header_due;
        if header {
            self.read_header()?;
        }
        let expected = *self.columns.get_or_insert(columns);
        if columns != expected {
            return Err(format!("{columns} columns, not {expected} as in the first line"));
        }
        if self.key_index >= columns {
            return Err(format!("{columns} columns, none of them number {}", self.key_index + 1));
        }
        if header {
            return Ok(None);
        }
        self.join_rest();
        let key = self.field(self.key_index).unwrap_or_default();
        Ok(Some(Row { key: Cow::Borrowed(key), value: Cow::Borrowed(&self.value) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows and complaints of some records, as text.
    fn parsed(delimiter: u8, header: bool, key: Option<&str>, records: &[&str]) -> Vec<String> {
        let mut parse =
            Delimited::new(delimiter, header, key.map(str::to_owned)).expect("sound arguments");
        let rows = records.iter().filter_map(|record| match parse.row(record.as_bytes()) {
            Ok(None) => None,
            Ok(Some(row)) => {
                Some(format!("{} = {}", row.key.escape_ascii(), row.value.escape_ascii()))
            }
            Err(why) => Some(format!("! {why}")),
        });
        rows.collect()
    }

    #[test]
    fn rows() {
        type Case<'a> = (&'a str, u8, bool, Option<&'a str>, &'a [&'a str], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            ("two columns", b',', false, None, &["a,b"], &["a = b"]),
            ("one column", b',', false, None, &["a"], &["a = "]),
            ("an empty key", b',', false, None, &[",b"], &[" = b"]),
            ("several columns", b',', false, None, &["a,b,c"], &["a = b,c"]),
            ("quoted", b',', false, None, &[r#"a,"b ""c"", d""#], &[r#"a = b \"c\", d"#]),
            ("quoted among several", b',', false, None, &[r#"a,"b,c",d"#], &[r#"a = \"b,c\",d"#]),
            ("a line end inside", b',', false, None, &["a,\"b\nc\""], &[r"a = b\nc"]),
            ("quoted key", b',', false, None, &[r#""a,1",b"#], &["a,1 = b"]),
            ("header", b',', true, None, &["k,v", "a,b"], &["a = b"]),
            ("named key", b',', true, Some("v"), &["k,v,w", "a,b,c"], &["b = a,c"]),
            ("numbered key", b',', false, Some("2"), &["a,b,c"], &["b = a,c"]),
            ("numbered key with header", b',', true, Some("3"), &["k,v,w", "a,b,c"], &["c = a,b"]),
            ("blank records", b',', false, None, &["", "a,b", ""], &["a = b"]),
            (
                "too few",
                b',',
                false,
                None,
                &["a,b", "c", "d,e"],
                &["a = b", "! 1 columns, not 2 as in the first line", "d = e"],
            ),
            ("no such column", b',', true, Some("x"), &["k,v"], &["! the header has no column x"]),
            (
                "no such number",
                b',',
                false,
                Some("3"),
                &["a,b"],
                &["! 2 columns, none of them number 3"],
            ),
            ("tabs", b'\t', false, None, &["a\t\"b\tc,d"], &[r#"a = \"b\tc,d"#]),
        ];
        for (name, delimiter, header, key, records, expected) in cases {
            assert_eq!(parsed(*delimiter, *header, *key, records), *expected, "{name}");
        }
    }

    #[test]
    fn a_key_by_name_needs_a_header() {
        for key in ["name", "0", "-1", ""] {
            assert!(Delimited::new(b',', false, Some(key.into())).is_err(), "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn what_csv_writes_comes_back(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record([&key, &value]).expect("memory takes everything");
            let mut record = writer.into_inner().expect("memory takes everything");
            record.pop();
            let mut parse = Delimited::new(b',', false, None).expect("sound arguments");
            let row = parse.row(&record).expect("sound CSV").expect("a row");
            prop_assert_eq!(&*row.key, &key[..]);
            prop_assert_eq!(&*row.value, &value[..]);
        }

        #[test]
        fn any_record_is_a_row_or_a_complaint(record in any::<Vec<u8>>(), delimiter in prop_oneof![Just(b','), Just(b'\t')]) {
            let mut parse = Delimited::new(delimiter, false, None).expect("sound arguments");
            // No panic, and a row whenever there is anything.
            prop_assert_eq!(parse.row(&record).expect("first record").is_some(), !record.is_empty());
        }
    }
}
