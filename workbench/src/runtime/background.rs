//! Light or dark: the terminal is asked, and its answer picked out of the keys.
//!
//! OSC 11 asks for the background colour. A terminal that knows it answers `ESC ] 11 ; rgb:R/G/B ESC \`,
//! which reaches us as keys (Alt-], then characters); one that does not says nothing, and nothing is waited
//! for. The first frame is drawn before the question is asked.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The question.
pub const QUESTION: &[u8] = b"\x1b]11;?\x1b\\";
/// An answer is shorter than this.
const ANSWER_CHARS_MAX: usize = 40;

/// What a key was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A key.
    Key,
    /// A part of the answer.
    Part,
    /// Its end: whether the background is light.
    Light(bool),
}

/// Listens for the answer.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    /// The answer so far, once it has begun.
    heard: Option<String>,
    /// The escape of the answer's end has been heard, its backslash not yet.
    ending: bool,
}

impl Listener {
    /// Takes a key in.
    pub fn hear(&mut self, event: &KeyEvent) -> Heard {
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        if std::mem::take(&mut self.ending) && event.code == KeyCode::Char('\\') {
            return Heard::Part;
        }
        let Some(heard) = &mut self.heard else {
            let begins = alt && event.code == KeyCode::Char(']');
            self.heard = begins.then(String::new);
            return if begins { Heard::Part } else { Heard::Key };
        };
        let ends = match event.code {
            KeyCode::Char('\\') => alt,
            KeyCode::Char('g') => ctrl,
            KeyCode::Esc => true,
            _ => false,
        };
        if ends {
            self.ending = event.code == KeyCode::Esc;
            let light = is_light(heard);
            self.heard = None;
            return light.map_or(Heard::Part, Heard::Light);
        }
        match event.code {
            KeyCode::Char(c) if !alt && !ctrl && heard.len() < ANSWER_CHARS_MAX => {
                heard.push(c);
                Heard::Part
            }
            _ => {
                self.heard = None;
                Heard::Key
            }
        }
    }
}

/// Reads `11;rgb:ffff/ffff/ffff`.
fn is_light(answer: &str) -> Option<bool> {
    let colour = answer.strip_prefix("11;rgb:")?;
    let part = |text: &str| {
        let value = u32::from_str_radix(text, 16).ok()?;
        let digits = u32::try_from(text.len()).ok().filter(|digits| (1..=4).contains(digits))?;
        Some(f64::from(value) / f64::from(16_u32.pow(digits) - 1))
    };
    let parts: Vec<f64> = colour.split('/').map(part).collect::<Option<_>>()?;
    match parts[..] {
        [red, green, blue] => Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as keys, as crossterm reads it.
    fn keys(text: &str) -> Vec<KeyEvent> {
        let mut out = Vec::new();
        let mut alt = false;
        for c in text.chars() {
            let modifiers = match c {
                '\u{1b}' => {
                    alt = true;
                    continue;
                }
                '\u{7}' => KeyModifiers::CONTROL,
                _ if std::mem::take(&mut alt) => KeyModifiers::ALT,
                _ => KeyModifiers::NONE,
            };
            let c = if c == '\u{7}' { 'g' } else { c };
            out.push(KeyEvent::new(KeyCode::Char(c), modifiers));
        }
        out
    }

    #[test]
    fn answers_are_picked_out_of_the_keys() {
        let cases = [
            ("white", "\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\", Some(true)),
            ("black, ended by a bell", "\u{1b}]11;rgb:00/00/00\u{7}", Some(false)),
            ("solarized light", "\u{1b}]11;rgb:fdfd/f6f6/e3e3\u{1b}\\", Some(true)),
            ("not a colour", "\u{1b}]11;rgb:zz\u{1b}\\", None),
            ("another answer", "\u{1b}]52;c;abc\u{1b}\\", None),
        ];
        for (name, text, want) in cases {
            let mut listener = Listener::default();
            let heard: Vec<Heard> = keys(text).iter().map(|key| listener.hear(key)).collect();
            assert!(!heard.contains(&Heard::Key), "{name}: nothing of it is a key: {heard:?}");
            let light = heard.iter().find_map(|heard| match heard {
                Heard::Light(light) => Some(*light),
                _ => None,
            });
            assert_eq!(light, want, "{name}");
            assert_eq!(listener.hear(&keys("j")[0]), Heard::Key, "{name}: keys are keys again");
        }
    }

    #[test]
    fn keys_stay_keys() {
        let mut listener = Listener::default();
        for key in keys("jkq?:\u{1b}x\u{7}") {
            assert_eq!(listener.hear(&key), Heard::Key, "{key:?}");
        }
    }
}
