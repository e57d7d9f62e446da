//! What the engine says of a finding, fit for a line of a screen.
//!
//! The engine escapes the data in its sentences already. Escaping them again would double each backslash;
//! what a terminal may not get is escaped all the same, wherever it came from.

use northstar_engine::printable::Printable;
use std::fmt::Display;

/// `sentence` in at most `chars_max` characters.
pub fn told(sentence: impl Display, chars_max: usize) -> String {
    Printable::message(sentence.to_string(), chars_max).into_string()
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_is_escaped_stays_and_what_is_not_becomes_so() {
        assert_eq!(told(r"found \x00\xff", 80), r"found \x00\xff");
        assert_eq!(told("bell \u{7}", 80), r"bell \x07");
        assert_eq!(told("turned \u{202e}", 80), r"turned \u{202e}");
        assert_eq!(told("cut short", 4), "cut…");
        assert_eq!(told(r"cut \xa5\xa5\xa5 short", 12), r"cut \xa5\xa…", "no backslash is doubled");
    }
}
