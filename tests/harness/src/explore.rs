//! Goes through the crash states of a run and asks the oracle about each; shrinks what fails to a
//! line that reruns it.

use crate::{
    oracle::{self, Depth, Expectation, Verdict},
    runner::{Run, run},
    workload::Workload,
};
use northstar_engine::sim::{CrashPoint, CrashState, Fate, Model, Search};
use std::{collections::BTreeMap, fmt};

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Every combination up to this many groups of facts.
    pub exhaustive_bits: u32,
    /// Most states of the fixed spread of a moment.
    pub spread_max: usize,
    /// Random states of a moment.
    pub samples: usize,
    /// Every nth new image is asked everything; the others only what they hold.
    pub full_every: usize,
    /// Every nth new image has its recovery crashed, too (0: none).
    pub nested_every: usize,
}

impl Effort {
    /// For every commit.
    pub const CI: Self =
        Self { exhaustive_bits: 5, spread_max: 24, samples: 4, full_every: 4, nested_every: 12 };

    /// `NORTHSTAR_CRASH_STATES=n`: n times as many random states, and more combinations.
    pub fn from_environment() -> Self {
        match std::env::var("NORTHSTAR_CRASH_STATES").ok().and_then(|n| n.parse::<usize>().ok()) {
            None | Some(0) => Self::CI,
            Some(n) => Self {
                exhaustive_bits: 10,
                spread_max: 200,
                samples: 4 * n,
                full_every: 2,
                nested_every: 4,
            },
        }
    }

    pub fn search(&self, model: Model) -> Search {
        Search {
            model,
            exhaustive_bits: self.exhaustive_bits,
            samples: self.samples,
            spread_max: self.spread_max,
            seed: 11,
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// States in all.
    pub states: u64,
    /// Images that differed from all before, within their run.
    pub images: u64,
    /// States of crashes inside recovery.
    pub nested: u64,
    /// Images of lying or damaged disks: opened whole, at an earlier state, refused.
    pub whole: u64,
    pub earlier: u64,
    pub refused: u64,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.states += other.states;
        self.images += other.images;
        self.nested += other.nested;
        self.whole += other.whole;
        self.earlier += other.earlier;
        self.refused += other.refused;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, images, nested, whole, earlier, refused } = self;
        write!(f, "{states} states, {images} distinct images, {nested} crashes inside recovery")?;
        if whole + earlier + refused > 0 {
            write!(f, "; not honest: {whole} whole, {earlier} earlier, {refused} refused")?;
        }
        Ok(())
    }
}

/// Where a state is: enough to make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub step: usize,
    pub model: Model,
    pub choice: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.step, self.model, self.choice)
    }
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let [step, model, choice] = parts[..] else {
            return Err(format!("STEP:MODEL:CHOICE, not {text:?}"));
        };
        let number = |text: &str| text.parse().map_err(|_| format!("not a number: {text:?}"));
        Ok(Self { step: number(step)?, model: model.parse()?, choice: number(choice)? })
    }
}

/// A state that breaks a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    pub workload: Workload,
    pub place: Place,
    /// The crash inside recovery, if that is what failed.
    pub nested: Option<Place>,
    pub what: String,
    /// What the crash did, fact by fact, after shrinking.
    pub lost: Vec<String>,
}

impl Failure {
    /// The line that reruns it.
    pub fn reproducer(&self) -> String {
        let nested = self.nested.map_or(String::new(), |nested| format!("/{nested}"));
        format!("{}:{}{nested}", self.workload, self.place)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        for line in &self.lost {
            writeln!(f, "    {line}")?;
        }
        write!(
            f,
            "rerun: NS_SIM='{}' cargo test -p northstar-engine --test crash reproduce",
            self.reproducer()
        )
    }
}

/// Asks the oracle about all states of the moments from operation `from` on.
pub fn explore(
    run: &Run,
    models: &[Model],
    from: usize,
    effort: &Effort,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    // Images seen, and the state each opens at.
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    for point in run.trace.crash_points(from) {
        for &model in models {
            let search = effort.search(model);
            for state in point.states(&search) {
                let place = Place { step: point.at(), model, choice: state.choice };
                judge(run, &point, &state, place, effort, &mut seen, &mut tally)?;
            }
        }
    }
    Ok(tally)
}

fn judge(
    run: &Run,
    point: &CrashPoint,
    state: &CrashState,
    place: Place,
    effort: &Effort,
    seen: &mut BTreeMap<u64, u64>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    tally.states += 1;
    let expect = expectation(run, point.at());
    let failure = |what: String| Failure {
        workload: run.workload.clone(),
        place,
        nested: None,
        what,
        lost: lost_facts(point, &state.fates),
    };
    if !place.model.is_honest() {
        match oracle::check_damaged(&state.image, &expect).map_err(failure)? {
            Verdict::Whole => tally.whole += 1,
            Verdict::Earlier => tally.earlier += 1,
            Verdict::Refused => tally.refused += 1,
        }
        return Ok(());
    }
    let hash = state.image.hash();
    if let Some(&txn) = seen.get(&hash) {
        return oracle::in_bounds(txn, expect.acked, expect.issued).map_err(failure);
    }
    tally.images += 1;
    let nth = tally.images as usize;
    let depth = if nth.is_multiple_of(effort.full_every) { Depth::Full } else { Depth::Light };
    let recovered = oracle::check(&state.image, &expect, depth).map_err(failure)?;
    seen.insert(hash, recovered.txn);
    if effort.nested_every > 0 && nth.is_multiple_of(effort.nested_every) {
        nested(&recovered, &expect, None, tally).map_err(|(inner, what)| Failure {
            nested: Some(inner),
            what: format!("after a crash inside recovery: {what}"),
            ..failure(String::new())
        })?;
    }
    Ok(())
}

