//! The crash states of a moment under a crash model: every choice where they are few, a spread where
//! they are many. The order is fixed, so that a state is named by its number.
//!
//! With p groups of facts: all 2^p while p is small; else all kept, none, each kept alone, each lost
//! alone, all prefixes, all suffixes, patterns that show every pair of groups in all four
//! combinations, then seeded random ones.

use super::{
    crash::CrashPoint,
    facts::{Fact, FactKind, Fate},
    image::SimImage,
};
use crate::{disk::entropy::mix, limits::PAGE_BYTES};
use std::{collections::BTreeSet, fmt, path::PathBuf, str::FromStr};

/// What a crash may do; each model finds another class of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// M0: a prefix of the operations survives. A plain kill.
    Prefix,
    /// M1: any subset of the operations survives, across files. A missing barrier.
    Subset,
    /// M2: any version of each sector survives. Torn metas and records.
    Sectors,
    /// M3: sectors in flight turn to zeros, ones, noise or another file's bytes.
    Garbage,
    /// M4: lengths survive without data, data without lengths. Mistakes in growth.
    Lengths,
    /// M5: any subset of name changes survives, with or without the content. Missing directory syncs.
    Names,
    /// M6: some syncs did nothing. Nothing can be promised; wrong data must still not come out.
    LyingSyncs,
    /// M7: after the crash a bit is flipped, or a page is stale or swapped. Detection only.
    Damage,
}

impl Model {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Prefix,
        Self::Subset,
        Self::Sectors,
        Self::Garbage,
        Self::Lengths,
        Self::Names,
        Self::LyingSyncs,
        Self::Damage,
    ];

    /// What an honest disk may do: M0 to M5. Every promise holds under these.
    pub const HONEST: [Self; 6] =
        [Self::Prefix, Self::Subset, Self::Sectors, Self::Garbage, Self::Lengths, Self::Names];

    /// Whether the disk keeps its own promises in this model, so that the engine must keep its.
    pub fn is_honest(self) -> bool {
        !matches!(self, Self::LyingSyncs | Self::Damage)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{}", *self as u8)
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('M').and_then(|digits| digits.parse::<usize>().ok());
        let found = number.and_then(|number| Self::ALL.get(number));
        found.copied().ok_or_else(|| format!("a crash model is M0 to M7, not {text:?}"))
    }
}

/// Which crash states to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// The model.
    pub model: Model,
    /// Up to this many groups of facts every combination is tried.
    pub exhaustive_bits: u32,
    /// Random states beyond the fixed spread.
    pub samples: usize,
    /// Most states of the fixed spread; past this they are thinned out evenly.
    pub spread_max: usize,
    /// Where randomness starts.
    pub seed: u64,
}

impl Search {
    /// The thorough defaults: all of 2^12, else the whole spread and 64 random states.
    pub const fn new(model: Model) -> Self {
        Self { model, exhaustive_bits: 12, samples: 64, spread_max: usize::MAX, seed: 0 }
    }
}

/// One state after a crash.
#[derive(Clone, Debug)]
pub struct CrashState {
    /// Its number under its model and moment: names it in a reproducer.
    pub choice: usize,
    /// What became of each fact of the moment (empty for M6 and M7, which choose otherwise).
    pub fates: Vec<Fate>,
    /// The disk.
    pub image: SimImage,
}

/// Iterator over the crash states of a moment; equal images are left out.
#[derive(Debug)]
pub struct States<'a> {
    point: &'a CrashPoint,
    search: Search,
    plan: Plan,
    next: usize,
    seen: BTreeSet<u64>,
}

impl CrashPoint {
    /// The states of this moment under a model.
    pub fn states(&self, search: &Search) -> States<'_> {
        let plan = Plan::new(self, search);
        States { point: self, search: *search, plan, next: 0, seen: BTreeSet::new() }
    }

    /// State number `choice` of [`Self::states`] with the same search.
    pub fn state(&self, search: &Search, choice: usize) -> Option<CrashState> {
        let plan = Plan::new(self, search);
        (choice < plan.count).then(|| plan.state(self, search, choice))
    }
}

