//! The test of the tests: each switch breaks one rule, and a named scenario must go red with a
//! message that names what is lost. Without the switch the same scenario is green.

use northstar_engine::{
    Db, Durability, FileUuid, PageId,
    disk::{ManualClock, SeededEntropy},
    format::{
        page::{PageHeader, PageType, seal_page},
        verify_page,
    },
    limits::PAGE_BYTES,
    sabotage::{Switch, with},
    sim::{Call, Fault, FaultDisk, Model, Persisted, Repeat, Rule, SimDisk, SimImage},
};
use northstar_harness::{
    explore::{Effort, explore},
    oracle::{self, Expectation, Verdict, guarded},
    rows::same_rows,
    runner::{LOG, PATH, Run, Session, open, options, run},
    workload::{Step, Workload},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    (Switch::CutToNewerMeta, "the newer meta of a shrunk file damaged", shrunk, "the older meta"),
    (Switch::TrimBeforeMeta, "crash in a checkpoint that trims", trimming, "open fails"),
    (Switch::BitmapOfLater, "crash after a checkpoint inside a transaction", inside, "verify"),
    (Switch::PositionAtEnd, "crash after a checkpoint inside a chain", inside_chain, "open fails"),
    (Switch::RenameBeforeSync, "crash in a creation", creation, "open fails"),
    (Switch::RenameBeforeSync, "crash in a rotation", rotation, "open fails"),
    (Switch::ForgetReaders, "an open snapshot", snapshot, "open snapshot"),
    (Switch::IgnoreForeignReaders, "a reader of another process", foreign, "the reader"),
    (Switch::ReadPastSegment, "recovery after recovery", recovered_log, "was acknowledged"),
    (Switch::TornIsCorrupt, "crash after eventual commits", torn, "open fails"),
    (Switch::JoinAnyChain, "replay of a chain that was given up", given_up, "LOG-"),
    (Switch::RetrySync, "a sync fails", failed_sync, "acknowledged after a failed sync"),
    (Switch::SkipMetaRewrite, "a failed sync, a restart, a power cut", cached_meta, "fails"),
    (Switch::SkipReplayRoots, "crash with history", history, "is promised"),
    (Switch::PublishEarly, "an eventual commit behind a sync", early, "is shown"),
    (Switch::ShowUnproven, "a reader beside a writer", unproven, "is shown"),
    (Switch::CountRelocations, "history across a compact", relocations, "past states"),
    (Switch::TrustBitmap, "bitmaps that free live pages", lying_bitmaps, "live pages are gone"),
    (Switch::ForgetOptions, "history across a restart", restarted, "is promised"),
    (Switch::EditWritten, "a transaction larger than the cache", spilling, "under one pointer"),
    (Switch::SkipMissing, "the commit stream of a trimmed log", trimmed_stream, "stream gives"),
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

fn trimming() -> Result<(), String> {
    explored("0R5-PPPPPPkPPPPPPk", &[Model::Subset], SMALL)
}

fn inside() -> Result<(), String> {
    explored("0R5-fKfK", &[Model::Prefix], Effort { full_every: 1, ..SMALL })
}

fn inside_chain() -> Result<(), String> {
    explored("0R5t-pKpK", &[Model::Prefix, Model::Subset], SMALL)
}

fn creation() -> Result<(), String> {
    explored("0R5-p", &[Model::Subset, Model::Names], SMALL)
}

fn snapshot() -> Result<(), String> {
    explored("0R5-fokmkmkmkmkc", &[Model::Prefix], SMALL)
}

fn recovered_log() -> Result<(), String> {
    explored("AA5-peeqpeeqpe", &[Model::Prefix, Model::Subset], Effort { full_every: 1, ..SMALL })
}

fn torn() -> Result<(), String> {
    explored("0R5-pepe", &[Model::Subset, Model::Sectors], SMALL)
}

fn given_up() -> Result<(), String> {
    explored("0R5t-pApAp", &[Model::Prefix], Effort { full_every: 1, ..SMALL })
}

fn history() -> Result<(), String> {
    explored("2R5-pppp", &[Model::Prefix], Effort { full_every: 1, ..SMALL })
}

fn restarted() -> Result<(), String> {
    explored("2R5-ppxpp", &[Model::Prefix], Effort { full_every: 1, ..SMALL })
}

fn spilling() -> Result<(), String> {
    explored("0R5-fGk", &[Model::Prefix], SMALL)
}

fn trimmed_stream() -> Result<(), String> {
    explored("0R5-PPPPPPkPPPPPPk", &[Model::Prefix], Effort { full_every: 1, ..SMALL })
}

fn lying_bitmaps() -> Result<(), String> {
    crate::hostile::write_beside_lying_bitmaps().map(drop)
}

/// A sync fails and persists nothing, the page cache shows the lost meta to the next process, which
/// goes on; then the power goes.
fn cached_meta() -> Result<(), String> {
    let workload = Workload::parse("0R5-fkmkmk")?;
    let syncs = run(&workload).trace.syncs().count();
    for nth in 0..syncs {
        let sim = SimDisk::new();
        sim.fail_sync(nth as u64, Persisted::None);
        let mut session = Session::new(&workload, sim.clone(), Arc::new(sim.clone()));
        if session.create().is_err() {
            continue;
        }
        drop(workload.steps.iter().try_for_each(|step| session.step(*step)));
        guarded(|| {
            let told = |error: northstar_engine::Error| format!("sync {nth}: {error}");
            session.die_and_reopen().map_err(told)?;
            let from = sim.op_count();
            for step in "mkmkm".chars().map(Step) {
                session.step(step).map_err(told)?;
            }
            let (trace, timeline) = session.kill();
            let run = Run { workload: workload.clone(), trace, timeline, step_starts: Vec::new() };
            explore(&run, &[Model::Subset, Model::Sectors], from, &SMALL)
                .map(drop)
                .map_err(|failure| format!("sync {nth}: {}", failure.what))
        })?;
    }
    Ok(())
}

/// A reader of another process beside a writer that goes on.
fn foreign() -> Result<(), String> {
    guarded(|| {
        let (mut session, sim) = opened("0R5-fk")?;
        let reader = read_beside(&sim)?;
        let shown = reader.begin_read().map_err(|error| error.to_string())?;
        let model = Arc::clone(&session.timeline.models[shown.txn_id().get() as usize]);
        for step in "mkmkrkfkmkmkfkfk".chars().map(Step) {
            session.step(step).map_err(|error| error.to_string())?;
        }
        same_rows(&shown, &model).map_err(|what| format!("the reader's state: {what}"))
    })
}

/// A reader beside a live writer sees nothing that a power cut takes back.
fn unproven() -> Result<(), String> {
    guarded(|| {
        let (_session, sim) = opened("0R5-pee")?;
        let reader = read_beside(&sim)?;
        let shown = reader.begin_read().map_err(|error| error.to_string())?.txn_id().get();
        after_power_cut(&sim, shown)
    })
}

fn opened(text: &str) -> Result<(Session, SimDisk), String> {
    let sim = SimDisk::new();
    let workload = Workload::parse(text)?;
    let mut session = Session::new(&workload, sim.clone(), Arc::new(sim.clone()));
    let told = |error: northstar_engine::Error| error.to_string();
    session.create().map_err(told)?;
    workload.steps.iter().try_for_each(|step| session.step(*step)).map_err(told)?;
    Ok((session, sim))
}

fn read_beside(sim: &SimDisk) -> Result<Db, String> {
    let (entropy, clock) = (Arc::new(SeededEntropy::new(5)), Arc::new(ManualClock::new()));
    let opened = options().read_only(true).open_on(Arc::new(sim.clone()), entropy, clock, PATH);
    opened.map_err(|error| format!("the reader: {error}"))
}

/// What was shown survives a power cut that keeps nothing but what is durable.
fn after_power_cut(sim: &SimDisk, shown: u64) -> Result<(), String> {
    let trace = sim.trace();
    let disk = trace.crash_at(trace.len()).image_none_kept().to_disk();
    let db = open(Arc::new(disk), 3).map_err(|error| format!("after a power cut: {error}"))?;
    let found = db.begin_read().map_err(|error| error.to_string())?.txn_id().get();
    if found < shown {
        return Err(format!("transaction {shown} is shown, and a power cut leaves {found}"));
    }
    Ok(())
}

/// An Eventual commit behind a durable one whose sync takes its time: neither is shown before that
/// sync has returned.
fn early() -> Result<(), String> {
    guarded(|| {
        let sim = SimDisk::new();
        let disk = FaultDisk::new(sim.clone());
        let told = |error: northstar_engine::Error| error.to_string();
        let db = open(Arc::new(disk.clone()), 7).map_err(told)?;
        disk.inject(Rule {
            call: Call::Sync,
            file: ".log".to_owned(),
            nth: 0,
            repeat: Repeat::Once,
            fault: Fault::Delay(Duration::from_millis(200)),
        });
        let mut first = db.begin_write().map_err(told)?;
        first.put(b"first", b"durable").map_err(told)?;
        let first = std::thread::spawn(move || first.commit());
        // Its turn comes when the first is chained and waits for its sync.
        let mut second = db.begin_write_timeout(Duration::from_secs(10)).map_err(told)?;
        second.put(b"second", b"eventual").map_err(told)?;
        second.commit_with(Durability::Eventual).map_err(told)?;
        let shown = db.begin_read().map_err(told)?.txn_id().get();
        // The Eventual one itself may be lost; the durable one before it may not.
        let result = after_power_cut(&sim, shown - 1);
        first.join().map_err(|_| "the first commit panics")?.map_err(told)?;
        result
    })
}

/// Last(2) is two states of other content, however often pages move.
fn relocations() -> Result<(), String> {
    guarded(|| {
        let (mut session, _) = opened("2R5-fffkrkrkpp")?;
        session.step(Step('C')).map_err(|error| error.to_string())?;
        session.step(Step('C')).map_err(|error| error.to_string())?;
        let db = session.db.as_ref().ok_or("open")?;
        let listed = db.history().map_err(|error| error.to_string())?;
        let model = |id: u64| Arc::clone(&session.timeline.models[id as usize]);
        let mut contents: Vec<_> = listed.iter().map(|entry| model(entry.txn_id.get())).collect();
        contents.dedup();
        if contents.len() < 3 {
            return Err(format!("{} past states of Last(2)", contents.len() - 1));
        }
        Ok(())
    })
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
    one_meta_of("0R5t-PPPPPPkPPPPPPkPPPPPPkp")
}

fn shrunk() -> Result<(), String> {
    let workloads = [
        "0R5-ffffffokrrrrkmkmkmkmkmkmkcmk",
        "0R5-fkfffokrrrkdkmkdkmkckmk",
        "2R5-fffffkorrrrkkmkmkckmk",
    ];
    workloads.into_iter().try_for_each(one_meta_of)
}

fn one_meta_of(text: &str) -> Result<(), String> {
    let (run, image) = base(text)?;
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

/// Switch, scenarios and message of each row of the page's table.
fn rows_of_the_page() -> Vec<[String; 3]> {
    let page = include_str!("../../spec/hardening_v0.md");
    let (_, table) = page.split_once("## Sabotage").expect("a chapter");
    let (table, _) = table.split_once("\n## ").expect("another chapter");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let mut cells = row.splitn(3, " | ").map(str::to_owned);
        let mut cell = || cells.next().expect("three cells");
        [cell().trim_end_matches('`').to_owned(), cell(), cell()]
    })
    .collect()
}

