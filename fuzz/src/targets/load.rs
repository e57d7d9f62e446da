//! The parsers of `load`: any bytes are rows, blank lines or complaints, and nothing is counted twice.

use crate::targets::Target;
use northstar_headless::commands::load::{Format, Survey, survey};
use std::io::{BufReader, Cursor};

/// The targets of the command line.
pub const TARGETS: &[Target] = &[
    Target { name: "load_jsonl", body: jsonl, seeds: jsonl_seeds },
    Target { name: "load_csv", body: csv, seeds: csv_seeds },
    Target { name: "load_tsv", body: tsv, seeds: tsv_seeds },
];

/// Records longer than this are complained about; small, so that the fuzzer reaches it.
const RECORD_BYTES_MAX: usize = 4096;

/// `flags, text…`: flag 1: the first line names the columns; flag 2: a named key. Read through a
/// buffer of one byte and through a large one, which must make no difference.
fn parse(format: Format, bytes: &[u8]) {
    let Some((flags, text)) = bytes.split_first() else { return };
    let header = flags & 1 != 0 && format != Format::Jsonl;
    let key = match (flags & 2 != 0, header || format == Format::Jsonl) {
        (true, true) => Some("id"),
        (true, false) => Some("2"),
        (false, _) => None,
    };
    let read = |capacity| -> Result<Survey, String> {
        let reader = BufReader::with_capacity(capacity, Cursor::new(text.to_vec()));
        survey(Box::new(reader), format, header, key, RECORD_BYTES_MAX)
    };
    let (narrow, wide) = (read(1), read(1 << 16));
    assert_eq!(narrow, wide, "the buffer's size shows");
    let Ok(found) = narrow else { return };
    let lines = text.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    assert!(found.rows + found.bad <= lines, "{found:?} of {lines} lines");
    // Escapes only ever get shorter: no row is larger than what it was read from.
    assert!(found.bytes <= 2 * text.len() as u64, "{found:?} of {} bytes", text.len());
}

fn jsonl(bytes: &[u8]) {
    parse(Format::Jsonl, bytes);
}

fn csv(bytes: &[u8]) {
    parse(Format::Csv, bytes);
}

fn tsv(bytes: &[u8]) {
    parse(Format::Tsv, bytes);
}

fn seeds(flags: &[u8], texts: &[&str]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in texts {
        seeds.extend(flags.iter().map(|&flag| [&[flag], text.as_bytes()].concat()));
    }
    seeds
}

fn jsonl_seeds() -> Vec<Vec<u8>> {
    seeds(
        &[0, 2],
        &[
            "{\"key\":\"a\",\"value\":\"b\"}\n{\"key\":1,\"value\":[1,{}]}\n",
            "{\"key_hex\":\"6162\",\"value_hex\":\"\"}\n\n{\"id\":\"x\",\"n\":1.5e3}",
            "{\"key\":\"\\u00e9\\ud83d\\ude00\",\"value\":null}\r\n{\"key\":\"\\ud800\"}\n[1]\n",
        ],
    )
}

fn csv_seeds() -> Vec<Vec<u8>> {
    seeds(
        &[0, 1, 2, 3],
        &["id,name\n1,\"a, \"\"b\"\"\"\n2,c\r\n", "a,\"x\ny\",z\n\nb\n,,\n", "id\n\"open\n"],
    )
}

fn tsv_seeds() -> Vec<Vec<u8>> {
    seeds(&[0, 1, 2, 3], &["id\tname\n1\tb\n2\n", "a\t\t\n\n\"q\"\tb\r\n"])
}
