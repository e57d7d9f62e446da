//! Hostile files: bytes changed and the checksums made right again, so that only the checks behind
//! the checksum stand. Anything typed may come out, and no panic, no endless loop, no unbounded
//! memory; then a write into each that opens.

mod answers;
mod forge;

use crate::{long::stride, runner::PATH, tally::Suite};
use answers::exercise;
use forge::{base, built_by_hand, forged_logs, pages_of, seal};
use northstar_engine::{
    disk::{Entropy, SeededEntropy},
    format::page::PageType,
    limits::PAGE_BYTES,
};

#[test]
fn forged_logs_with_right_checksums() {
    let suite = Suite::begin("forged logs");
    let base = base();
    let cases = forged_logs(&base);
    let mut tried = 0;
    for (name, image) in cases.iter().step_by(stride(3)) {
        exercise(image).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        tried += 1;
    }
    println!("forged logs: {tried} of {}", cases.len());
    suite.cases(tried);
}

#[test]
fn forged_structures_with_right_checksums() {
    let suite = Suite::begin("forged structures");
    let base = base();
    let cases = built_by_hand(&base);
    let kinds = [
        PageType::Internal,
        PageType::Leaf,
        PageType::Overflow,
        PageType::Bitmap,
        PageType::History,
    ];
    for kind in kinds {
        assert!(!pages_of(&base, kind).is_empty(), "the base has no {} page", kind.name());
    }
    let mut tried = 0;
    for (name, image) in cases.iter().step_by(stride(7)) {
        exercise(image).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        tried += 1;
    }
    println!("forged by hand: {tried} of {}", cases.len());
    suite.cases(tried);
}

#[test]
fn random_mutations_with_right_checksums() {
    let suite = Suite::begin("random mutations");
    let base = base();
    let count = 16_000 / stride(40);
    for seed in 0..count as u64 {
        let random = SeededEntropy::new(seed);
        let mut image = base.image.clone();
        for _ in 0..=random.below(3) {
            let id = random.below(base.pages.len() as u64);
            let mut page = base.pages[id as usize].clone();
            for _ in 0..=random.below(4) {
                // Mostly where structure is: headers and slots.
                let most = if random.below(3) == 0 { PAGE_BYTES } else { 300 };
                let at = 8 + random.below(most as u64 - 8) as usize;
                let interesting = [0, 1, 0x7f, 0x80, 0xff, random.next_u64() as u8];
                page[at] = interesting[random.below(6) as usize];
            }
            image.write(PATH, id * PAGE_BYTES as u64, &seal(&page, base.uuid, id));
        }
        exercise(&image).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    suite.cases(count as u64);
}
