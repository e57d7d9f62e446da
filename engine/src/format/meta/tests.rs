//! Tests of the meta codec, of each rule, and of the choice between the slots.

use super::*;
use proptest::prelude::*;

fn pointer(page: u64) -> Pointer {
    Pointer { page: PageId::new(page), birth: TxnId::new(5), nonce: 0x1234_5678 }
}

fn meta(sequence: u64) -> Meta {
    Meta {
        magic: META_MAGIC,
        version: 0,
        page_bytes: PAGE_BYTES as u32,
        flags: 0,
        uuid: FileUuid(*b"0123456789abcdef"),
        sequence,
        txn_id: TxnId::new(118),
        root: pointer(9),
        depth: 3,
        alias_count: 0,
        key_count: 148_211,
        page_count: 4096,
        bitmap: pointer(31),
        history: Pointer::NULL,
        retired: pointer(33),
        log_lsn: Lsn::new(107_200),
        log_generation: 77,
        log_crc: 0xdead_beef,
        retention: 1,
        retention_bytes: 256 << 20,
        history_last: 0,
        options_reserved: [0; 48],
    }
}

#[test]
fn a_slot_reads_back() {
    for sequence in [6, 7, (1 << 62) - 1, 1 << 62] {
        let meta = meta(sequence);
        let page = meta.to_page();
        assert_eq!(Meta::decode_slot(&page[..], sequence & 1), Ok(meta), "sequence {sequence}");
        assert!(page[SLOT_BYTES..].iter().all(|&byte| byte == 0), "only one sector is used");
    }
}

#[test]
fn each_rule_rejects() {
    type Change = fn(&mut Meta);
    let cases: &[(&str, &str, Change)] = &[
        ("magic", "META-1", |m| m.magic = Magic(*b"MEAT")),
        ("newer version", "META-2", |m| m.version = 1),
        ("page size", "META-3", |m| m.page_bytes = 4096),
        ("no identity", "META-4", |m| m.uuid = FileUuid([0; 16])),
        ("flag", "META-7", |m| m.flags = 1),
        ("reserved option", "META-7", |m| m.options_reserved[47] = 1),
        ("unknown retention", "META-7", |m| m.retention = 3),
        ("no pages", "META-8", |m| m.page_count = 1),
        ("too many pages", "META-8", |m| m.page_count = PAGE_COUNT_MAX + 1),
        ("too deep", "META-8", |m| m.depth = 65),
        ("depth of an empty tree", "META-8", |m| m.root = Pointer::NULL),
        ("root without rows", "META-8", |m| m.key_count = 0),
        ("root without depth", "META-8", |m| m.depth = 0),
        ("root in a meta", "META-8", |m| m.root.page = PageId::new(1)),
        ("root behind the file", "META-8", |m| m.root.page = PageId::new(4096)),
        ("bitmap behind the file", "META-8", |m| m.bitmap.page = PageId::new(u64::MAX)),
        ("history in a meta", "META-8", |m| m.history.nonce = 1),
        ("root from the future", "META-8", |m| m.root.birth = TxnId::new(119)),
        ("sequence near its end", "META-8", |m| m.sequence = (1 << 62) + 2),
        ("log position near its end", "META-8", |m| m.log_lsn = Lsn::new(u64::MAX)),
        ("more aliases than states", "META-8", |m| m.alias_count = 119),
    ];
    for (name, rule, change) in cases {
        let mut changed = meta(6);
        change(&mut changed);
        let found = Meta::decode_slot(&changed.to_page()[..], 0).expect_err(name);
        assert_eq!(found.rule, *rule, "{name}: {found}");
    }
    let mut torn = meta(6).to_page();
    torn[300] = 1;
    assert_eq!(Meta::decode_slot(&torn[..], 0).expect_err("torn").rule, "META-5");
    let found = Meta::decode_slot(&meta(6).to_page()[..], 1).expect_err("other slot");
    assert_eq!(found.rule, "META-5", "the page id is part of the checksum");
    assert_eq!(Meta::decode_slot(&[], 0).expect_err("no bytes").rule, "META-1");
}

/// A page with the sequence of slot A, sealed for the place of slot B.
#[test]
fn a_meta_in_the_wrong_slot_is_out() {
    let mut page = meta(6).to_page();
    let header = PageHeader { page_id: PageId::new(1), ..PageHeader::decode(&page[..]).unwrap() };
    seal_page(&mut page, meta(6).uuid, header);
    assert_eq!(Meta::decode_slot(&page[..], 1).expect_err("parity").rule, "META-6");
}

