//! Nodes against a sorted map, with keys that are hard on prefixes, heads and hints.

use super::*;
use crate::format::page::{PageHeader, PageType, seal_page};
use crate::ids::{FileUuid, PageId, TxnId};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Page = [u8; PAGE_BYTES];
const UUID: FileUuid = FileUuid([7; 16]);

fn header(page_type: PageType, level: u8) -> PageHeader {
    PageHeader {
        magic: crate::format::page::PAGE_MAGIC,
        crc: crate::format::field::Crc(0),
        version: 0,
        page_type: page_type as u8,
        level,
        payload_bytes: 0,
        page_id: PageId::new(9),
        birth: TxnId::new(5),
        nonce: 1,
        reserved: 0,
    }
}

fn empty(page_type: PageType, level: u8) -> Box<Page> {
    let mut page = Box::new([0; PAGE_BYTES]);
    seal_page(&mut page, UUID, header(page_type, level));
    NodeMut::new(&mut page).clear();
    page
}

fn check(page: &Page) -> Result<(), crate::Corrupt> {
    check_node(page, &PageHeader::decode(page).expect("a page has a header"))
}

/// Keys that share fronts, end in zeros, are fronts of each other, are empty or of the greatest length.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..9),
        4 => (0u32..2000).prop_map(|number| format!("user:{number:08}").into_bytes()),
        2 => (0usize..40).prop_map(|zeros| [&b"z"[..], &vec![0; zeros]].concat()),
        1 => (0usize..60, any::<u8>()).prop_map(|(front, last)| {
            [vec![b'p'; 40 + front], vec![last]].concat()
        }),
        1 => any::<u8>().prop_map(|last| [vec![b'm'; KEY_BYTES_MAX - 1], vec![last]].concat()),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, usize, u8),
    Del(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (key(), 0usize..300, any::<u8>()).prop_map(|(key, bytes, fill)| Step::Put(key, bytes, fill)),
        1 => any::<usize>().prop_map(Step::Del),
    ]
}

