//! Cartridges beside the database: what they answer, for which state, whether they are whole and fresh, and
//! building one again.

mod draw;

use super::sheet::{Line, SheetContent};
use super::{Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::cartridges::{CartridgeView, Cartridges, FindCartridges, Rebuild, Rebuilt};
use crate::model::survey::CHECK_UNASKED_BYTES_MAX;
use crate::place::{At, Place};
use crate::theme::Role;
use northstar_engine::cartridge::Staleness;
use northstar_engine::printable::{Printable, unescape};
use serde_json::{Value, json};
use std::path::PathBuf;

const FIND: &str = "find";
const REBUILD: &str = "rebuild";
const ASK: &str = "ask";
/// What has to be typed before a file is written.
const YES: [&str; 2] = ["yes", "y"];

/// What the screen shows.
#[derive(Debug, Default)]
pub struct CartridgesSheet {
    found: Option<Vec<CartridgeView>>,
    /// What they are asked: a task type, a key prefix; empty for all types and the outermost prefixes.
    question: Vec<u8>,
    error: Option<String>,
    /// The cartridge that somebody was asked about. Not by its place in the list, which may change meanwhile.
    proposed: Option<PathBuf>,
    /// Whether one is being built.
    building: bool,
    /// The cartridge of the last build, by name, and what came of it.
    built: Option<(String, String)>,
}

/// Looks for cartridges and asks them for the overview. None until the database's identity and newest state,
/// by which they are judged, have come.
pub(super) fn everything(context: &Context) -> Option<FindCartridges> {
    let summary = &context.summary;
    let (uuid, newest) = (summary.uuid, summary.newest_txn());
    summary.loaded.then_some(FindCartridges { uuid, newest, question: Vec::new() })
}

impl CartridgesSheet {
    fn find(&self, context: &Context) -> Vec<Effect> {
        let job = everything(context);
        let job = job.map(|job| FindCartridges { question: self.question.clone(), ..job });
        job.into_iter().map(|job| Effect::Run(FIND, Box::new(job))).collect()
    }

    /// The cartridge at `item`, if it can be built again.
    fn buildable(&self, item: Option<usize>) -> Option<&CartridgeView> {
        self.found.as_ref()?.get(item?).filter(|view| view.kind.is_some())
    }

    /// The build that somebody was asked about.
    fn proposed(&mut self) -> Option<Rebuild> {
        let path = self.proposed.take()?;
        let view = self.found.iter().flatten().find(|view| view.path == path)?;
        Some(Rebuild { path, kind: view.kind.clone()? })
    }

    /// Asks before a file is written.
    fn propose(&mut self, item: Option<usize>) -> Vec<Effect> {
        let Some(view) = self.buildable(item) else { return Vec::new() };
        let (path, name) = (view.path.clone(), &view.name);
        let title = format!("replace {name} by a new one? yes or no");
        self.proposed = Some(path);
        vec![Effect::Ask { question: REBUILD, title, text: String::new() }]
    }
}

impl SheetContent for CartridgesSheet {
    const ID: ScreenId = ScreenId::Cartridges;

    fn works(&self, item: Option<usize>, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if context.summary.loaded {
            works.push(Act::CartridgesQuery);
        }
        if !self.building && self.buildable(item).is_some() {
            works.push(Act::CartridgesRebuild);
        }
        works
    }

    fn act(&mut self, act: Act, item: Option<usize>, _: &Context) -> Vec<Effect> {
        match act {
            Act::CartridgesQuery => vec![Effect::Ask {
                question: ASK,
                title: "a task type or a key prefix; empty: the overview".to_owned(),
                text: Printable::capped(&self.question, 400).into_string(),
            }],
            Act::CartridgesRebuild => self.propose(item),
            _ => Vec::new(),
        }
    }

    fn answer(&mut self, question: &'static str, text: &str, context: &Context) -> Vec<Effect> {
        match question {
            ASK => match unescape(text) {
                Some(asked) => {
                    self.question = asked;
                    self.find(context)
                }
                None => vec![Effect::Say(format!("not a whole escape in {text}"))],
            },
            REBUILD => {
                let proposed = self.proposed();
                let said_yes = YES.contains(&text.trim().to_lowercase().as_str());
                match proposed.filter(|_| said_yes && !self.building) {
                    Some(job) => {
                        self.building = true;
                        self.built = None;
                        vec![Effect::Run(REBUILD, Box::new(job))]
                    }
                    None => vec![Effect::Say("nothing was written".to_owned())],
                }
            }
            _ => Vec::new(),
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        let asked = match at {
            At::Key(key) if *key != self.question => {
                self.question.clone_from(key);
                true
            }
            _ => false,
        };
        if self.found.is_none() || asked { self.find(context) } else { Vec::new() }
    }

    fn place(&self) -> At {
        if self.question.is_empty() { At::Here } else { At::Key(self.question.clone()) }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.find(context)
    }

    fn loaded(&mut self, data: Data, context: &Context) -> Vec<Effect> {
        let data = match data.downcast::<Cartridges>() {
            Ok(cartridges) => {
                // An answer to an older question would stand under the wrong name.
                if cartridges.question == self.question {
                    self.found = Some(cartridges.found);
                    self.error = None;
                }
                return Vec::new();
            }
            Err(data) => data,
        };
        let Ok(rebuilt) = data.downcast::<Rebuilt>() else { return Vec::new() };
        let told = draw::told(&rebuilt);
        self.building = false;
        self.built = Some((rebuilt.name.clone(), told.clone()));
        let mut effects = self.find(context);
        // What the last check said of the cartridge no longer holds.
        if context.summary.bytes <= CHECK_UNASKED_BYTES_MAX {
            effects.push(Effect::CheckAll);
        }
        effects.push(Effect::Say(told));
        effects
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        match slot {
            REBUILD => self.building = false,
            _ => self.error = Some(why.to_owned()),
        }
    }

    fn stopping(&mut self, slot: &'static str) {
        self.building &= slot != REBUILD;
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        let mut judged = self.found.iter().flatten().filter_map(|view| view.staleness.as_ref());
        match what {
            "fresh" => judged.any(Staleness::is_fresh),
            "behind" => judged.any(|staleness| !staleness.is_fresh()),
            _ => false,
        }
    }

    fn finds(&self) -> Vec<(String, Place)> {
        let place = Place::new(ScreenId::Cartridges, At::Here);
        let found = self.found.iter().flatten();
        found.map(|view| (format!("cartridge: {}", view.name), place.clone())).collect()
    }

    fn lines(&self, context: &Context) -> Vec<Line> {
        let Some(found) = &self.found else {
            let why = self.error.as_deref().unwrap_or("looking beside the database…");
            return vec![Line::role(Role::Dim, why)];
        };
        if found.is_empty() {
            return vec![
                Line::role(Role::Dim, "No cartridge beside this database."),
                Line::role(
                    Role::Dim,
                    "northstar-headless cartridge build DB --type T --out FILE makes one.",
                ),
            ];
        }
        let mut lines = Vec::new();
        for (item, view) in found.iter().enumerate() {
            let mut block = draw::block(view, &self.question, context);
            if let Some((_, told)) = self.built.iter().find(|(name, _)| *name == view.name) {
                block.insert(1, Line::role(Role::Good, format!("  ✓ {told}")));
            }
            lines.extend(block.into_iter().map(|line| line.about(item)));
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        json!({
            "screen": "cartridges",
            "question": Printable::new(&self.question).as_str(),
            "cartridges": self.found,
        })
    }
}