/// Crashes the recovery at each of its syncs and at its end, in a few ways; `only` one of them.
fn nested(
    recovered: &oracle::Recovered,
    expect: &Expectation<'_>,
    only: Option<Place>,
    tally: &mut Tally,
) -> Result<(), (Place, String)> {
    for point in recovered.trace.crash_points(0) {
        // Once open has returned, its state has been shown: it must stay.
        let shown = point.at() == recovered.trace.len();
        let acked = if shown { recovered.txn } else { expect.acked };
        let expect = Expectation { acked, ..*expect };
        for model in [Model::Subset, Model::Sectors, Model::Names] {
            let search = Search { model, exhaustive_bits: 3, samples: 2, spread_max: 6, seed: 13 };
            for state in point.states(&search) {
                let place = Place { step: point.at(), model, choice: state.choice };
                if only.is_some_and(|only| only != place) {
                    continue;
                }
                tally.nested += 1;
                oracle::check(&state.image, &expect, Depth::Light).map_err(|what| (place, what))?;
            }
        }
    }
    Ok(())
}

fn expectation(run: &Run, at: usize) -> Expectation<'_> {
    let (acked, issued) = run.timeline.bounds(at);
    Expectation { workload: &run.workload, timeline: &run.timeline, acked, issued }
}

fn lost_facts(point: &CrashPoint, fates: &[Fate]) -> Vec<String> {
    let facts = point.facts().iter().zip(fates);
    facts
        .filter(|(_, fate)| **fate != Fate::Kept)
        .map(|(fact, fate)| format!("{fate:?}: {fact}"))
        .collect()
}

/// Makes a failure small: first fewer steps, then fewer losses.
pub fn shrink(mut failure: Failure, effort: &Effort) -> Failure {
    let model = [failure.place.model];
    let mut index = 0;
    while index < failure.workload.steps.len() {
        let shorter = failure.workload.without(index);
        let found = oracle::guarded(|| {
            let shorter = run(&shorter);
            Ok(explore(&shorter, &model, 0, effort).err())
        });
        match found {
            Ok(Some(smaller)) => failure = smaller,
            _ => index += 1,
        }
    }
    if failure.nested.is_some() || !failure.place.model.is_honest() {
        return failure;
    }
    // The reproducer names the state as found; the list shows which losses it takes.
    let run = run(&failure.workload);
    let point = run.trace.crash_at(failure.place.step);
    let Some(state) = point.state(&effort.search(failure.place.model), failure.place.choice) else {
        return failure;
    };
    let expect = expectation(&run, point.at());
    let mut fates = state.fates;
    for index in 0..fates.len() {
        let fate = std::mem::replace(&mut fates[index], Fate::Kept);
        if fate != Fate::Kept && oracle::check(&point.image(&fates), &expect, Depth::Full).is_ok() {
            fates[index] = fate;
        }
    }
    failure.lost = lost_facts(&point, &fates);
    failure
}

/// Explores a workload; a failure is shrunk and told.
pub fn explore_or_panic(run: &Run, models: &[Model], from: usize, effort: &Effort) -> Tally {
    explore(run, models, from, effort).unwrap_or_else(|failure| {
        panic!("{}", shrink(failure, effort));
    })
}

/// Reruns one state from its line.
pub fn reproduce(line: &str, effort: &Effort) -> Result<Tally, Failure> {
    let (outer, inner) = match line.split_once('/') {
        Some((outer, inner)) => {
            (outer, Some(Place::parse(inner).unwrap_or_else(|e| panic!("{e}"))))
        }
        None => (line, None),
    };
    let (workload, place) = outer.split_once(':').expect("WORKLOAD:STEP:MODEL:CHOICE");
    let workload = Workload::parse(workload).unwrap_or_else(|error| panic!("{error}"));
    let place = Place::parse(place).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&workload);
    let point = run.trace.crash_at(place.step);
    let mut tally = Tally::default();
    let state = point
        .state(&effort.search(place.model), place.choice)
        .unwrap_or_else(|| panic!("{line}: the moment has no such state"));
    let all = Effort { full_every: 1, nested_every: 0, ..*effort };
    judge(&run, &point, &state, place, &all, &mut BTreeMap::new(), &mut tally)?;
    if inner.is_some() {
        let expect = expectation(&run, point.at());
        let told = |inner: Option<Place>, what: String| Failure {
            workload: workload.clone(),
            place,
            nested: inner,
            what,
            lost: Vec::new(),
        };
        let recovered =
            oracle::check(&state.image, &expect, Depth::Light).map_err(|what| told(None, what))?;
        nested(&recovered, &expect, inner, &mut tally)
            .map_err(|(at, what)| told(Some(at), what))?;
    }
    Ok(tally)
}