impl Iterator for States<'_> {
    type Item = CrashState;

    fn next(&mut self) -> Option<CrashState> {
        while self.next < self.plan.count {
            let state = self.plan.state(self.point, &self.search, self.next);
            self.next += 1;
            if self.seen.insert(state.image.hash()) {
                return Some(state);
            }
        }
        None
    }
}

/// How states are numbered: variants of the model, times choices over groups.
#[derive(Debug)]
struct Plan {
    groups: Vec<Vec<usize>>,
    variants: usize,
    spread: Spread,
    count: usize,
    pages: Vec<(PathBuf, u64)>,
}

/// M6: lie in all syncs, in each of the last ones alone, in random subsets.
const LONE_LIES: usize = 16;

impl Plan {
    fn new(point: &CrashPoint, search: &Search) -> Self {
        let same_op = |a: &Fact, b: &Fact| a.op == b.op;
        let (groups, variants) = match search.model {
            Model::Prefix | Model::Subset => (point.groups(same_op), 1),
            // Names and lengths: all kept; and all lost, where there are any.
            Model::Sectors => {
                let others = point.indices(|fact| !is_sector(fact)).len();
                let sectors = point.indices(is_sector);
                (sectors.into_iter().map(|i| vec![i]).collect(), if others > 0 { 2 } else { 1 })
            }
            Model::Garbage => {
                let sectors = point.indices(is_sector);
                (sectors.into_iter().map(|index| vec![index]).collect(), 4)
            }
            // Data all kept, or each operation's by chance.
            Model::Lengths => {
                let lengths = point.indices(is_length);
                (lengths.into_iter().map(|index| vec![index]).collect(), 2)
            }
            // Content all kept, all lost, by chance.
            Model::Names => {
                let names = point.indices(|fact| matches!(fact.kind, FactKind::Name(_)));
                let variants = if point.has_names() { 3 } else { 0 };
                (names.into_iter().map(|index| vec![index]).collect(), variants)
            }
            Model::LyingSyncs | Model::Damage => (Vec::new(), 0),
        };
        let mut plan = Self {
            spread: Spread::new(groups.len(), search),
            groups,
            variants,
            count: 0,
            pages: Vec::new(),
        };
        plan.count = match search.model {
            Model::Prefix => plan.groups.len() + 1,
            Model::LyingSyncs => {
                let syncs = point.trace.syncs().filter(|&sync| sync < point.at()).count();
                if syncs == 0 { 0 } else { 1 + syncs.min(LONE_LIES) + search.samples }
            }
            Model::Damage => {
                plan.pages = pages_of(&point.image_all_kept());
                if plan.pages.is_empty() { 0 } else { search.samples }
            }
            Model::Sectors | Model::Garbage | Model::Lengths if plan.groups.is_empty() => 0,
            _ => plan.variants * plan.spread.count,
        };
        plan
    }

    fn state(&self, point: &CrashPoint, search: &Search, choice: usize) -> CrashState {
        let noise = mix(search.seed ^ mix(choice as u64 ^ (point.at() as u64) << 32));
        match search.model {
            Model::LyingSyncs => return lying_state(point, choice, noise),
            Model::Damage => {
                let image = self.damaged(point, noise);
                return CrashState { choice, fates: Vec::new(), image };
            }
            _ => {}
        }
        let fates = self.fates(point, search, choice, noise);
        let image = point.image(&fates);
        CrashState { choice, fates, image }
    }

