//! Rows from JSON lines.
//!
//! Values that are no strings are kept as they were written: no number changes on its way in.

use super::{Parse, Row};
use crate::output::hex;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Makes rows of JSON objects.
pub(super) struct Jsonl {
    /// The field that is the key; without it `key` or `key_hex`.
    key: Option<String>,
}

/// The fields of a line that matter, as written.
#[derive(Default)]
struct Fields<'a> {
    named: Option<&'a RawValue>,
    key: Option<&'a RawValue>,
    key_hex: Option<&'a RawValue>,
    value: Option<&'a RawValue>,
    value_hex: Option<&'a RawValue>,
}

impl Jsonl {
    pub(super) fn new(key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned) }
    }
}

impl Parse for Jsonl {
    fn row(&mut self, record: &[u8]) -> Result<Option<Row<'_>>, String> {
        let record = record.trim_ascii();
        if record.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(record)
            .map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = deserializer
            .deserialize_map(Wanted { named: self.key.as_deref() })
            .and_then(|fields| deserializer.end().map(|()| fields))
            .map_err(|error| {
                // The line number in serde_json's message would be of the line itself: always 1.
                let message = error.to_string();
                let end = message.rfind(" at line ").unwrap_or(message.len());
                let message = &message[..end];
                match error.column() {
                    0 => format!("not a JSON object: {message}"),
                    column => format!("not a JSON object: {message} at column {column}"),
                }
            })?;
        let key = match &self.key {
            Some(name) => scalar(name, fields.named.ok_or_else(|| format!("no field {name}"))?)?,
            None => match (fields.key, fields.key_hex) {
                (Some(key), None) => scalar("key", key)?,
                (None, Some(key)) => from_hex("key_hex", key)?,
                (Some(_), Some(_)) => return Err("both key and key_hex".into()),
                (None, None) => return Err("no field key or key_hex".into()),
            },
        };
        let value = match (fields.value, fields.value_hex) {
            (Some(value), None) => text_or_json(value)?,
            (None, Some(value)) => from_hex("value_hex", value)?,
            (Some(_), Some(_)) => return Err("both value and value_hex".into()),
            (None, None) => text.as_bytes().to_vec(),
        };
        Ok(Some(Row { key: Cow::Owned(key), value: Cow::Owned(value) }))
    }
}

/// A string's text, or the JSON of anything else.
fn text_or_json(value: &RawValue) -> Result<Vec<u8>, String> {
    if value.get().starts_with('"') {
        return match serde_json::from_str::<String>(value.get()) {
            Ok(text) => Ok(text.into_bytes()),
            Err(_) => Err("a string that is no text: a lone surrogate".into()),
        };
    }
    Ok(value.get().as_bytes().to_vec())
}

/// A key: a string's text, or a number or truth value as written.
fn scalar(name: &str, value: &RawValue) -> Result<Vec<u8>, String> {
    match value.get().as_bytes().first() {
        Some(b'{' | b'[') => Err(format!("field {name} is no text and no number")),
        _ if value.get() == "null" => Err(format!("field {name} is null")),
        _ => text_or_json(value),
    }
}

fn from_hex(name: &str, value: &RawValue) -> Result<Vec<u8>, String> {
    let text: String =
        serde_json::from_str(value.get()).map_err(|_| format!("field {name} is no string"))?;
    hex::decode(text.as_bytes()).map_err(|why| format!("field {name} is {why}"))
}

/// Picks the wanted fields out of an object; of a repeated field the last counts.
struct Wanted<'w> {
    named: Option<&'w str>,
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(Name(name)) = map.next_key()? {
            let name: &str = &name;
            let value: Option<&'de RawValue> = if Some(name) == self.named
                || matches!(name, "key" | "key_hex" | "value" | "value_hex")
            {
                Some(map.next_value()?)
            } else {
                map.next_value::<IgnoredAny>()?;
                None
            };
            if Some(name) == self.named {
                fields.named = value;
            }
            match name {
                "key" => fields.key = value,
                "key_hex" => fields.key_hex = value,
                "value" => fields.value = value,
                "value_hex" => fields.value_hex = value,
                _ => {}
            }
        }
        Ok(fields)
    }
}

