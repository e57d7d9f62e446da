//! Cuts a stream into records: lines, or CSV records whose quoted fields may hold line ends.
//!
//! Keeps count of lines, holds one record at a time and never more than the cap: a longer record is
//! read past and reported.

use std::io::{self, BufRead};

/// Records of a stream.
pub(super) struct Records {
    reader: Box<dyn BufRead>,
    /// Whether `"` quotes a field that may hold line ends.
    quoted: bool,
    bytes_max: usize,
    lines: u64,
    bytes: u64,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A record; the buffer holds it, its line end removed.
    Whole {
        /// The line it starts on, counted from 1.
        first_line: u64,
    },
    /// A record that cannot be used; the next one can.
    Bad {
        /// The line it starts on, counted from 1.
        first_line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing more.
    End,
}

/// Where in a CSV record the reader is. A quote opens a quoted field only at the field's start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted field: it ends the field, or is the first of two.
    QuoteInQuoted,
}

impl At {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::FieldStart | Self::QuoteInQuoted, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::QuoteInQuoted,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::FieldStart,
            _ => Self::Plain,
        }
    }
}

impl Records {
    pub(super) fn new(reader: Box<dyn BufRead>, quoted: bool, bytes_max: usize) -> Self {
        Self { reader, quoted, bytes_max, lines: 0, bytes: 0 }
    }

    /// Lines read so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next record into `record`.
    pub(super) fn next(&mut self, record: &mut Vec<u8>) -> io::Result<Record> {
        record.clear();
        let first_line = self.lines + 1;
        let mut at = At::FieldStart;
        let mut too_long = false;
        let mut any = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                if !any {
                    return Ok(Record::End);
                }
                self.lines += 1;
                break;
            }
            any = true;
            let (taken, lines, ended) = cut(buffer, self.quoted, &mut at);
            let part = buffer.get(..taken).unwrap_or(buffer);
            too_long |= record.len() + taken > self.bytes_max;
            if too_long {
                record.clear();
            } else {
                record.extend_from_slice(part);
            }
            self.reader.consume(taken);
            self.lines += lines;
            self.bytes += taken as u64;
            if ended {
                break;
            }
        }
        if too_long {
            let why = format!("longer than {} MiB (see --max-line)", self.bytes_max >> 20);
            return Ok(Record::Bad { first_line, why });
        }
        if at == At::Quoted {
            let why = String::from("a quotation mark is opened here and never closed");
            return Ok(Record::Bad { first_line, why });
        }
        for end in [b'\n', b'\r'] {
            if record.last() == Some(&end) {
                record.pop();
            }
        }
        Ok(Record::Whole { first_line })
    }
}

/// How many bytes of `buffer` belong to the record under way, how many line ends are among them, and
/// whether the record ends there.
fn cut(buffer: &[u8], quoted: bool, at: &mut At) -> (usize, u64, bool) {
    if !quoted {
        return match buffer.iter().position(|&byte| byte == b'\n') {
            Some(index) => (index + 1, 1, true),
            None => (buffer.len(), 0, false),
        };
    }
    let mut lines = 0;
    for (index, &byte) in buffer.iter().enumerate() {
        if byte == b'\n' {
            lines += 1;
            if *at != At::Quoted {
                return (index + 1, lines, true);
            }
        }
        *at = at.after(byte);
    }
    (buffer.len(), lines, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    /// All records of `input`, read through a buffer of `capacity` bytes: text or complaint, with its line.
    fn records(input: &str, quoted: bool, bytes_max: usize, capacity: usize) -> Vec<(u64, String)> {
        let reader = BufReader::with_capacity(capacity, Cursor::new(input.as_bytes().to_vec()));
        let mut records = Records::new(Box::new(reader), quoted, bytes_max);
        let (mut record, mut all) = (Vec::new(), Vec::new());
        loop {
            match records.next(&mut record).expect("memory is readable") {
                Record::End => break,
                Record::Whole { first_line } => {
                    all.push((first_line, String::from_utf8(record.clone()).expect("text")));
                }
                Record::Bad { first_line, why } => all.push((first_line, format!("! {why}"))),
            }
        }
        assert_eq!(records.bytes(), input.len() as u64);
        all
    }

    #[test]
    fn cuts() {
        type Case<'a> = (&'a str, &'a str, bool, &'a [(u64, &'a str)]);
        let cases: &[Case<'_>] = &[
            ("nothing", "", true, &[]),
            ("lines", "a\nb\n", false, &[(1, "a"), (2, "b")]),
            ("no last line end", "a\nb", false, &[(1, "a"), (2, "b")]),
            ("Windows line ends", "a\r\nb\r\n", false, &[(1, "a"), (2, "b")]),
            ("blank lines", "\n\na\n", false, &[(1, ""), (2, ""), (3, "a")]),
            ("quotes mean nothing in lines", "\"a\nb\n", false, &[(1, "\"a"), (2, "b")]),
            ("a line end in quotes", "a,\"x\ny\"\nb\n", true, &[(1, "a,\"x\ny\""), (3, "b")]),
            ("doubled quotes", "\"a\"\"\n\"\nb", true, &[(1, "\"a\"\"\n\""), (3, "b")]),
            ("a quote inside a field", "a\"b\nc\n", true, &[(1, "a\"b"), (2, "c")]),
            ("text behind a quote", "\"a\"b\nc\n", true, &[(1, "\"a\"b"), (2, "c")]),
            (
                "never closed",
                "a\n\"b\nc\n",
                true,
                &[(1, "a"), (2, "! a quotation mark is opened here and never closed")],
            ),
        ];
        for (name, input, quoted, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
            for capacity in [1, 2, 3, 100] {
                assert_eq!(
                    records(input, *quoted, 100, capacity),
                    expected,
                    "{name}, buffer {capacity}"
                );
            }
        }
    }

    #[test]
    fn a_record_over_the_cap_is_read_past() {
        let input = format!("a\n{}\nb\n", "x".repeat(50));
        for capacity in [1, 7, 100] {
            let all = records(&input, true, 20, capacity);
            assert_eq!(all.len(), 3, "buffer {capacity}");
            assert_eq!(all[0], (1, "a".into()));
            assert!(all[1].1.starts_with("! longer than"), "{}", all[1].1);
            assert_eq!(all[2], (3, "b".into()));
        }
    }
}
