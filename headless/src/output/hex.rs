//! Hexadecimal text for binary keys and values.

use std::fmt;

/// Bytes shown as hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl serde::Serialize for Hex<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The bytes that hexadecimal text stands for. Upper and lower case; an odd count or any other
/// character is refused.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if let Some(at) = text.iter().position(|&byte| digit(byte).is_none()) {
        return Err(format!("not hexadecimal at character {}", at + 1));
    }
    if !text.len().is_multiple_of(2) {
        return Err(format!("an odd number of hexadecimal digits ({})", text.len()));
    }
    let pairs = text.chunks_exact(2);
    Ok(pairs.filter_map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let cases: &[(&str, Result<&[u8], &str>)] = &[
            ("", Ok(b"")),
            ("00ff", Ok(b"\x00\xff")),
            ("aBcD", Ok(b"\xab\xcd")),
            ("abc", Err("an odd number of hexadecimal digits (3)")),
            ("0x00", Err("not hexadecimal at character 2")),
            ("é0", Err("not hexadecimal at character 1")),
        ];
        for (text, expected) in cases {
            let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(decode(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Hex(b"\x00\xff\x1b").to_string(), "00ff1b");
    }
}