fn no_root(meta: &Meta) -> Result<(), Corrupt> {
    Err(Corrupt::page(meta.root.page, "PAGE-3", "a sound root", "a torn one"))
}

#[test]
fn the_highest_valid_sequence_wins() {
    type Root = fn(&Meta) -> Result<(), Corrupt>;
    let any: Root = |_| Ok(());
    let old: Root = |meta| if meta.sequence == 7 { no_root(meta) } else { Ok(()) };
    let none: Root = no_root;
    let good = |sequence| meta(sequence).to_page().to_vec();
    let torn = |sequence| {
        let mut page = good(sequence);
        page[100] ^= 1;
        page
    };
    let a = Some(SlotChoice::A);
    let b = Some(SlotChoice::B);
    type Case = (&'static str, Vec<u8>, Vec<u8>, Root, Option<SlotChoice>);
    let cases: &[Case] = &[
        ("both, B newer", good(6), good(7), any, b),
        ("both, A newer", good(8), good(7), any, a),
        ("B torn", good(6), torn(7), any, a),
        ("A torn", torn(8), good(7), any, b),
        ("both torn", torn(6), torn(7), any, None),
        ("B's root broken", good(6), good(7), old, a),
        ("both roots broken", good(6), good(7), none, None),
        ("A cut", Vec::new(), good(7), any, b),
        ("nothing", Vec::new(), Vec::new(), any, None),
    ];
    for (name, a, b, root, chosen) in cases {
        let judgement = judge([a, b], &mut |meta| root(meta));
        assert_eq!(judgement.chosen, *chosen, "{name}: {}", judgement.reason);
        assert_eq!(judgement.meta().is_some(), chosen.is_some(), "{name}");
        assert_eq!(
            judgement.steps.len(),
            SLOT_RULES.len() + 2,
            "{name}: every rule is in the trace"
        );
        for slot in [SlotChoice::A, SlotChoice::B] {
            let index = slot.index();
            let broken = judgement.steps[..9]
                .iter()
                .filter(|step| matches!(step.slots[index], StepResult::Broken { .. }));
            let expected = usize::from(judgement.problem(slot).is_some());
            assert_eq!(
                broken.count(),
                expected,
                "{name}: one broken rule in the trace of {slot:?}"
            );
        }
    }
}

#[test]
fn slots_of_two_files_are_no_choice() {
    let other = Meta { uuid: FileUuid([9; 16]), ..meta(7) };
    let judgement = judge([&meta(6).to_page()[..], &other.to_page()[..]], &mut |_| Ok(()));
    assert_eq!(judgement.chosen, None);
    assert_eq!(judgement.steps.last().map(|step| step.rule), Some("META-10"));
}

#[test]
fn an_empty_tree_has_no_root_to_ask_for() {
    let empty = Meta { root: Pointer::NULL, depth: 0, key_count: 0, ..meta(7) };
    let judgement = judge([&[], &empty.to_page()[..]], &mut no_root_mut());
    assert_eq!(judgement.chosen, Some(SlotChoice::B));
}

fn no_root_mut() -> impl FnMut(&Meta) -> Result<(), Corrupt> {
    |meta| no_root(meta)
}

proptest! {
    #[test]
    fn any_meta_survives_its_bytes(bytes in prop::collection::vec(any::<u8>(), Meta::BYTES)) {
        let meta = Meta::decode(&bytes).expect("240 bytes");
        prop_assert_eq!(&meta.to_bytes()[..], &bytes[..]);
    }

    #[test]
    fn any_bytes_are_judged(
        front in prop::collection::vec(any::<u8>(), 0..SLOT_BYTES),
        whole: bool,
    ) {
        let mut page = front;
        if whole {
            page.resize(PAGE_BYTES, 0);
        }
        let judgement = judge([&page, &page], &mut |_| Ok(()));
        prop_assert_eq!(judgement.chosen, None);
    }

    /// The judgement of a sealed meta with any field changed never panics, and never believes a
    /// value that the rules forbid.
    #[test]
    fn any_resealed_field_is_judged(at in 0..Meta::BYTES, byte: u8) {
        let mut bytes = meta(6).to_bytes();
        bytes[at] = byte;
        let changed = Meta::decode(&bytes).expect("240 bytes");
        let page = changed.to_page();
        if let Ok(read) = Meta::decode_slot(&page[..], 0) {
            prop_assert_eq!(read, changed);
            prop_assert!(read.depth as usize <= DEPTH_MAX && read.page_count <= PAGE_COUNT_MAX);
            prop_assert!(read.root.page.get() < read.page_count);
        }
    }
}
