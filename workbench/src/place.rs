//! Places: what a jump leads to, how a person writes one down, and the list of past jumps.

use crate::screen_id::ScreenId;
use northstar_engine::printable::{Printable, unescape};
use northstar_engine::{Lsn, PageId, TxnId};
use std::fmt;

/// A place inside a screen.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum At {
    /// Where the screen is anyway.
    #[default]
    Here,
    /// A page, and perhaps a byte in it.
    Page(PageId, Option<u32>),
    /// A key.
    Key(Vec<u8>),
    /// A state.
    Txn(TxnId),
    /// A log position.
    Lsn(Lsn),
}

/// A screen, and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which screen.
    pub screen: ScreenId,
    /// Where on it.
    pub at: At,
}

impl Place {
    /// A place on `screen`.
    pub const fn new(screen: ScreenId, at: At) -> Self {
        Self { screen, at }
    }

    /// A page, on the page screen.
    pub const fn page(id: PageId) -> Self {
        Self::new(ScreenId::Page, At::Page(id, None))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => Ok(()),
            Self::Page(id, None) => write!(f, "p{id}"),
            Self::Page(id, Some(offset)) => write!(f, "p{id}+{offset:#x}"),
            Self::Key(key) => write!(f, "key:{}", Printable::capped(key, 24).as_str()),
            Self::Txn(txn) => write!(f, "txn {txn}"),
            Self::Lsn(lsn) => write!(f, "lsn {lsn}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Here => f.write_str(self.screen.name()),
            at => write!(f, "{} {at}", self.screen.name()),
        }
    }
}

/// How to write a place, for messages and prompts.
pub const PLACE_FORMS: &str =
    "p42, 0x5a000, p42+0x18, txn 118, rows txn 118, lsn 4096, key:abc, a screen";

/// Reads a place a person typed. Page offsets in bytes are divided by `page_bytes`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse(text: &str, page_bytes: u64) -> Result<Place, String> {
    let text = text.trim();
    let wrong = || format!("no place: {text}; there are {PLACE_FORMS}");
    if let Some(key) = text.strip_prefix("key:") {
        let key = unescape(key).ok_or_else(|| format!("not a whole escape in key {key}"))?;
        return Ok(Place::new(ScreenId::Rows, At::Key(key)));
    }
    for (word, screen) in [("txn", ScreenId::Log), ("lsn", ScreenId::Log)] {
        if let Some(rest) = text.strip_prefix(word)
            && let Some(number) = number(rest.trim_start_matches([' ', ':']))
        {
            let at =
                if word == "txn" { At::Txn(TxnId::new(number)) } else { At::Lsn(Lsn::new(number)) };
            return Ok(Place::new(screen, at));
        }
    }
    if let Some(screen) = ScreenId::from_name(&text.to_lowercase()) {
        return Ok(Place::new(screen, At::Here));
    }
    // `rows txn 118`: the same place on another screen.
    if let Some((name, rest)) = text.split_once(' ')
        && let Some(screen) = ScreenId::from_name(&name.to_lowercase())
    {
        return parse(rest, page_bytes).map(|place| Place::new(screen, place.at));
    }
    if let Some(rest) = text.strip_prefix(['p', 'P']) {
        let (page, offset) = rest.split_once('+').map_or((rest, None), |(p, o)| (p, Some(o)));
        let page = number(page).ok_or_else(wrong)?;
        let offset = match offset {
            None => None,
            Some(text) => {
                let offset = number(text).ok_or_else(wrong)?;
                if offset >= page_bytes {
                    return Err(format!(
                        "offset {offset:#x} is outside a page of {page_bytes} bytes"
                    ));
                }
                Some(u32::try_from(offset).map_err(|_| wrong())?)
            }
        };
        return Ok(Place::new(ScreenId::Page, At::Page(PageId::new(page), offset)));
    }
    if let Some(offset) = text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok())
    {
        let page = offset.checked_div(page_bytes).ok_or_else(wrong)?;
        let inside = offset.checked_rem(page_bytes).ok_or_else(wrong)?;
        let inside = u32::try_from(inside).map_err(|_| wrong())?;
        return Ok(Place::new(ScreenId::Page, At::Page(PageId::new(page), Some(inside))));
    }
    match number(text) {
        Some(page) => Ok(Place::page(PageId::new(page))),
        None => Err(wrong()),
    }
}

