//! The test of the tests: each switch breaks one rule, and a named scenario must go red with a
//! message that names what is lost. Without the switch the same scenario is green.

use crate::{
    explore::{Effort, explore},
    oracle::{self, Expectation, Verdict, guarded},
    runner::{LOG, PATH, Run, Session, run},
    workload::Workload,
};
use northstar_engine::{
    FileUuid, PageId,
    format::{
        page::{PageHeader, PageType, seal_page},
        verify_page,
    },
    limits::PAGE_BYTES,
    sabotage::{Switch, with},
    sim::{Model, Persisted, SimDisk, SimImage},
};
use std::sync::Arc;

/// Looks for a broken promise; says what was found.
type Scenario = fn() -> Result<(), String>;

/// Switch, what looks for it, and a piece of what must be said.
const MATRIX: &[(Switch, &str, Scenario, &str)] = &[
    (Switch::SkipLogSync, "crash after a commit", commit, "was acknowledged"),
    (Switch::SkipDataSync, "crash in a checkpoint", checkpoint, "orrupt"),
    (Switch::FlipMetaFirst, "crash in a checkpoint", checkpoint, "orrupt"),
    (Switch::IgnoreSyncError, "a sync fails", failed_sync, "acknowledged after a failed sync"),
    (Switch::ReuseEarly, "crash after checkpoints", reuse, "orrupt"),
    (Switch::AcceptStaleRecord, "flipped log", flipped_log, "wrong data"),
    (Switch::DropPageIdFromCrc, "a page in another place", misplaced, "checksum"),
    (Switch::SkipDirSync, "crash after a rotation", rotation, "open fails"),
    (Switch::TrustPageCache, "killed, then a power cut", page_cache, "was acknowledged"),
    (Switch::TrimToNewerMeta, "the newer meta damaged", newer_meta, "the older meta"),
    (Switch::CorruptIsTorn, "flipped log", flipped_log, "shorter history"),
    (Switch::TrustStalePage, "stale pages", stale_pages, "wrong data"),
];

fn explored(text: &str, models: &[Model], effort: Effort) -> Result<(), String> {
    guarded(|| {
        let run = run(&Workload::parse(text)?);
        explore(&run, models, 0, &effort).map(drop).map_err(|failure| failure.what)
    })
}

const SMALL: Effort =
    Effort { exhaustive_bits: 6, spread_max: 30, samples: 10, full_every: 3, nested_every: 0 };

fn commit() -> Result<(), String> {
    explored("0R5-pp", &[Model::Subset], SMALL)
}

fn checkpoint() -> Result<(), String> {
    explored("0R5-fkmfk", &[Model::Subset, Model::Sectors], SMALL)
}

fn reuse() -> Result<(), String> {
    explored("2R5-fkmkmkmkmkdk", &[Model::Prefix, Model::Subset], SMALL)
}

fn rotation() -> Result<(), String> {
    explored("0A5-PPPPPP", &[Model::Names], SMALL)
}

fn page_cache() -> Result<(), String> {
    explored("0R5-peeqp", &[Model::Subset], SMALL)
}

fn failed_sync() -> Result<(), String> {
    let workload = Workload::parse("0R5-pppk")?;
    let healthy = run(&workload);
    let first = healthy
        .timeline
        .created
        .map_or(0, |created| healthy.trace.syncs().filter(|&sync| sync < created).count());
    for nth in first..healthy.trace.syncs().count() {
        let sim = SimDisk::new();
        sim.fail_sync(nth as u64, Persisted::None);
        let mut session = Session::new(&workload, sim.clone(), Arc::new(sim.clone()));
        session.create().map_err(|error| error.to_string())?;
        for step in &workload.steps {
            let done = session.step(*step);
            if !sim.sync_failure_pending() && done.is_ok() {
                return Err(format!(
                    "sync {nth}: step {} is acknowledged after a failed sync",
                    step.0
                ));
            }
            if done.is_err() {
                break;
            }
        }
        session.kill();
    }
    Ok(())
}

