//! What takes the space: pages by what they are to the file, bytes by key prefix, and what a compact
//! would give back.

use super::sheet::{Line, SheetContent};
use super::tree::chosen_root;
use super::{Context, Effect, ScreenId};
use crate::job::Data;
use crate::model::space::{Evidence, MeasureSpace, PLAIN_BYTES, Space, Usage};
use crate::model::told::told;
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use crate::widgets::bar::bar;
use northstar_engine::PageId;
use northstar_engine::inspect::find::PageState;
use northstar_engine::limits::PAGE_BYTES;
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MEASURE: &str = "measure";
/// The lint of levels that are mostly empty.
const LOW_FILL: &str = "LINT-1";
/// Cells of a bar: what leaves room for the figures beside it in 80 columns.
const BAR: usize = 12;
/// Files with more pages are not counted page by page.
const COUNTED_PAGES_MAX: u64 = 4_000_000;

/// What the screen shows.
#[derive(Debug, Default)]
pub struct SpaceSheet {
    space: Option<Space>,
    error: Option<String>,
}

/// Pages by their state; empty as long as nothing was checked.
pub(super) fn states(context: &Context) -> BTreeMap<&'static str, u64> {
    let mut states = BTreeMap::new();
    if let Some(survey) = &context.survey {
        for id in 0..survey.file_pages.min(COUNTED_PAGES_MAX) {
            *states.entry(survey.state(PageId::new(id)).name()).or_default() += 1;
        }
    }
    states
}

/// Pages by their state, a line each.
pub(super) fn page_lines(context: &Context) -> Vec<Line> {
    let states = states(context);
    if states.is_empty() {
        return vec![Line::role(Role::Dim, "  checking everything…")];
    }
    let total: u64 = states.values().sum();
    let line = |(name, count): (&&str, &u64)| {
        let bytes = text::bytes(count.saturating_mul(PAGE_BYTES as u64));
        let percent = text::percent(*count, total);
        let noun = if *count == 1 { "page " } else { "pages" };
        let value =
            format!("{} {percent:>3} %  {count:>7} {noun}  {bytes}", bar(*count, total, BAR));
        Line::pair(name, value).to(Place::new(ScreenId::Map, At::Here))
    };
    states.iter().map(line).collect()
}

impl SpaceSheet {
    fn measure(&self, context: &Context) -> Vec<Effect> {
        let summary = &context.summary;
        match chosen_root(context).zip(summary.newest_txn()) {
            Some((root, newest)) => {
                let job = MeasureSpace { root, uuid: summary.uuid, newest };
                vec![Effect::Run(MEASURE, Box::new(job))]
            }
            None => Vec::new(),
        }
    }
}

/// The pages of the current tree by what they hold.
fn kind_lines(context: &Context) -> Vec<Line> {
    let Some(survey) = &context.survey else { return Vec::new() };
    let levels = survey.levels.iter().enumerate().map(|(level, stats)| {
        let name = if level == 0 { "leaves".to_owned() } else { format!("level {level} nodes") };
        let filled = format!(", {} % full", text::percent(stats.bytes_used, stats.bytes_room));
        (name, stats.nodes, filled)
    });
    let overflow = ("overflow".to_owned(), survey.overflow_pages, String::new());
    let kinds: Vec<_> = levels.chain([overflow]).collect();
    let total: u64 = kinds.iter().map(|(_, count, _)| count).sum();
    let mut lines = vec![Line::head("the current tree by kind")];
    for (name, count, filled) in kinds {
        let percent = text::percent(count, total);
        let bytes = text::bytes(count.saturating_mul(PAGE_BYTES as u64));
        let bar = bar(count, total, BAR);
        let noun = if count == 1 { "page " } else { "pages" };
        let value = format!("{bar} {percent:>3} %  {count:>7} {noun}  {bytes}{filled}");
        lines.push(Line::pair(&name, value));
    }
    lines
}

/// Where the figures come from, and whether they would be others without the cartridge.
fn evidence_lines(evidence: &Evidence) -> Vec<Line> {
    let cartridges = Place::new(ScreenId::Cartridges, At::Here);
    match evidence {
        Evidence::Cartridge { name, txn, delimiters, delimiters_of_rows } => {
            let line = format!("  from the cartridge {name}, for txn {txn}");
            let mut lines = vec![Line::role(Role::Good, line).to(cartridges)];
            if let Some(own) = delimiters_of_rows {
                lines.push(Line::role(Role::Warn, format!("  its groups end at {delimiters}")));
                let without = format!("  without it: at {own}, else after {PLAIN_BYTES} bytes");
                lines.push(Line::role(Role::Warn, without));
            }
            lines
        }
        Evidence::Tree { txn, why } => {
            let why = Printable::capped(why, 120);
            let line = format!("  every row of txn {txn} was read: {}", why.as_str());
            vec![Line::role(Role::Dim, line).to(cartridges)]
        }
    }
}

