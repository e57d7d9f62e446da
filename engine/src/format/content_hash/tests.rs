//! Test vectors of the content hash; `spec/content_hash_v0.md` has the same.

use super::*;

type Rows<'a> = &'a [(&'a [u8], &'a [u8])];

fn hash(rows: Rows<'_>) -> String {
    let mut hasher = ContentHasher::default();
    for (key, value) in rows {
        hasher.row(key, value);
    }
    hasher.finish().to_string()
}

/// 128-bit FNV-1a itself, against the vectors of its authors (draft-eastlake-fnv).
#[test]
fn the_function_is_fnv_1a() {
    for (input, expected) in [
        (&b""[..], "6c62272e07bb014262b821756295c58d"),
        (b"a", "d228cb696f1a8caf78912b704e4a8964"),
        (b"foobar", "343e1662793c64bf6f0d3597ba446f18"),
    ] {
        let mut hasher = ContentHasher::default();
        hasher.bytes(input);
        assert_eq!(ContentHash(hasher.state).to_string(), expected, "{}", input.escape_ascii());
    }
}

#[test]
fn vectors() {
    let spec = include_str!("../../../../spec/content_hash_v0.md");
    let cases: &[(&str, Rows<'_>)] = &[
        ("no rows", &[]),
        ("one row, both empty", &[(b"", b"")]),
        ("one row", &[(b"key", b"value")]),
        ("two rows", &[(b"a", b"1"), (b"b", b"2")]),
        ("bytes moved from key to value", &[(b"keyv", b"alue")]),
        ("long value", &[(b"k", &[0x5a; 70_000])]),
    ];
    for (name, rows) in cases {
        let line = format!("| {name} | `{}` |", hash(rows));
        assert!(spec.contains(&line), "content_hash_v0.md has no line {line}");
    }
}

#[test]
fn equal_rows_equal_hash_other_rows_other_hash() {
    let states: &[Rows<'_>] = &[
        &[],
        &[(b"", b"")],
        &[(b"a", b"")],
        &[(b"", b"a")],
        &[(b"a", b""), (b"b", b"")],
        &[(b"a", b"b")],
        &[(b"a", b"\0\0\0\0")],
    ];
    for (index, state) in states.iter().enumerate() {
        for (other_index, other) in states.iter().enumerate() {
            assert_eq!(hash(state) == hash(other), index == other_index, "{index} {other_index}");
        }
    }
}
