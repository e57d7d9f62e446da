//! Untrusted bytes made fit for a terminal: the only form in which data may reach a person's screen.
//!
//! Keys, values, file names, import lines and error texts are written by strangers. A terminal obeys
//! escape sequences (clipboard, cursor, links, window title), and bidirectional and zero-width
//! characters make text read as what it is not. [`Printable`] escapes all of them. Both binaries print
//! through it and nothing else.
//!
//! Pure; imports nothing of the engine. The form is reversible: [`unescape`] gives the bytes back.
//! Cost: one pass over the bytes that are shown, however long the input is.
//!
//! | input | shown as |
//! | --- | --- |
//! | `\` | `\\` |
//! | TAB, LF, CR | `\t`, `\n`, `\r` |
//! | other C0 controls, DEL | `\x1b` |
//! | bytes that are no UTF-8 | `\xff` |
//! | C1 controls, bidi controls, zero-width and other invisible characters, line separators | `\u{202e}` |
//! | anything else | itself |

use std::fmt::{self, Write as _};

/// The mark at the end of a text that was cut.
pub const CUT_MARK: char = '…';

/// Text that is safe to print: built from any bytes, holds no control byte.
///
/// ```
/// use northstar_engine::printable::{Printable, unescape};
/// let hostile = b"name\x1b]52;c;ZXZpbA==\x07\xff";
/// let shown = Printable::new(hostile);
/// assert_eq!(shown.as_str(), r"name\x1b]52;c;ZXZpbA==\x07\xff");
/// assert_eq!(unescape(shown.as_str()).as_deref(), Some(&hostile[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Printable {
    text: String,
    cut: bool,
}