fn misplaced() -> Result<(), String> {
    let (uuid, mut page) = (FileUuid([7; 16]), Box::new([0; PAGE_BYTES]));
    let header = PageHeader {
        page_type: PageType::Leaf as u8,
        ..PageHeader::decode(&[0; 40]).ok_or("a header")?
    };
    seal_page(
        &mut page,
        uuid,
        PageHeader {
            page_id: PageId::new(5),
            magic: northstar_engine::format::page::PAGE_MAGIC,
            ..header
        },
    );
    verify_page(&page[..], uuid, PageId::new(5)).map_err(|wrong| wrong.to_string())?;
    match verify_page(&page[..], uuid, PageId::new(6)) {
        Err(corrupt) if corrupt.rule == "PAGE-3" => Ok(()),
        other => Err(format!("the checksum does not know the page's place: {other:?}")),
    }
}

/// A run and the image a kill leaves.
fn base(text: &str) -> Result<(Run, SimImage), String> {
    let run = run(&Workload::parse(text)?);
    let image = run.trace.crash_at(run.trace.len()).image_all_kept();
    Ok((run, image))
}

fn expectation(run: &Run) -> Expectation<'_> {
    let (acked, issued) = run.timeline.bounds(usize::MAX);
    Expectation { workload: &run.workload, timeline: &run.timeline, acked, issued }
}

fn flipped_log() -> Result<(), String> {
    let (run, image) = base("0R5-pppppp")?;
    let expect = expectation(&run);
    let log = image.read(LOG).ok_or("a log")?;
    let last = log.windows(4).rposition(|bytes| bytes == b"LOGR").ok_or("records")? as u64;
    for offset in (4096..last).step_by(3) {
        let mut image = image.clone();
        image.flip(LOG, offset, 1);
        let verdict = oracle::check_damaged(&image, &expect)
            .map_err(|wrong| format!("wrong data: log byte {offset}: {wrong}"))?;
        if verdict == Verdict::Earlier {
            return Err(format!("log byte {offset}: a shorter history without a word"));
        }
    }
    Ok(())
}

fn newer_meta() -> Result<(), String> {
    let (run, image) = base("0R5-PPPPPPkPPPPPPkPPPPPPkp")?;
    let expect = expectation(&run);
    for slot in 0..2 {
        let mut image = image.clone();
        image.flip(PATH, slot * PAGE_BYTES as u64 + 60, 0xff);
        let verdict = oracle::check_damaged(&image, &expect)?;
        if verdict != Verdict::Whole {
            return Err(format!("slot {slot} damaged: the older meta leads to {verdict:?}"));
        }
    }
    Ok(())
}

fn stale_pages() -> Result<(), String> {
    let (run, image) = base("0R5-fkmkmkmkmkmkmk")?;
    let expect = expectation(&run);
    let page_at = |image: &SimImage, id: usize| {
        let bytes = image.read(PATH).unwrap_or_default();
        bytes.get(id * PAGE_BYTES..(id + 1) * PAGE_BYTES).map(<[u8]>::to_vec)
    };
    let pages = image.len_of(PATH).unwrap_or(0) as usize / PAGE_BYTES;
    for at in run.trace.syncs() {
        let old = run.trace.crash_at(at).image_all_kept();
        for id in 2..pages {
            let Some(bytes) = page_at(&old, id) else { continue };
            let mut image = image.clone();
            image.write(PATH, (id * PAGE_BYTES) as u64, &bytes);
            oracle::check_damaged(&image, &expect).map_err(|wrong| {
                format!("wrong data: page {id} as before operation {at}: {wrong}")
            })?;
        }
    }
    Ok(())
}

#[test]
fn every_switch_turns_its_scenario_red() {
    for (switch, name, scenario, said) in MATRIX {
        match with(*switch, scenario) {
            Ok(()) => panic!("{switch:?}: {name:?} stays green"),
            Err(what) => {
                assert!(what.contains(said), "{switch:?}: {name:?} is red, but says: {what}");
                println!("{switch:?} | {name} | {what}");
            }
        }
    }
    for switch in Switch::ALL {
        assert!(MATRIX.iter().any(|row| row.0 == switch), "{switch:?} is tried by nothing");
    }
}

#[test]
fn every_scenario_is_green_without_its_switch() {
    for (switch, name, scenario, _) in MATRIX {
        scenario().unwrap_or_else(|what| panic!("{name} (for {switch:?}): {what}"));
    }
}