/// Whether the pieces of an excerpt stand in a message, in order.
fn says(message: &str, excerpt: &str) -> bool {
    let mut rest = message;
    excerpt.split(" … ").all(|piece| {
        let found = rest.split_once(piece);
        found.is_some_and(|(_, behind)| {
            rest = behind;
            true
        })
    })
}

#[test]
fn every_switch_turns_its_scenario_red() {
    let mut wrong = Vec::new();
    // What the page says is what a run says.
    let mut pages: BTreeMap<Switch, (Vec<&str>, String)> = BTreeMap::new();
    for (switch, name, scenario, said) in MATRIX {
        let (names, messages) = pages.entry(*switch).or_default();
        names.push(name);
        match with(*switch, scenario) {
            Ok(()) => wrong.push(format!("{switch:?}: {name:?} stays green")),
            Err(what) if what.contains(said) => messages.push_str(&what),
            Err(what) => wrong.push(format!("{switch:?}: {name:?} is red, but says: {what}")),
        }
    }
    let told = rows_of_the_page();
    for switch in Switch::ALL {
        let Some((names, messages)) = pages.get(&switch) else {
            wrong.push(format!("{switch:?} is tried by nothing"));
            continue;
        };
        let (name, names) = (format!("{switch:?}"), names.join("; "));
        match told.iter().find(|row| row[0] == name) {
            Some(row) if row[1] == names && says(messages, &row[2]) => {}
            Some(_) | None => wrong.push(format!(
                "spec/hardening_v0.md does not say: | `{name}` | {names} | {messages} |"
            )),
        }
    }
    assert_eq!(told.len(), Switch::ALL.len(), "rows of the page");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_scenario_is_green_without_its_switch() {
    for (switch, name, scenario, _) in MATRIX {
        scenario().unwrap_or_else(|what| panic!("{name} (for {switch:?}): {what}"));
    }
}
