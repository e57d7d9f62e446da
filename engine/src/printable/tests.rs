//! What is escaped, that it comes back, and that a cut text stays inside its limit.

use super::*;
use proptest::prelude::*;

#[test]
fn shows() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty", b"", ""),
        ("plain", "Grüße, 世界 🎉".as_bytes(), "Grüße, 世界 🎉"),
        ("backslash", br"C:\new", r"C:\\new"),
        ("line ends", b"a\tb\r\nc", r"a\tb\r\nc"),
        ("escape sequence", b"\x1b[2J\x07", r"\x1b[2J\x07"),
        ("delete", b"\x7f", r"\x7f"),
        ("C1 control", "\u{9b}31m".as_bytes(), r"\u{9b}31m"),
        ("raw C1 byte", b"\x9b31m", r"\x9b31m"),
        ("override", "a\u{202e}b".as_bytes(), r"a\u{202e}b"),
        ("isolate", "\u{2066}".as_bytes(), r"\u{2066}"),
        ("Arabic mark", "\u{61c}".as_bytes(), r"\u{61c}"),
        ("zero width", "a\u{200b}b\u{feff}".as_bytes(), r"a\u{200b}b\u{feff}"),
        ("tag", "\u{e0041}".as_bytes(), r"\u{e0041}"),
        ("no UTF-8", b"\xff\xfe", r"\xff\xfe"),
        ("cut sequence", b"a\xe4\xb8", r"a\xe4\xb8"),
        ("surrogate", b"\xed\xa0\x80", r"\xed\xa0\x80"),
    ];
    for (name, bytes, text) in cases {
        assert_eq!(Printable::new(bytes).as_str(), *text, "{name}");
    }
}

#[test]
fn cuts() {
    let cases: &[(&str, &[u8], usize, &str)] = &[
        ("fits exactly", b"abcd", 4, "abcd"),
        ("one too many", b"abcde", 4, "abc…"),
        ("no room at all", b"a", 0, ""),
        ("room for the mark only", b"ab", 1, "…"),
        ("never inside an escape", b"ab\x1bc", 5, "ab…"),
        ("escape that just fits", b"a\x1b", 5, r"a\x1b"),
        ("escape that leaves no room for the mark", b"a\x1bb", 5, "a…"),
        ("wide characters count as one", "世界世界".as_bytes(), 3, "世界…"),
        ("empty in no room", b"", 0, ""),
    ];
    for (name, bytes, chars_max, text) in cases {
        let shown = Printable::capped(bytes, *chars_max);
        assert_eq!(shown.as_str(), *text, "{name}");
        assert_eq!(shown.is_cut(), *bytes != unescape(text).unwrap_or_default(), "{name}");
    }
    let long = vec![b'x'; 1 << 20];
    assert_eq!(Printable::capped(&long, 10).as_str(), "xxxxxxxxx…");
}

#[test]
fn unescape_rejects() {
    for text in ["\\", "\\q", "\\x1", "\\xgg", "\\u{", "\\u{}", "\\u{110000}", "\\u202e", "\\x"] {
        assert_eq!(unescape(text), None, "{text:?}");
    }
}

#[test]
fn messages_are_escaped_once() {
    let shown = Printable::new("a\x1b\\b");
    let message = format!("no such key: {shown}\u{9b}\n");
    let again = Printable::message(&message, 100);
    assert_eq!(again.as_str(), r"no such key: a\x1b\\b\u{9b}\n");
    assert_eq!(Printable::message(again.as_str(), 100), again, "twice is as once");
    assert_eq!(Printable::message(&message, 5).as_str(), "no s…");
}

fn is_safe(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() && !is_deceptive(c))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(any::<char>(), 0..60)
            .prop_map(|chars| chars.into_iter().collect::<String>().into_bytes()),
        proptest::collection::vec(
            prop_oneof![0u32..0x100, 0x2000u32..0x2070, Just(0xfeff), Just(0x5c)],
            0..60
        )
        .prop_map(|points| {
            points.into_iter().filter_map(char::from_u32).collect::<String>().into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn is_reversible_and_holds_no_control(bytes in bytes()) {
        let shown = Printable::new(&bytes);
        prop_assert!(is_safe(shown.as_str()), "{:?}", shown.as_str());
        prop_assert!(!shown.is_cut());
        prop_assert_eq!(unescape(shown.as_str()), Some(bytes));
    }

    #[test]
    fn stays_in_its_limit(bytes in bytes(), chars_max in 0usize..80) {
        let whole = Printable::new(&bytes);
        let shown = Printable::capped(&bytes, chars_max);
        prop_assert!(is_safe(shown.as_str()));
        prop_assert!(shown.as_str().chars().count() <= chars_max);
        prop_assert_eq!(shown.is_cut(), whole.as_str().chars().count() > chars_max);
        if shown.is_cut() {
            let kept = shown.as_str().strip_suffix(CUT_MARK).unwrap_or_default();
            prop_assert!(whole.as_str().starts_with(kept));
            let back = unescape(kept).unwrap_or_default();
            prop_assert!(bytes.starts_with(&back));
        }
    }
}
