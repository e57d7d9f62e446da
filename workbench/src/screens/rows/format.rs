//! How the bytes of a value are shown: text, JSON, hexadecimal, integers.

use crate::text;
use northstar_engine::printable::Printable;
use serde_json::Value;

/// How values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
    Hex,
    Integers,
}

impl Format {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Text => Self::Json,
            Self::Json => Self::Hex,
            Self::Hex => Self::Integers,
            Self::Integers => Self::Text,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Hex => "hex",
            Self::Integers => "integers",
        }
    }

    /// A value in a line.
    pub(super) fn line(self, value: &[u8]) -> String {
        match self {
            Self::Text => Printable::capped(value, 400).into_string(),
            Self::Json => match serde_json::from_slice::<Value>(value) {
                Ok(value) => Printable::capped(value.to_string(), 400).into_string(),
                Err(_) => format!("not JSON: {}", Printable::capped(value, 200).as_str()),
            },
            Self::Hex => text::hex(value.get(..120).unwrap_or(value)),
            Self::Integers => integers(value),
        }
    }

    /// A value in full, in lines.
    pub(super) fn lines(self, value: &[u8], columns: usize) -> Vec<String> {
        let whole = match self {
            Self::Text => Printable::capped(value, 4000).as_str().replace("\\n", "\n"),
            Self::Json => match serde_json::from_slice::<Value>(value) {
                Ok(value) => format!("{value:#}"),
                Err(error) => format!("not JSON: {error}"),
            },
            Self::Hex => text::hex(value),
            Self::Integers => integers(value),
        };
        whole.lines().flat_map(|line| text::wrap(line, columns)).collect()
    }
}

/// Bytes as little- and big-endian numbers, where their count fits one.
fn integers(value: &[u8]) -> String {
    let mut wide = [0; 8];
    match (value.len(), wide.get_mut(..value.len())) {
        (1..=8, Some(front)) => {
            front.copy_from_slice(value);
            let little = u64::from_le_bytes(wide);
            let shift = 64 - 8 * u32::try_from(value.len()).unwrap_or(8);
            let big = u64::from_be_bytes(wide) >> shift;
            format!("{little} little-endian, {big} big-endian")
        }
        _ => format!("{} are no integer", text::plural(value.len() as u64, "byte")),
    }
}