    fn fates(&self, point: &CrashPoint, search: &Search, choice: usize, noise: u64) -> Vec<Fate> {
        let facts = point.facts();
        let mut fates = vec![Fate::Kept; facts.len()];
        if search.model == Model::Prefix {
            for group in self.groups.iter().skip(self.groups.len() - choice) {
                group.iter().for_each(|&index| fates[index] = Fate::Lost);
            }
            return fates;
        }
        let (variant, pattern) = (choice % self.variants, choice / self.variants);
        let by_chance = |op: usize| mix(noise ^ mix(op as u64)) & 1 == 0;
        for (index, fact) in facts.iter().enumerate() {
            let lost = match (search.model, variant) {
                (Model::Sectors, 1) => !is_sector(fact),
                (Model::Lengths, 1) => !is_length(fact) && by_chance(fact.op),
                (Model::Names, 1) => !matches!(fact.kind, FactKind::Name(_)),
                (Model::Names, 2) => !matches!(fact.kind, FactKind::Name(_)) && by_chance(fact.op),
                _ => false,
            };
            if lost {
                fates[index] = Fate::Lost;
            }
        }
        let unkept = match (search.model, variant) {
            (Model::Garbage, 0) => Fate::Zeros,
            (Model::Garbage, 1) => Fate::Ones,
            (Model::Garbage, 2) => Fate::Noise(noise),
            (Model::Garbage, _) => Fate::Foreign,
            _ => Fate::Lost,
        };
        for (group, members) in self.groups.iter().enumerate() {
            if !self.spread.keeps(pattern, group) {
                members.iter().for_each(|&index| fates[index] = unkept);
            }
        }
        fates
    }

    /// One flip, one stale page or two swapped pages, by chance.
    fn damaged(&self, point: &CrashPoint, noise: u64) -> SimImage {
        let mut image = point.image_all_kept();
        let page_bytes = PAGE_BYTES as u64;
        let pick = |salt: u64, bound: u64| mix(noise ^ salt) % bound.max(1);
        let (path, page) = &self.pages[pick(1, self.pages.len() as u64) as usize];
        let offset = page * page_bytes;
        let page_at = |image: &SimImage, offset: u64| {
            let bytes = image.read(path).unwrap_or_default();
            let end = bytes.len().min(offset as usize + PAGE_BYTES);
            bytes.get(offset as usize..end).map(<[u8]>::to_vec).unwrap_or_default()
        };
        match pick(2, 3) {
            0 => {
                let len = image.len_of(path).unwrap_or(0);
                let within = pick(3, page_bytes.min(len - offset));
                image.flip(path, offset + within, 1 << pick(4, 8));
            }
            1 => {
                // What this page held when the trace began, or at some sync since.
                let syncs: Vec<usize> =
                    point.trace.syncs().filter(|&sync| sync < point.at()).collect();
                let when = pick(5, syncs.len() as u64 + 1).checked_sub(1);
                let at = when.and_then(|when| syncs.get(when as usize)).copied().unwrap_or(0);
                let old = point.trace.crash_at(at).image_all_kept();
                let bytes = page_at(&old, offset);
                image.write(path, offset, &bytes);
            }
            _ => {
                let others: Vec<u64> =
                    self.pages.iter().filter(|p| p.0 == *path).map(|p| p.1).collect();
                let other = others[pick(6, others.len() as u64) as usize] * page_bytes;
                let (a, b) = (page_at(&image, offset), page_at(&image, other));
                if a.len() == b.len() {
                    image.write(path, offset, &b);
                    image.write(path, other, &a);
                }
            }
        }
        image
    }
}

fn is_sector(fact: &Fact) -> bool {
    matches!(fact.kind, FactKind::Sector { .. })
}

fn is_length(fact: &Fact) -> bool {
    matches!(fact.kind, FactKind::Length { .. })
}

fn pages_of(image: &SimImage) -> Vec<(PathBuf, u64)> {
    let mut pages = Vec::new();
    for path in image.paths() {
        let len = image.len_of(path).unwrap_or(0);
        pages.extend((0..len.div_ceil(PAGE_BYTES as u64)).map(|page| (path.to_path_buf(), page)));
    }
    pages
}

