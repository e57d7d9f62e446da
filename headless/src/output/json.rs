//! JSON for programs: one document, or one object a line. Field names: `spec/cli_json_v0.md`.
//!
//! Output may still land on a terminal, so DEL, C1 and bidirectional controls are written as `\u`
//! escapes too, which every JSON reader turns back.

use super::{Out, hex::Hex, told};
use color_eyre::eyre::Result;
use northstar_engine::printable::is_deceptive;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// Writes one object on one line.
///
/// # Errors
/// [`crate::exit::ClosedPipe`] when the reader is gone.
pub fn line(out: &mut Out, value: &impl Serialize) -> Result<()> {
    write(out, value, CompactFormatter)
}

/// Writes one document, laid out for reading.
///
/// # Errors
/// [`crate::exit::ClosedPipe`] when the reader is gone.
pub fn document(out: &mut Out, value: &impl Serialize) -> Result<()> {
    write(out, value, PrettyFormatter::new())
}

fn write<F: Formatter>(out: &mut Out, value: &impl Serialize, layout: F) -> Result<()> {
    let mut serializer = Serializer::with_formatter(out.writer(), Safe(layout));
    told(value.serialize(&mut serializer).map_err(io::Error::from))?;
    told(out.writer().write_all(b"\n"))?;
    if out.is_terminal() { out.flush() } else { Ok(()) }
}

/// Bytes as a field pair: `name` for text, `name_hex` for bytes that are no UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The text, where it is text.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// The digits, where it is no text.
    pub fn hex(self) -> Option<Hex<'a>> {
        self.text().is_none().then_some(Hex(self.0))
    }
}

/// One row. `load` reads what this writes.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<Hex<'a>>,
}

impl<'a> Row<'a> {
    /// A row.
    pub fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        let (key, value) = (Bytes(key), Bytes(value));
        Self { key: key.text(), key_hex: key.hex(), value: value.text(), value_hex: value.hex() }
    }

    /// A key alone.
    pub fn key(key: &'a [u8]) -> Self {
        let key = Bytes(key);
        Self { key: key.text(), key_hex: key.hex(), value: None, value_hex: None }
    }
}

/// Escapes what the serializer lets through and a terminal should not get.
struct Safe<F>(F);

impl<F: Formatter> Formatter for Safe<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        let unsafe_chars = fragment
            .char_indices()
            .filter(|&(_, character)| character == '\x7f' || is_deceptive(character));
        for (at, character) in unsafe_chars {
            self.0.write_string_fragment(writer, &fragment[plain..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        self.0.write_string_fragment(writer, &fragment[plain..])
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }
    fn end_object_key<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_key(writer)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written<F: Formatter>(value: &impl Serialize, layout: F) -> String {
        let mut bytes = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut bytes, Safe(layout));
        value.serialize(&mut serializer).expect("a vector takes everything");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    #[test]
    fn rows() {
        let cases: &[(&str, &[u8], &[u8], &str)] = &[
            ("text", b"k", b"v", r#"{"key":"k","value":"v"}"#),
            ("binary", b"\xff", b"\x00\xfe", r#"{"key_hex":"ff","value_hex":"00fe"}"#),
            (
                "controls",
                b"\x1b\x7f",
                "\u{9b}".as_bytes(),
                r#"{"key":"\u001b\u007f","value":"\u009b"}"#,
            ),
            ("bidi", "\u{202e}x".as_bytes(), b"", r#"{"key":"\u202ex","value":""}"#),
            ("tag", "\u{e0041}".as_bytes(), b"", r#"{"key":"\udb40\udc41","value":""}"#),
        ];
        for (name, key, value, expected) in cases {
            assert_eq!(written(&Row::new(key, value), CompactFormatter), *expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_holds_no_control(text in any::<String>()) {
            for json in [
                written(&text, CompactFormatter),
                written(&text, PrettyFormatter::new()),
            ] {
                prop_assert!(json.chars().all(|c| !c.is_control() && !is_deceptive(c)));
                prop_assert_eq!(&serde_json::from_str::<String>(&json).expect("is JSON"), &text);
            }
        }
    }
}