fn usage_line(name: &str, usage: &Usage, total: u64) -> Line {
    let percent = text::percent(usage.bytes(), total);
    let value = format!(
        "{} {percent:>3} %  {:>9}  {}, keys {}",
        bar(usage.bytes(), total, BAR),
        text::bytes(usage.bytes()),
        text::plural(usage.rows, "row"),
        text::bytes(usage.key_bytes)
    );
    Line::pair(name, value)
}

impl SheetContent for SpaceSheet {
    const ID: ScreenId = ScreenId::Space;

    fn show(&mut self, _: &At, context: &Context) -> Vec<Effect> {
        let mut out = if self.space.is_none() { self.measure(context) } else { Vec::new() };
        if context.survey.is_none() && context.summary.loaded {
            out.push(Effect::CheckAll);
        }
        out
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.measure(context)
    }

    fn loaded(&mut self, data: Data, _: &Context) -> Vec<Effect> {
        if let Ok(space) = data.downcast::<Space>() {
            self.space = Some(*space);
            self.error = None;
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn lines(&self, context: &Context) -> Vec<Line> {
        let mut lines = vec![Line::head("pages")];
        lines.extend(page_lines(context));
        let states = states(context);
        let total: u64 = states.values().sum();
        let spare = |state: PageState| states.get(state.name()).copied().unwrap_or(0);
        // Without a tree nobody can say what a compact would keep.
        if total > 0 && chosen_root(context).is_some() {
            let back =
                spare(PageState::Free) + spare(PageState::Orphan) + spare(PageState::Outside);
            let bytes = text::bytes(back.saturating_mul(PAGE_BYTES as u64));
            lines.push(Line::text(format!("  A compact would give back about {bytes}.")));
        }
        // What is lost inside of pages is not in that figure: how much of it packing gives back, only doing it tells.
        for lint in context.lints.iter().filter(|lint| lint.rule == LOW_FILL) {
            let line = format!("  ○ {}: {}", lint.rule, told(&lint.found, 200));
            lines.push(Line::role(Role::Accent, line).to(Place::new(ScreenId::Problems, At::Here)));
        }
        lines.extend(kind_lines(context));
        lines.push(Line::head("rows by the first part of their key"));
        let Some(space) = &self.space else {
            let why = match (&self.error, chosen_root(context)) {
                (Some(why), _) => why.clone(),
                (None, None) => "no tree to read".to_owned(),
                (None, Some(_)) => "measuring…".to_owned(),
            };
            lines.push(Line::role(Role::Dim, format!("  {why}")));
            return lines;
        };
        lines.extend(evidence_lines(&space.evidence));
        let mut groups: Vec<(&Vec<u8>, &Usage)> = space.groups.iter().collect();
        groups.sort_by_key(|(prefix, usage)| (std::cmp::Reverse(usage.bytes()), *prefix));
        let total: u64 =
            groups.iter().map(|(_, usage)| usage.bytes()).sum::<u64>() + space.others.bytes();
        for (prefix, usage) in groups {
            let name = Printable::capped(prefix, 17);
            let at = At::Key(prefix.clone());
            let line = usage_line(name.as_str(), usage, total);
            lines.push(line.to(Place::new(ScreenId::Rows, at)));
        }
        if space.others.rows > 0 {
            lines.push(usage_line("all others", &space.others, total));
        }
        if space.holes > 0 {
            let holes = text::plural(space.holes, "place");
            lines.push(Line::role(Role::Bad, format!("  rows cannot be read in {holes}")));
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let groups: BTreeMap<String, &Usage> = self
            .space
            .iter()
            .flat_map(|space| &space.groups)
            .map(|(prefix, usage)| (Printable::new(prefix).into_string(), usage))
            .collect();
        json!({
            "screen": "space",
            "pages": states(context),
            "evidence": self.space.as_ref().map(|space| &space.evidence),
            "prefixes": groups,
            "others": self.space.as_ref().map(|space| &space.others),
        })
    }
}
