//! Overlays: what their answers lead to, and the rows of help and palette, from the action table.

use super::{App, Cmd};
use crate::action::{ACTIONS, Act, Action, Scope};
use crate::dialogs::palette::{Palette, Row, Target};
use crate::dialogs::{Dialog, Outcome, help::Help, prompt::Prompt};
use crate::keymap::Key;
use crate::model::{glossary, rules};
use crate::place::{At, Place};
use crate::screen_id::ScreenId;
use northstar_engine::limits::PAGE_BYTES;

/// Screens that know things by name.
const FINDERS: [ScreenId; 1] = [ScreenId::Cartridges];

impl App {
    /// Opens the overlay of an action that has one.
    pub(super) fn open_dialog(&mut self, act: Act) {
        let dialog = match act {
            Act::Help => Dialog::Help(Help::new(self.help_rows(), self.current)),
            Act::Palette => Dialog::Palette(Palette::new(self.palette_rows())),
            _ => Dialog::Prompt(Prompt::goto("go to (g: top)  p42 · 0x5a000 · txn 118 · key:abc")),
        };
        self.dialogs.push(dialog);
    }

    /// Looks for what the finder shall know by name before anybody has opened the screen of it.
    pub(super) fn look_for_names(&mut self, out: &mut Vec<Cmd>) {
        for id in FINDERS.into_iter().filter(|id| !self.opened.contains(id)).collect::<Vec<_>>() {
            let (screen, context) = self.screen_mut(id);
            let effects = screen.show(&At::Here, context);
            self.effects(id, effects, out);
        }
    }

    /// Something was loaded: an open finder may know more by now.
    pub(super) fn renew_finder(&mut self) {
        if matches!(self.dialogs.last(), Some(Dialog::Palette(_))) {
            let rows = self.palette_rows();
            if let Some(Dialog::Palette(palette)) = self.dialogs.last_mut() {
                palette.renew(rows);
            }
        }
    }

    pub(super) fn outcome(&mut self, outcome: Outcome, out: &mut Vec<Cmd>) {
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => {
                self.dialogs.pop();
            }
            Outcome::Tell(text) => {
                self.dialogs.pop();
                self.say(text);
            }
            Outcome::Act(act) => {
                self.dialogs.pop();
                self.act(act, out);
            }
            Outcome::Go(place) => {
                self.dialogs.pop();
                self.go(place, out);
            }
            Outcome::Typed(text) => match crate::place::parse(&text, PAGE_BYTES as u64) {
                Ok(place) => {
                    self.dialogs.pop();
                    self.go(place, out);
                }
                Err(why) => self.warn(why),
            },
            Outcome::Answer(question, text) => {
                self.dialogs.pop();
                let (screen, context) = self.screen_mut(self.current);
                let effects = screen.answer(question, &text, context);
                self.effects(self.current, effects, out);
            }
        }
    }

    pub(super) fn help_rows(&self) -> Vec<(Act, String)> {
        let mut rows: Vec<(Act, String)> = Vec::new();
        let keys_of = |act: Act| {
            let keys: Vec<String> = self.keymap.keys(act).iter().map(Key::to_string).collect();
            keys.join(" ")
        };
        let own = |row: &&Action| match row.scope {
            Scope::Global => false,
            _ => self.works(row.act),
        };
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Screen(self.current)) {
            rows.push((row.act, keys_of(row.act)));
        }
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Move).filter(own) {
            rows.push((row.act, keys_of(row.act)));
        }
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Global) {
            rows.push((row.act, keys_of(row.act)));
        }
        rows
    }

    fn palette_rows(&self) -> Vec<Row> {
        let go = |name: String, help: &str, place: Place| Row {
            name,
            keys: place
                .screen
                .digit()
                .filter(|_| place.at == At::Here)
                .map_or_else(String::new, String::from),
            help: help.to_owned(),
            target: Target::Go(place),
        };
        let screens = ScreenId::ALL
            .iter()
            .map(|id| go(format!("screen: {}", id.name()), id.what(), Place::new(*id, At::Here)));
        let acts = ACTIONS.iter().filter(|row| self.works(row.act)).map(|row| Row {
            name: row.name.to_owned(),
            keys: self.keymap.keys(row.act).first().map(Key::to_string).unwrap_or_default(),
            help: row.help.to_owned(),
            target: Target::Act(row.act),
        });
        let roots = self.context.survey.iter().flat_map(|survey| &survey.roots);
        let states = roots.map(|root| {
            let at = At::Txn(root.txn_id);
            let help = "The rows of this state, which has pages of its own.";
            go(format!("state: txn {}", root.txn_id), help, Place::new(ScreenId::Rows, at))
        });
        let found = self.screens.iter().flat_map(|screen| screen.finds(&self.context));
        let found = found.map(|(name, place)| go(name, place.screen.what(), place));
        let words = glossary::words().chain(rules::all()).map(|(word, meaning)| Row {
            name: word,
            keys: String::new(),
            help: meaning,
            target: Target::Tell,
        });
        screens.chain(acts).chain(states).chain(found).chain(words).collect()
    }
}