fn lying_state(point: &CrashPoint, choice: usize, noise: u64) -> CrashState {
    let syncs: Vec<usize> = point.trace.syncs().filter(|&sync| sync < point.at()).collect();
    let lone = syncs.len().min(LONE_LIES);
    let lied = |op: usize| match choice {
        0 => true,
        c if c <= lone => syncs[syncs.len() - c] == op,
        _ => mix(noise ^ mix(op as u64)) & 1 == 0,
    };
    let false_point = point.trace.crash_at_with_lies(point.at(), &lied);
    // What hung on the lies is lost, or each operation's by chance.
    let fates: Vec<Fate> = false_point
        .facts()
        .iter()
        .map(|fact| {
            let kept = choice > lone && mix(noise ^ mix(!(fact.op as u64))) & 3 != 0;
            if kept { Fate::Kept } else { Fate::Lost }
        })
        .collect();
    CrashState { choice, image: false_point.image(&fates), fates: Vec::new() }
}

/// Patterns of kept and lost over `groups` groups, by number.
#[derive(Debug)]
struct Spread {
    groups: usize,
    exhaustive: bool,
    fixed: usize,
    fixed_shown: usize,
    count: usize,
    seed: u64,
}

impl Spread {
    fn new(groups: usize, search: &Search) -> Self {
        let exhaustive = groups as u32 <= search.exhaustive_bits.min(20);
        let pairs = 2 * groups.max(2).ilog2() as usize + 2;
        let fixed = 2 + 4 * groups + pairs;
        let fixed_shown = fixed.min(search.spread_max);
        let count = if exhaustive { 1 << groups } else { fixed_shown + search.samples };
        Self { groups, exhaustive, fixed, fixed_shown, count, seed: search.seed }
    }

    /// Whether pattern number `pattern` keeps `group`.
    fn keeps(&self, pattern: usize, group: usize) -> bool {
        if self.exhaustive {
            return pattern >> group & 1 == 1;
        }
        if pattern >= self.fixed_shown {
            let noise = mix(self.seed ^ mix(pattern as u64));
            // Some patterns lose much, some little.
            let density = noise % 7 + 1;
            return mix(noise ^ mix(group as u64)) % 8 < density;
        }
        let p = self.groups;
        let index = pattern * self.fixed / self.fixed_shown;
        match index {
            0 => true,
            1 => false,
            _ => {
                let (kind, at) = ((index - 2) / p, (index - 2) % p);
                match kind {
                    0 => group == at,
                    1 => group != at,
                    2 => group < at,
                    3 => group > at,
                    _ => {
                        let bit = index - 2 - 4 * p;
                        (group >> (bit / 2) & 1 == 1) != (bit % 2 == 1)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_shows_every_pair_in_all_four_combinations() {
        for groups in [13, 16, 17, 40] {
            let search = Search { samples: 0, ..Search::new(Model::Subset) };
            let spread = Spread::new(groups, &search);
            assert!(!spread.exhaustive);
            for a in 0..groups {
                for b in 0..a {
                    let seen: BTreeSet<(bool, bool)> = (0..spread.count)
                        .map(|pattern| (spread.keeps(pattern, a), spread.keeps(pattern, b)))
                        .collect();
                    assert_eq!(seen.len(), 4, "{groups} groups, {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn few_groups_are_tried_in_every_combination() {
        let spread = Spread::new(5, &Search::new(Model::Subset));
        let seen: BTreeSet<Vec<bool>> = (0..spread.count)
            .map(|pattern| (0..5).map(|group| spread.keeps(pattern, group)).collect())
            .collect();
        assert_eq!(seen.len(), 32);
    }

    #[test]
    fn models_have_names_that_read_back() {
        for model in Model::ALL {
            assert_eq!(model.to_string().parse(), Ok(model));
        }
        assert!("M8".parse::<Model>().is_err() && "x".parse::<Model>().is_err());
    }
}
