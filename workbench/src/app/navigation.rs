//! Going from place to place: screens, the jump list, and what the effects of a screen lead to.

use super::{App, Cmd, REFERRERS, SUMMARY, SURVEY};
use crate::dialogs::{Dialog, menu::Menu, prompt::Prompt};
use crate::job::{Data, JobKey, Owner};
use crate::model::referrers::{FindParent, FindReferrers, Parent, Referrers};
use crate::model::summary::Summary;
use crate::model::survey::CheckAll;
use crate::place::{At, JumpList, Place};
use crate::screens::{self, Effect, ScreenId};
use std::path::PathBuf;

impl App {
    pub(super) fn place(&self) -> Place {
        Place::new(self.current, self.screen(self.current).place())
    }

    /// Walks the jump list.
    pub(super) fn jump(&mut self, forward: bool, out: &mut Vec<Cmd>) {
        let here = self.place();
        let to = if forward { self.jumps.forward(here) } else { self.jumps.back(here) };
        if let Some(place) = to {
            self.bring(place.screen, &place.at, out);
        }
    }

    pub(super) fn find_referrers(&mut self, out: &mut Vec<Cmd>) {
        if let Some(page) = self.selected_page() {
            self.launch(Owner::App, REFERRERS, Box::new(FindReferrers { page }), out);
        }
    }

    pub(super) fn step_screen(&mut self, by: usize, out: &mut Vec<Cmd>) {
        let all = ScreenId::ALL;
        let at = all.iter().position(|id| *id == self.current).unwrap_or(0);
        if let Some(screen) = all.get((at + by) % all.len()) {
            self.go(Place::new(*screen, At::Here), out);
        }
    }

    /// Goes somewhere, remembering where we were.
    pub fn go(&mut self, place: Place, out: &mut Vec<Cmd>) {
        let here = self.place();
        if here != place {
            self.jumps.leave(here);
        }
        self.bring(place.screen, &place.at, out);
    }

    pub(super) fn bring(&mut self, screen: ScreenId, at: &At, out: &mut Vec<Cmd>) {
        self.current = screen;
        if !self.opened.contains(&screen) {
            self.opened.push(screen);
        }
        let (component, context) = self.screen_mut(screen);
        let effects = component.show(at, context);
        self.effects(screen, effects, out);
        self.freshen(out);
    }

    pub(super) fn effects(&mut self, from: ScreenId, effects: Vec<Effect>, out: &mut Vec<Cmd>) {
        for effect in effects {
            match effect {
                Effect::Run(slot, job) => self.launch(Owner::Screen(from), slot, job, out),
                Effect::Stop(slot) => {
                    let key = JobKey { owner: Owner::Screen(from), slot };
                    if let Some(running) = self.running.iter().find(|job| job.key == key) {
                        out.push(Cmd::Stop(running.generation));
                    }
                }
                Effect::Go(place) => self.go(place, out),
                Effect::Copy(what, text) => self.copy(&what, text, out),
                Effect::Ask { question, title, text } => {
                    self.dialogs.push(Dialog::Prompt(Prompt::new(question, &title, text)));
                }
                Effect::Menu { title, items } => {
                    self.dialogs.push(Dialog::Menu(Menu::new(title, items)));
                }
                Effect::Lesson(lesson) => self.start_lesson(lesson, out),
                Effect::Save(name, text) => {
                    out.push(Cmd::Write { path: PathBuf::from(name), text });
                }
                Effect::CheckAll => {
                    self.launch(Owner::App, SURVEY, Box::new(CheckAll), out);
                }
                Effect::Parent(page) => {
                    self.launch(Owner::App, REFERRERS, Box::new(FindParent { page }), out);
                }
                Effect::Say(text) => self.say(text),
            }
        }
    }

    /// Looks at another file, as if the program had just been started on it.
    pub(super) fn look_at(&mut self, file: PathBuf, out: &mut Vec<Cmd>) {
        out.extend(self.running.drain(..).map(|job| Cmd::Stop(job.generation)));
        self.context.summary = Summary::unread(&file);
        self.context.survey = None;
        self.context.lints.clear();
        self.context.pool = None;
        self.context.version += 1;
        for id in ScreenId::ALL.iter().filter(|id| !id.is_of_program()) {
            self.screens[*id as usize] = screens::make(*id);
        }
        self.opened.clear();
        self.stale.clear();
        self.jumps = JumpList::default();
        self.fingerprint = None;
        self.pinned = false;
        self.missed = None;
        let job = Box::new(self.load_summary());
        self.launch(Owner::App, SUMMARY, job, out);
        self.bring(self.current, &At::Here, out);
    }

    pub(super) fn take_referrers(&mut self, data: Data, out: &mut Vec<Cmd>) {
        let data = match data.downcast::<Referrers>() {
            Ok(found) => {
                let menu = Menu::new(found.title(), found.items());
                self.dialogs.push(Dialog::Menu(menu));
                return;
            }
            Err(data) => data,
        };
        if let Ok(found) = data.downcast::<Parent>() {
            match found.place {
                Some(place) => self.go(place, out),
                None => self.say(format!("nothing points to p{}", found.page)),
            }
        }
    }
}
