//! Text for terminals, and keys: small functions with exact promises.

use super::input::Input;
use northstar_engine::{
    format::{
        node::{Cells, Insert, NodeMut, Scratch},
        page::{PageHeader, PageType},
    },
    key::prefix_end,
    limits::{KEY_BYTES_MAX, PAGE_BYTES},
    printable::{Printable, is_deceptive, unescape},
};
use std::collections::BTreeSet;

fn is_safe(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_deceptive(character))
}

/// Escaped text holds nothing a terminal obeys, gives its bytes back, and keeps its limit.
pub fn escape(bytes: &[u8]) {
    let Some((&limit, bytes)) = bytes.split_first() else { return };
    let whole = Printable::new(bytes);
    assert!(is_safe(whole.as_str()), "{whole:?}");
    assert_eq!(unescape(whole.as_str()).as_deref(), Some(bytes), "{whole:?}");
    let limit = usize::from(limit);
    let capped = Printable::capped(bytes, limit);
    assert!(is_safe(capped.as_str()), "{capped:?}");
    assert!(capped.as_str().chars().count() <= limit, "{capped:?} of {limit}");
    assert!(capped.is_cut() || capped == whole, "{capped:?} is {whole:?}");
    let text = String::from_utf8_lossy(bytes);
    let message = Printable::message(&text, limit);
    assert!(is_safe(message.as_str()), "{message:?}");
    assert!(message.as_str().chars().count() <= limit, "{message:?} of {limit}");
    unescape(&text);
}

pub fn escape_seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 5] = [
        b"\x50name\x1b]52;c;ZXZpbA==\x07\xff",
        "\u{5}a\u{202e}b\u{200b}\u{9b}31m".as_bytes(),
        b"\x03\\\\\t\r\n\x7f",
        b"\xff\xf0\x9f\x98\x80\xf0\x9f\x98\xc2\x9b",
        b"\x00",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

/// `(length, key)…`: keys in a leaf. A separator lies above its left neighbour and not above its
/// right one, and is the shortest that does; the end of a prefix is the first key behind it.
pub fn separators(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut keys = BTreeSet::new();
    while let Some(length) = input.byte() {
        // Long keys too, made of few bytes.
        let long = if length >= 0xf0 { KEY_BYTES_MAX - 260 } else { 0 };
        let mut key = vec![b'L'; long];
        key.extend_from_slice(input.take(usize::from(length)));
        keys.insert(key);
    }
    let mut page = Box::new([0; PAGE_BYTES]);
    let mut node = empty_leaf(&mut page);
    let mut scratch = Scratch::default();
    let mut inside: Vec<&[u8]> = Vec::new();
    for key in &keys {
        let insert = Insert { index: inside.len(), key, value: b"", overflow: false };
        if !node.insert(insert, usize::MAX, &mut scratch) {
            break;
        }
        inside.push(key);
    }
    let node = node.node();
    let cells = Cells::new(node, None);
    for (place, pair) in inside.windows(2).enumerate() {
        let separator = cells.separator(place + 1);
        assert!(pair[0] < &separator[..] && &separator[..] <= pair[1], "{pair:?}: {separator:?}");
        let shorter = &separator[..separator.len() - 1];
        assert!(shorter <= pair[0], "{pair:?}: {shorter:?} would do");
        assert_eq!(node.search(pair[1]), Ok(place + 1), "{pair:?}");
    }
    for key in inside.iter().take(8) {
        let end = prefix_end(key);
        for other in &inside {
            let below = end.as_ref().is_none_or(|end| *other < &end[..]);
            assert_eq!(other.starts_with(key), *other >= *key && below, "{key:?} {other:?}");
        }
    }
}

fn empty_leaf(page: &mut [u8; PAGE_BYTES]) -> NodeMut<'_> {
    let header = PageHeader::decode(page).expect("a page is longer than its header");
    let header = PageHeader { page_type: PageType::Leaf as u8, ..header };
    page[..PageHeader::BYTES].copy_from_slice(&header.to_bytes());
    let mut node = NodeMut::new(page);
    node.clear();
    node
}

pub fn key_seeds() -> Vec<Vec<u8>> {
    let lists: [&[&[u8]]; 4] = [
        &[b"", b"a", b"ab", b"abc", b"b"],
        &[b"user/1", b"user/10", b"user/2", b"\xff", b"\xff\xff"],
        &[b"same\x00", b"same", b"same\x00\x00", b"samf"],
        &[&[b'x'; 0xf5], &[b'x'; 0xf4]],
    ];
    let seed = |keys: &&[&[u8]]| -> Vec<u8> {
        keys.iter().flat_map(|key| [&[key.len() as u8][..], key].concat()).collect()
    };
    lists.iter().map(seed).collect()
}
