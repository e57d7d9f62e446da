//! The whole engine by a program of steps: beside a model, and with the power cut at a chosen moment.
//!
//! `configuration, steps… , 0xff, moment (2 bytes), fates…`: a step is a letter of the crash suites'
//! alphabet by its number, a fate is what the crash does to a pending fact.

use super::input::Input;
use northstar_engine::sim::{Fact, FactKind, Fate, SimDisk};
use northstar_harness::{
    oracle::{self, Depth, Expectation},
    runner::{Session, run},
    workload::{STEPS, Step, Workload},
};
use std::sync::Arc;

/// Longer programs find nothing that short ones do not, and take time.
const STEPS_MAX: usize = 24;
const END: u8 = 0xff;

fn workload(input: &mut Input<'_>) -> Option<Workload> {
    let config = usize::from(input.byte()?);
    let pick = |from: &str, at: usize| from.chars().nth(at % from.len()).expect("not empty");
    let tiny = config & 0x80 != 0;
    let mut steps = Vec::new();
    while steps.len() < STEPS_MAX
        && let Some(byte) = input.byte().filter(|&byte| byte != END)
    {
        let (letter, _) = STEPS[usize::from(byte) % STEPS.len()];
        // A transaction of many records takes megabytes unless records are small.
        if letter != 'G' || tiny {
            steps.push(Step(letter));
        }
    }
    let (history, log) = (pick("02A", config), pick("RBA", config / 3));
    let sectors = pick("54", config / 9);
    Some(Workload { history, log, sectors, tiny, steps })
}

/// After each step the engine shows what the model says; at the end it verifies and reopens.
pub fn against_model(bytes: &[u8]) {
    let Some(workload) = workload(&mut Input::new(bytes)) else { return };
    let sim = SimDisk::new().with_sector_bytes(workload.sector_bytes());
    let mut session = Session::new(&workload, sim.clone(), Arc::new(sim));
    let told = |what: &dyn std::fmt::Debug| panic!("{workload}: {what:?}");
    session.create().unwrap_or_else(|error| told(&error));
    for step in workload.steps.iter().copied().chain(['v', 'x', 'v', 'q', 'v'].map(Step)) {
        session.step(step).unwrap_or_else(|error| told(&error));
        session.check_latest().unwrap_or_else(|what| told(&what));
    }
    session.kill();
}

/// The power goes at a moment, and every pending fact meets its fate: the oracle judges what is left.
pub fn crashed(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some(workload) = workload(&mut input) else { return };
    let moment = input.number(2).unwrap_or(u64::MAX);
    let run = run(&workload);
    let at = moment as usize % (run.trace.len() + 1);
    let point = run.trace.crash_at(at);
    let choices = input.rest();
    let choice = |index: usize| choices.get(index % choices.len().max(1)).copied().unwrap_or(0);
    let fates: Vec<Fate> =
        point.facts().iter().enumerate().map(|(at, fact)| fate(fact, choice(at))).collect();
    let (acked, issued) = run.timeline.bounds(at);
    let expect = Expectation { workload: &workload, timeline: &run.timeline, acked, issued };
    if let Err(what) = oracle::check(&point.image(&fates), &expect, Depth::Full) {
        let lost = point.facts().iter().zip(&fates).filter(|(_, fate)| **fate != Fate::Kept);
        let lost: Vec<String> = lost.map(|(fact, fate)| format!("{fate:?}: {fact}")).collect();
        panic!("{workload} at operation {at}: {what}\n{}", lost.join("\n"));
    }
}

/// Lengths and names are kept or lost; a sector in flight may also turn to anything.
fn fate(fact: &Fact, choice: u8) -> Fate {
    let is_sector = matches!(fact.kind, FactKind::Sector { .. });
    match choice % 8 {
        0..=2 => Fate::Kept,
        3..=4 => Fate::Lost,
        _ if !is_sector => Fate::Lost,
        5 => Fate::Zeros,
        6 => Fate::Ones,
        _ => Fate::Noise(u64::from(choice)),
    }
}

fn program(config: u8, letters: &str) -> Vec<u8> {
    let number = |letter| STEPS.iter().position(|(known, _)| *known == letter).expect("known");
    std::iter::once(config).chain(letters.chars().map(|letter| number(letter) as u8)).collect()
}

/// Programs that reach each kind of step.
pub fn programs() -> Vec<Vec<u8>> {
    let letters = ["pPbfmdr", "eEspkkxq", "foCckvz", "fkrkakCq"];
    let programs = letters.iter().zip([0, 4, 9, 0x82]).map(|(text, config)| program(config, text));
    programs.chain([program(0x80, "GpGk")]).collect()
}

/// The same with crashes.
pub fn crashes() -> Vec<Vec<u8>> {
    let with_crash = |(index, program): (usize, Vec<u8>)| {
        [&program[..], &[END, 40 + 30 * index as u8, 0], &[0, 3, 5, 0, 4, 7]].concat()
    };
    programs().into_iter().enumerate().map(with_crash).collect()
}