impl Printable {
    /// All of `bytes`, escaped. At most four times as long as the input: for what is known to be short.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self::capped(bytes, usize::MAX)
    }

    /// `bytes` escaped, cut before the first character or escape that would make it longer than
    /// `chars_max` characters; a cut text ends in [`CUT_MARK`], which is one of the `chars_max`.
    ///
    /// Looks at no more of `bytes` than it shows.
    pub fn capped(bytes: impl AsRef<[u8]>, chars_max: usize) -> Self {
        let mut bytes = bytes.as_ref();
        // No escape stands for more than four bytes, and every byte shown takes a character or shares
        // one with three others: what is behind this cannot fit.
        let reach = chars_max.saturating_mul(4).saturating_add(4);
        let beyond = bytes.len() > reach;
        if beyond {
            bytes = bytes.get(..reach).unwrap_or(bytes);
        }
        let mut out = Builder::new(chars_max);
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if !out.push_char(character) {
                    return out.finish(true);
                }
            }
            for byte in chunk.invalid() {
                if !out.push_escape(format_args!("\\x{byte:02x}")) {
                    return out.finish(true);
                }
            }
        }
        out.finish(beyond)
    }

    /// A message: our own words, in which data may have been escaped already. The same escapes, but a
    /// backslash stays one, so that nothing is escaped twice; for showing, not for reading back.
    pub fn message(text: impl AsRef<str>, chars_max: usize) -> Self {
        let mut out = Builder::new(chars_max);
        for character in text.as_ref().chars() {
            let fits = if character == '\\' {
                out.push_plain(character)
            } else {
                out.push_char(character)
            };
            if !fits {
                return out.finish(true);
            }
        }
        out.finish(false)
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The escaped text, owned.
    pub fn into_string(self) -> String {
        self.text
    }

    /// Whether something was left out at the end.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// Collects characters up to a limit and remembers where the last one that leaves room for the mark ends.
struct Builder {
    text: String,
    scratch: String,
    chars: usize,
    chars_max: usize,
    /// Length of `text` when it held at most `chars_max - 1` characters.
    room_for_mark: usize,
}

impl Builder {
    fn new(chars_max: usize) -> Self {
        Self { text: String::new(), scratch: String::new(), chars: 0, chars_max, room_for_mark: 0 }
    }

    fn push_char(&mut self, character: char) -> bool {
        match character {
            '\\' => self.push_escape(format_args!("\\\\")),
            '\t' => self.push_escape(format_args!("\\t")),
            '\n' => self.push_escape(format_args!("\\n")),
            '\r' => self.push_escape(format_args!("\\r")),
            '\0'..='\x1f' | '\x7f' => self.push_escape(format_args!("\\x{:02x}", character as u32)),
            _ if is_deceptive(character) => {
                self.push_escape(format_args!("\\u{{{:x}}}", character as u32))
            }
            _ => self.push_plain(character),
        }
    }

    fn push_plain(&mut self, character: char) -> bool {
        let fits = self.reserve(1);
        if fits {
            self.text.push(character);
            self.note_room();
        }
        fits
    }

    fn push_escape(&mut self, escape: fmt::Arguments<'_>) -> bool {
        self.scratch.clear();
        // Writing to a String does not fail.
        self.scratch.write_fmt(escape).unwrap_or_default();
        // Escapes are ASCII: bytes are characters.
        let fits = self.reserve(self.scratch.len());
        if fits {
            self.text.push_str(&self.scratch);
            self.note_room();
        }
        fits
    }

    fn reserve(&mut self, chars: usize) -> bool {
        let total = self.chars.saturating_add(chars);
        if total > self.chars_max {
            return false;
        }
        self.chars = total;
        true
    }

    fn note_room(&mut self) {
        if self.chars < self.chars_max {
            self.room_for_mark = self.text.len();
        }
    }

    fn finish(mut self, cut: bool) -> Printable {
        if cut {
            self.text.truncate(self.room_for_mark);
            if self.chars_max > 0 {
                self.text.push(CUT_MARK);
            }
        }
        Printable { text: self.text, cut }
    }
}

/// Whether a character is not printed as itself although it is no C0 control: it moves the cursor,
/// turns the direction of what stands around it, ends a line, or cannot be seen.
pub const fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'          // C1 controls
        | '\u{ad}'                   // soft hyphen
        | '\u{34f}'                  // combining grapheme joiner
        | '\u{61c}'                  // Arabic letter mark (bidi)
        | '\u{115f}' | '\u{1160}'    // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'    // Khmer inherent vowels
        | '\u{180b}'..='\u{180f}'    // Mongolian selectors and vowel separator
        | '\u{200b}'..='\u{200f}'    // zero-width, LRM, RLM
        | '\u{2028}'..='\u{202e}'    // line and paragraph separator, bidi embeddings and overrides
        | '\u{2060}'..='\u{206f}'    // word joiner, invisible operators, bidi isolates
        | '\u{3164}' | '\u{ffa0}'    // Hangul fillers
        | '\u{feff}'                 // byte order mark
        | '\u{fff0}'..='\u{fffb}'    // interlinear annotation
        | '\u{1d173}'..='\u{1d17a}'  // musical format controls
        | '\u{e0000}'..='\u{e0fff}'  // tags and selectors
    )
}

/// The bytes that [`Printable::new`] was given, from its text; `None` for a text it never makes.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next()? {
            '\\' => bytes.push(b'\\'),
            't' => bytes.push(b'\t'),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            'x' => {
                let (high, low) = (rest.next()?.to_digit(16)?, rest.next()?.to_digit(16)?);
                bytes.push(u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?);
            }
            'u' => {
                let (digits, behind) = rest.as_str().strip_prefix('{')?.split_once('}')?;
                let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind.chars();
            }
            _ => return None,
        }
    }
    Some(bytes)
}

impl fmt::Display for Printable {
    /// Obeys width, alignment and fill, counted in characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for Printable {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<Printable> for String {
    fn from(printable: Printable) -> Self {
        printable.text
    }
}

#[cfg(test)]
mod tests;