fn rows(node: Node<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..node.count()).map(|i| (node.key(i), node.stored_value(i).0.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_leaf_is_a_sorted_map(steps in proptest::collection::vec(step(), 1..250)) {
        let mut page = empty(PageType::Leaf, 0);
        let mut scratch = Scratch::default();
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(key, bytes, fill) => {
                    let value = vec![fill; bytes.min(INLINE_ROW_BYTES_MAX - key.len())];
                    let found = Node::new(&page).search(&key);
                    prop_assert_eq!(found.is_ok(), model.contains_key(&key));
                    let mut node = NodeMut::new(&mut page);
                    let index = match found {
                        Ok(index) if node.set_value(index, &value, false) => {
                            model.insert(key, value);
                            continue;
                        }
                        Ok(index) => {
                            node.remove(index);
                            model.remove(&key);
                            index
                        }
                        Err(index) => index,
                    };
                    let insert = Insert { index, key: &key, value: &value, overflow: false };
                    if node.insert(insert, usize::MAX, &mut scratch) {
                        model.insert(key, value);
                        continue;
                    }
                    // Full: both halves of a split hold what was there, and the new row.
                    let cells = Cells::new(Node::new(scratch.copy_of(&page)), Some(insert));
                    prop_assert!(!cells.fit_one_node(usize::MAX));
                    let at = if fill % 2 == 0 { SplitAt::Middle } else { SplitAt::End };
                    let place = cells.split_point(at, usize::MAX);
                    let separator = cells.separator(place);
                    let mut right = empty(PageType::Leaf, 0);
                    NodeMut::new(&mut right).encode(&cells, place..cells.count());
                    NodeMut::new(&mut page).encode(&cells, 0..place);
                    check(&right).unwrap();
                    check(&page).unwrap();
                    model.insert(key, value);
                    let both = [rows(Node::new(&page)), rows(Node::new(&right))].concat();
                    let expected: Vec<_> = model.clone().into_iter().collect();
                    prop_assert_eq!(both, expected);
                    let (left, right) = (Node::new(&page), Node::new(&right));
                    prop_assert!(left.key(left.count() - 1) < separator);
                    prop_assert!(separator <= right.key(0));
                    model.retain(|key, _| *key < separator);
                }
                Step::Del(at) if !model.is_empty() => {
                    let key = model.keys().nth(at % model.len()).unwrap().clone();
                    let index = Node::new(&page).search(&key).unwrap();
                    NodeMut::new(&mut page).remove(index);
                    model.remove(&key);
                }
                Step::Del(_) => {}
            }
            if model.is_empty() {
                prop_assert_eq!(Node::new(&page).count(), 0);
            } else if let Err(corrupt) = check(&page) {
                prop_assert!(false, "{}", corrupt);
            }
        }
        let expected: Vec<_> = model.into_iter().collect();
        prop_assert_eq!(rows(Node::new(&page)), expected);
    }

    #[test]
    fn keys_of_two_leaves_compare_as_their_bytes_do(
        left in proptest::collection::btree_set(key(), 1..6),
        right in proptest::collection::btree_set(key(), 1..6),
    ) {
        let leaf = |keys: &std::collections::BTreeSet<Vec<u8>>| {
            let (mut page, mut scratch) = (empty(PageType::Leaf, 0), Scratch::default());
            for (index, key) in keys.iter().enumerate() {
                let insert = Insert { index, key, value: b"", overflow: false };
                if !NodeMut::new(&mut page).insert(insert, usize::MAX, &mut scratch) {
                    break;
                }
            }
            page
        };
        let (left, right) = (leaf(&left), leaf(&right));
        let (left, right) = (Node::new(&left), Node::new(&right));
        for (index, other) in (0..left.count()).flat_map(|l| (0..right.count()).map(move |r| (l, r))) {
            let (key, other_key) = (left.key(index), right.key(other));
            let expected = key.cmp(&other_key);
            prop_assert_eq!(left.compare_keys(index, right, other), expected);
            prop_assert_eq!(right.compare_keys(other, left, index), expected.reverse());
        }
    }

    #[test]
    fn a_leaf_finds_every_key_and_misses_all_others(
        present in proptest::collection::btree_set(key(), 1..120),
        absent in proptest::collection::vec(key(), 1..60),
    ) {
        let mut page = empty(PageType::Leaf, 0);
        let mut scratch = Scratch::default();
        let mut kept: Vec<Vec<u8>> = Vec::new();
        for key in present {
            let index = Node::new(&page).search(&key).unwrap_err();
            prop_assert_eq!(index, kept.len());
            let insert = Insert { index, key: &key, value: b"", overflow: false };
            if NodeMut::new(&mut page).insert(insert, usize::MAX, &mut scratch) {
                kept.push(key);
            }
        }
        for key in kept.iter().chain(&absent) {
            let node = Node::new(&page);
            prop_assert_eq!(node.search(key), kept.binary_search(key), "{:?}", key);
            let mut probe = node.begin_search(key);
            node.narrow(&mut probe);
            prop_assert_eq!(node.end_search(&probe), kept.binary_search(key), "{:?} in steps", key);
        }
    }

    #[test]
    fn an_internal_node_finds_the_child(
        separators in proptest::collection::btree_set(key(), 1..300),
        probes in proptest::collection::vec(key(), 1..60),
    ) {
        let mut page = empty(PageType::Internal, 1);
        let mut scratch = Scratch::default();
        let child = |number: usize| Pointer {
            page: PageId::new(10 + number as u64), birth: TxnId::new(1), nonce: number as u32,
        };
        let mut kept: Vec<Vec<u8>> = vec![vec![]];
        let put = |page: &mut Page, scratch: &mut Scratch, index, key: &[u8], number| {
            let value = child_bytes(child(number));
            let insert = Insert { index, key, value: &value, overflow: false };
            NodeMut::new(page).insert(insert, usize::MAX, scratch)
        };
        prop_assert!(put(&mut page, &mut scratch, 0, b"", 0));
        for key in separators.into_iter().filter(|key| !key.is_empty()) {
            if put(&mut page, &mut scratch, kept.len(), &key, kept.len()) {
                kept.push(key);
            }
        }
        check(&page).unwrap();
        for key in kept.iter().chain(&probes) {
            let expected = kept.partition_point(|separator| separator <= key).max(1) - 1;
            let node = Node::new(&page);
            prop_assert_eq!(node.find_child(key), expected, "{:?}", key);
            let mut probe = node.begin_search(key);
            node.narrow(&mut probe);
            prop_assert_eq!(node.end_find_child(&probe), expected, "{:?} in steps", key);
            prop_assert_eq!(node.child(expected), child(expected));
        }
        if kept.len() >= 5 {
            let cells = Cells::new(Node::new(&page), None);
            let place = cells.split_point(SplitAt::Middle, usize::MAX);
            let (mut left, mut right) = (empty(PageType::Internal, 1), empty(PageType::Internal, 1));
            NodeMut::new(&mut left).encode(&cells, 0..place);
            NodeMut::new(&mut right).encode(&cells, place..cells.count());
            check(&left).unwrap();
            check(&right).unwrap();
            let separator = cells.separator(place);
            prop_assert_eq!(&separator, &kept[place]);
            let joined = Cells::joined(Node::new(&left), &separator, Node::new(&right));
            prop_assert!(joined.fit_one_node(usize::MAX));
            let mut merged = empty(PageType::Internal, 1);
            NodeMut::new(&mut merged).encode(&joined, 0..joined.count());
            check(&merged).unwrap();
            prop_assert_eq!(rows(Node::new(&merged)), rows(Node::new(&page)));
        }
    }

    #[test]
    fn no_accessor_panics_on_any_bytes(
        damage in proptest::collection::vec((0usize..PAGE_BYTES, any::<u8>()), 0..60),
        leaf in any::<bool>(),
        probe in key(),
    ) {
        let mut page = filled(leaf);
        for (at, byte) in damage {
            page[at % 2000] = byte;
        }
        let node = Node::new(&page);
        for index in 0..node.count().min(3000) {
            std::hint::black_box((node.key(index), node.value(index), node.child(index)));
        }
        let answers = (node.search(&probe), node.find_child(&probe), node.gap_bytes(), check(&page));
        std::hint::black_box(&answers);
    }
}