/// A field's name, borrowed where it needs no unescaping.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    type Parsed = Result<Option<(Vec<u8>, Vec<u8>)>, String>;

    fn parsed(key: Option<&str>, line: &[u8]) -> Parsed {
        let mut jsonl = Jsonl::new(key);
        let row = jsonl.row(line)?;
        Ok(row.map(|row| (row.key.into_owned(), row.value.into_owned())))
    }

    #[test]
    fn rows() {
        type Case<'a> = (&'a str, Option<&'a str>, &'a str, (&'a [u8], &'a [u8]));
        let cases: &[Case<'_>] = &[
            ("plain", None, r#"{"key":"a","value":"b"}"#, (b"a", b"b")),
            ("escapes", None, r#"{"\u006bey":"\u00e9\n","value":""}"#, ("é\n".as_bytes(), b"")),
            ("hex", None, r#"{"key_hex":"FF00","value_hex":"0a"}"#, (b"\xff\x00", b"\x0a")),
            ("no value", None, r#" {"key":"a", "n": 1} "#, (b"a", br#"{"key":"a", "n": 1}"#)),
            (
                "a number",
                None,
                r#"{"key":1e2,"value":10000000000000000000001.50}"#,
                (b"1e2", b"10000000000000000000001.50"),
            ),
            ("an object", None, r#"{"key":"a","value":{"x": [1]}}"#, (b"a", br#"{"x": [1]}"#)),
            ("null", None, r#"{"key":"a","value":null}"#, (b"a", b"null")),
            ("a named key", Some("id"), r#"{"id":7,"value":"v"}"#, (b"7", b"v")),
            ("a named key, whole line", Some("id"), r#"{"id":"7"}"#, (b"7", br#"{"id":"7"}"#)),
            ("the value as key", Some("value"), r#"{"value":"v"}"#, (b"v", b"v")),
            ("the last of two", None, r#"{"key":"a","key":"b","value":""}"#, (b"b", b"")),
            ("an empty key", None, r#"{"key":"","value":""}"#, (b"", b"")),
        ];
        for (name, key, line, (expected_key, expected_value)) in cases {
            let row = parsed(*key, line.as_bytes());
            assert_eq!(row, Ok(Some((expected_key.to_vec(), expected_value.to_vec()))), "{name}");
        }
        assert_eq!(parsed(None, b"  "), Ok(None));
    }

    #[test]
    fn complaints() {
        let deep = [b"{\"key\":".as_slice(), &b"[".repeat(100_000)].concat();
        let cases: &[(&str, &[u8], &str)] = &[
            ("no object", b"[1]", "not a JSON object: invalid type: sequence, expected an object"),
            (
                "cut",
                br#"{"key":"a""#,
                "not a JSON object: EOF while parsing an object at column 10",
            ),
            ("two", br#"{"key":"a"}{"#, "not a JSON object: trailing characters at column 12"),
            ("not UTF-8", b"{\"key\":\"\xff\"}", "not UTF-8 at byte 9"),
            ("no key", br#"{"value":"a"}"#, "no field key or key_hex"),
            ("two keys", br#"{"key":"a","key_hex":"00"}"#, "both key and key_hex"),
            ("two values", br#"{"key":"a","value":"","value_hex":""}"#, "both value and value_hex"),
            ("no hex", br#"{"key_hex":"zz"}"#, "field key_hex is not hexadecimal at character 1"),
            ("hex is no string", br#"{"key_hex":12}"#, "field key_hex is no string"),
            ("null key", br#"{"key":null}"#, "field key is null"),
            ("array key", br#"{"key":[]}"#, "field key is no text and no number"),
            (
                "lone surrogate",
                br#"{"key":"\ud800"}"#,
                "a string that is no text: a lone surrogate",
            ),
            ("very deep", &deep, "not a JSON object: EOF while parsing a list at column 100007"),
        ];
        for (name, line, why) in cases {
            assert_eq!(parsed(None, line), Err((*why).to_owned()), "{name}");
        }
    }
}