/// A decimal number, or a hexadecimal one with 0x.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Past places, with the one we are at in between.
#[derive(Clone, Debug, Default)]
pub struct JumpList {
    back: Vec<Place>,
    forward: Vec<Place>,
}

/// Places remembered.
const JUMPS_MAX: usize = 200;

impl JumpList {
    /// Notes that we leave `from` for somewhere new.
    pub fn leave(&mut self, from: Place) {
        self.forward.clear();
        if self.back.last() != Some(&from) {
            self.back.push(from);
        }
        if self.back.len() > JUMPS_MAX {
            self.back.remove(0);
        }
    }

    /// Where we came from; `from` is where we are.
    pub fn back(&mut self, from: Place) -> Option<Place> {
        let to = self.back.pop()?;
        self.forward.push(from);
        Some(to)
    }

    /// Where we went back from.
    pub fn forward(&mut self, from: Place) -> Option<Place> {
        let to = self.forward.pop()?;
        self.back.push(from);
        Some(to)
    }

    /// The last places, oldest first: the breadcrumb.
    pub fn trail(&self) -> &[Place] {
        &self.back
    }

    /// Whether there is somewhere to go forward to.
    pub fn can_forward(&self) -> bool {
        !self.forward.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let page = |id, offset| Place::new(ScreenId::Page, At::Page(PageId::new(id), offset));
        let cases = [
            ("p42", page(42, None)),
            ("42", page(42, None)),
            ("0x5a000", page(22, Some(0x2000))),
            ("p42+0x18", page(42, Some(0x18))),
            ("p42+24", page(42, Some(24))),
            (" txn 118 ", Place::new(ScreenId::Log, At::Txn(TxnId::new(118)))),
            ("txn:118", Place::new(ScreenId::Log, At::Txn(TxnId::new(118)))),
            ("lsn 0x10", Place::new(ScreenId::Log, At::Lsn(Lsn::new(16)))),
            ("key:abc", Place::new(ScreenId::Rows, At::Key(b"abc".to_vec()))),
            ("key:\\xff", Place::new(ScreenId::Rows, At::Key(vec![255]))),
            ("key:", Place::new(ScreenId::Rows, At::Key(vec![]))),
            ("map", Place::new(ScreenId::Map, At::Here)),
            ("Rows txn 118", Place::new(ScreenId::Rows, At::Txn(TxnId::new(118)))),
            ("map p42", Place::new(ScreenId::Map, At::Page(PageId::new(42), None))),
            ("18446744073709551615", page(u64::MAX, None)),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, 16384), Ok(want), "{text}");
        }
        let wrong = [
            "",
            "p",
            "pp",
            "rows txn",
            "sideways txn 3",
            "p42+",
            "p42+0x4000",
            "0x",
            "txn",
            "key:\\x",
            "99999999999999999999",
        ];
        for text in wrong {
            assert!(parse(text, 16384).is_err(), "{text}");
        }
        assert!(parse("0x10", 0).is_err(), "no page size known");
    }

    #[test]
    fn written_places_read_back() {
        for at in [
            At::Page(PageId::new(7), None),
            At::Page(PageId::new(7), Some(24)),
            At::Key(b"a\\b\n".to_vec()),
            At::Txn(TxnId::new(3)),
            At::Lsn(Lsn::new(9)),
        ] {
            assert_eq!(parse(&at.to_string(), 16384).map(|place| place.at), Ok(at));
        }
    }

    #[test]
    fn jumps_go_back_and_forward() {
        let at = |id| Place::page(PageId::new(id));
        let mut jumps = JumpList::default();
        assert_eq!(jumps.back(at(1)), None);
        jumps.leave(at(1));
        jumps.leave(at(2));
        assert_eq!(jumps.back(at(3)), Some(at(2)));
        assert_eq!(jumps.back(at(2)), Some(at(1)));
        assert_eq!(jumps.forward(at(1)), Some(at(2)));
        jumps.leave(at(2));
        assert_eq!(jumps.forward(at(9)), None, "a new jump forgets the way forward");
        for id in 0..1000 {
            jumps.leave(at(id));
        }
        assert!(jumps.trail().len() <= JUMPS_MAX);
    }
}
