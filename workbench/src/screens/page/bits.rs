//! The bits of a field that is a number, with their positions.
//!
//! Numbers are little-endian: the lowest byte is stored first, and here, as on paper, the highest bit stands
//! first. What the bits of a field mean is in its explanation.

use crate::text;
use northstar_engine::inspect::{FieldValue, FieldView};

/// Bits in a row where there is room,
const ROW: usize = 16;
/// the columns such a row takes,
const ROW_WIDTH: usize = 26;
/// and bits in a row where there is not.
const ROW_NARROW: usize = 8;
/// Bits in a group of a row.
const GROUP: usize = 4;
/// Bytes of a number.
const BYTES_MAX: usize = 8;

/// The bits of `field` of a page of these bytes, as lines of at most `width` columns (15 are needed).
pub(super) fn of(field: &FieldView, bytes: &[u8], width: usize) -> Vec<String> {
    let number = match field.value {
        FieldValue::Unsigned(_)
        | FieldValue::Named(..)
        | FieldValue::Hex32(_)
        | FieldValue::Page(_)
        | FieldValue::Txn(_)
        | FieldValue::Lsn(_) => bytes.get(field.range.clone()),
        _ => None,
    };
    match number.filter(|bytes| (1..=BYTES_MAX).contains(&bytes.len())) {
        Some(bytes) => ruler(bytes, width),
        None => vec!["no number: no bits to show".to_owned()],
    }
}

/// A row for every so many bits, the highest first, its first and last position beside it; then those that are
/// set, and how the bytes lie in the file.
fn ruler(bytes: &[u8], width: usize) -> Vec<String> {
    let is_set = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
    let count = bytes.len() * 8;
    let row = if width < ROW_WIDTH { ROW_NARROW } else { ROW }.min(count);
    let mut lines = Vec::new();
    for low in (0..count).step_by(row).rev() {
        let high = low + row - 1;
        let groups = (low..=high).rev().step_by(GROUP).map(|top| {
            let bits = (top + 1 - GROUP..=top).rev();
            bits.map(|bit| if is_set(bit) { '1' } else { '0' }).collect::<String>()
        });
        let groups: Vec<String> = groups.collect();
        lines.push(format!("{high:>2} {} {low}", groups.join(" ")));
    }
    let set: Vec<String> =
        (0..count).filter(|bit| is_set(*bit)).map(|bit| bit.to_string()).collect();
    let set = if set.is_empty() { "none".to_owned() } else { set.join(" ") };
    lines.extend(text::wrap(&format!("set: {set}"), width));
    if let [_, _, ..] = bytes {
        let stored: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = format!("in the file, lowest first: {}", stored.join(" "));
        lines.extend(text::wrap(&stored, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::ruler;

    #[test]
    fn bits_stand_under_their_positions() {
        let cases: &[(&[u8], usize, &[&str])] = &[
            (&[0], 40, &[" 7 0000 0000 0", "set: none"]),
            (
                &[0x05, 0x80],
                40,
                &["15 1000 0000 0000 0101 0", "set: 0 2 15", "in the file, lowest first: 05 80"],
            ),
            (
                &[0x05, 0x80],
                15,
                &[
                    "15 1000 0000 8",
                    " 7 0000 0101 0",
                    "set: 0 2 15",
                    "in the file,",
                    "lowest first:",
                    "05 80",
                ],
            ),
            (
                &[0, 0, 0, 1],
                40,
                &[
                    "31 0000 0001 0000 0000 16",
                    "15 0000 0000 0000 0000 0",
                    "set: 24",
                    "in the file, lowest first: 00 00 00 01",
                ],
            ),
        ];
        for (bytes, width, want) in cases {
            assert_eq!(ruler(bytes, *width), *want, "{bytes:?} in {width}");
        }
    }

    #[test]
    fn every_bit_of_a_long_number_stands_once() {
        for width in [15, 26, 80] {
            let rows = ruler(&[0xff; 8], width);
            let ones: usize = rows
                .iter()
                .take_while(|row| !row.starts_with("set"))
                .map(|row| {
                    row.split(' ').filter(|group| group.len() == 4).map(str::len).sum::<usize>()
                })
                .sum();
            assert_eq!(ones, 64, "{rows:?}");
            assert!(rows.iter().all(|row| row.len() <= width.max(26)), "{rows:?}");
        }
    }
}
