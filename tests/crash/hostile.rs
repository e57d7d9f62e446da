//! Hostile files: bytes changed and the checksums made right again, so that only the checks behind
//! the checksum stand. Anything typed may come out, and no panic, no endless loop, no unbounded
//! memory (`tests/fuzz` measures it); then a write into each that opens.

use northstar_engine::{
    Db, Error,
    disk::{Entropy, ManualClock, SeededEntropy},
    format::page::PageType,
    limits::PAGE_BYTES,
};
use northstar_harness::{
    answers::exercise,
    forge::{
        base, base_of, bitmaps_that_free_live_pages, built_by_hand, forged_logs, pages_of, seal,
    },
    long::stride,
    oracle::guarded,
    rows::{Rows, key, same_rows},
    runner::{PATH, open, options},
    tally::Suite,
};
use std::sync::Arc;

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

fn rows_of(db: &Db) -> Result<Rows, Error> {
    let read = db.begin_read()?;
    read.iter()?.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// Writes into a file whose bitmaps free a live page, and looks whether anything that was there is gone.
/// Also what the sabotage suite asks.
pub fn write_beside_lying_bitmaps() -> Result<Option<Error>, String> {
    guarded(|| {
        // Nothing to replay: opening needs no free space.
        let base = base_of("2A5-fffPPkrmkPdk");
        let told = |error: Error| error.to_string();
        let before =
            rows_of(&open(Arc::new(base.image.to_disk()), 5).map_err(told)?).map_err(told)?;
        let disk = bitmaps_that_free_live_pages(&base).to_disk();
        let db = open(Arc::new(disk.clone()), 5).map_err(told)?;
        let mut commits = 0;
        let wrote = (0..20).try_for_each(|n| {
            let mut write = db.begin_write()?;
            write.put(key(n), vec![n as u8; 9_000])?;
            write.commit()?;
            commits += 1;
            db.checkpoint()
        });
        match wrote {
            Err(error) if commits > 0 => {
                Err(format!("live pages are gone after {commits} commits: {error}"))
            }
            Err(error) => {
                let read = db.begin_read().map_err(told)?;
                same_rows(&read, &before).map_err(|what| format!("reads go on: {what}"))?;
                Ok(Some(error))
            }
            Ok(()) => {
                let after =
                    rows_of(&db).map_err(|error| format!("live pages are gone: {error}"))?;
                let lost = before.keys().find(|key| !after.contains_key(*key));
                lost.map_or(Ok(None), |key| Err(format!("live pages are gone: {key:?}")))
            }
        }
    })
}

#[test]
fn a_bitmap_that_frees_live_pages_makes_the_database_read_only() {
    let refused = write_beside_lying_bitmaps().unwrap_or_else(|what| panic!("{what}"));
    match refused {
        Some(Error::Corrupt(corrupt)) => assert_eq!(corrupt.rule, "MAP-5", "{corrupt}"),
        other => panic!("not refused as corrupt: {other:?}"),
    }
    // With a tail to replay the walk comes first: nothing is written, and reading alone goes on.
    let disk = bitmaps_that_free_live_pages(&base()).to_disk();
    match open(Arc::new(disk.clone()), 5).map(drop) {
        Err(Error::Corrupt(corrupt)) => assert_eq!(corrupt.rule, "MAP-5", "{corrupt}"),
        other => panic!("opened for writing: {other:?}"),
    }
    let (entropy, clock) = (Arc::new(SeededEntropy::new(5)), Arc::new(ManualClock::new()));
    let reader = options().read_only(true).open_on(Arc::new(disk), entropy, clock, PATH);
    assert!(!rows_of(&reader.expect("read-only")).expect("rows").is_empty());
}