fn filled(leaf: bool) -> Box<Page> {
    let (page_type, level) = if leaf { (PageType::Leaf, 0) } else { (PageType::Internal, 1) };
    let mut page = empty(page_type, level);
    let mut scratch = Scratch::default();
    for number in 0..50 {
        let child = Pointer { page: PageId::new(20 + number), birth: TxnId::new(1), nonce: 3 };
        let value = child_bytes(child);
        let key = if number == 0 { vec![] } else { format!("key{number:04}").into_bytes() };
        let insert = Insert { index: number as usize, key: &key, value: &value, overflow: false };
        assert!(NodeMut::new(&mut page).insert(insert, usize::MAX, &mut scratch));
    }
    page
}

#[test]
fn check_refuses() {
    let slot = |index: usize, field: usize| SLOTS_OFFSET + index * Slot::BYTES + field;
    let cases: &[(&str, &str, bool, usize, u8)] = &[
        ("no slots", "NODE-1", true, 40, 0),
        ("more slots than room", "NODE-1", true, 41, 0xff),
        ("prefix longer than a key", "NODE-1", true, 43, 0x7f),
        ("heap before the slots", "NODE-1", true, 45, 0),
        ("accounting wrong", "NODE-4", true, 46, 1),
        ("cell in the header", "NODE-2", true, slot(3, 1), 0),
        ("cell past the end", "NODE-2", true, slot(3, 3), 0x3f),
        ("descriptor of a wrong width", "NODE-3", true, slot(3, 5), 0x80),
        ("child of a wrong width", "NODE-3", false, slot(3, 4), 19),
        ("head not the key's", "NODE-5", true, slot(3, 6), 0xee),
        ("hint not the head's", "NODE-6", true, 56, 0xee),
        ("level 1 in a leaf", "NODE-1", true, 11, 1),
        ("level 0 above the leaves", "NODE-1", false, 11, 0),
        ("level of 64", "NODE-1", false, 11, 64),
        ("neither leaf nor internal", "NODE-1", true, 10, 4),
    ];
    for (name, rule, leaf, at, byte) in cases {
        let mut page = filled(*leaf);
        check(&page).unwrap_or_else(|corrupt| panic!("{name}: sound before: {corrupt}"));
        page[*at] = *byte;
        let corrupt = check(&page).expect_err(name);
        assert_eq!(corrupt.rule, *rule, "{name}: {corrupt}");
    }
    let mut page = filled(true);
    let (left, right) = (slot(4, 0), slot(5, 0));
    for byte in 0..Slot::BYTES {
        page.swap(left + byte, right + byte);
    }
    assert_eq!(check(&page).expect_err("keys swapped").rule, "NODE-5");
}

#[test]
fn a_node_of_maximal_cells_splits() {
    let mut page = empty(PageType::Leaf, 0);
    let mut scratch = Scratch::default();
    let keys: Vec<Vec<u8>> = (0..4u8).map(|first| vec![first; KEY_BYTES_MAX]).collect();
    let descriptor = [1; ValueDescriptor::BYTES];
    for (index, key) in keys.iter().enumerate() {
        let insert = Insert { index, key, value: &descriptor, overflow: true };
        assert_eq!(NodeMut::new(&mut page).insert(insert, usize::MAX, &mut scratch), index < 3);
    }
    let insert = Insert { index: 3, key: &keys[3], value: &descriptor, overflow: true };
    let cells = Cells::new(Node::new(&page), Some(insert));
    assert_eq!(cells.split_point(SplitAt::Middle, usize::MAX), 2);
    assert_eq!(cells.split_point(SplitAt::End, usize::MAX), 3);
    assert_eq!(cells.separator(2), [2]);
}
