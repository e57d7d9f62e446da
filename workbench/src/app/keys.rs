//! What a key does: the action it stands for, if that works now, done.
//!
//! Cost: a key is looked up in the key map once; a screen is asked once for what works.

use super::{App, Cmd, Quit, SURVEY};
use crate::action::{Act, Scope};
use crate::clipboard::COPY_BYTES_MAX;
use crate::job::Owner;
use crate::keymap::Key;
use crate::model::survey::CheckAll;
use crate::place::{At, Place};
use crate::screen_id::ScreenId;
use crate::svg::{Paper, render};
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use std::path::PathBuf;

impl App {
    pub(super) fn works(&self, act: Act) -> bool {
        match act.row().scope {
            Scope::Global => match act {
                Act::JumpBack => !self.jumps.trail().is_empty(),
                Act::JumpForward => self.jumps.can_forward(),
                Act::Copy => self.screen(self.current).copy(&self.context).is_some(),
                Act::Referrers => self.selected_page().is_some(),
                Act::LessonNext | Act::LessonEnd => self.class.is_some(),
                Act::LessonDo => self.can_exercise(),
                _ => true,
            },
            _ => self.screen(self.current).works(&self.context).contains(&act),
        }
    }

    pub(super) fn selected_page(&self) -> Option<northstar_engine::PageId> {
        match self.screen(self.current).place() {
            At::Page(id, _) => Some(id),
            _ => None,
        }
    }

    pub(super) fn key(&mut self, event: KeyEvent, out: &mut Vec<Cmd>) {
        let key = Key::from_event(event);
        self.note = None;
        if key.ctrl && key.code == KeyCode::Char('c') {
            out.push(Cmd::Quit(Quit::Asked));
            return;
        }
        if let Some(dialog) = self.dialogs.last_mut() {
            let outcome = dialog.key(key);
            self.outcome(outcome, out);
            return;
        }
        if let KeyCode::Char(digit @ '0'..='9') = key.code
            && !key.ctrl
            && !key.alt
        {
            match ScreenId::from_digit(digit) {
                Some(screen) => self.go(Place::new(screen, At::Here), out),
                None => self.say(format!("no screen has the number {digit}")),
            }
            return;
        }
        match self.keymap.find(key, self.current, |act| self.works(act)) {
            Some(act) => self.act(act, out),
            None => self.say(format!("{} does nothing here; ? shows what does", key)),
        }
    }

    pub(super) fn act(&mut self, act: Act, out: &mut Vec<Cmd>) {
        self.perform(act, out);
        self.check_lesson(false, out);
    }

    fn perform(&mut self, act: Act, out: &mut Vec<Cmd>) {
        match act {
            Act::Quit => out.push(Cmd::Quit(Quit::Asked)),
            Act::Redraw => out.push(Cmd::Redraw),
            Act::Suspend => out.push(Cmd::Suspend),
            Act::Cancel => self.cancel(out),
            Act::Help | Act::Goto => self.open_dialog(act),
            Act::Palette => {
                self.open_dialog(act);
                self.look_for_names(out);
            }
            Act::JumpBack | Act::JumpForward => self.jump(act == Act::JumpForward, out),
            Act::NextTheme => {
                self.palette_found = false;
                self.look.palette = self.look.palette.next();
                self.say(format!("palette: {}", self.look.palette.name()));
            }
            Act::ToggleAscii => self.look.ascii = !self.look.ascii,
            Act::Follow => self.toggle_follow(out),
            Act::Reload => self.reload_asked(out),
            Act::CheckAll => self.launch(Owner::App, SURVEY, Box::new(CheckAll), out),
            Act::Copy => {
                if let Some((what, text)) = self.screen(self.current).copy(&self.context) {
                    self.copy(&what, text, out);
                }
            }
            Act::Export => {
                let path = PathBuf::from(format!("northstar-{}.json", self.current.name()));
                out.push(Cmd::Write { path, text: format!("{:#}\n", self.json()) });
            }
            Act::ExportPicture => {
                let name = self.current.name();
                let title = format!("northstar: the {name} screen");
                let text = render(&self.picture(), Paper::of(self.look.palette), &title);
                out.push(Cmd::Write { path: PathBuf::from(format!("northstar-{name}.svg")), text });
            }
            Act::Referrers => self.find_referrers(out),
            Act::LessonDo => self.exercise(out),
            Act::LessonNext => self.next_step(out),
            Act::LessonEnd => self.end_lesson(out),
            Act::NextScreen => self.step_screen(1, out),
            Act::PrevScreen => self.step_screen(ScreenId::ALL.len() - 1, out),
            act => {
                self.touch();
                let (screen, context) = self.screen_mut(self.current);
                let effects = screen.act(act, context);
                self.effects(self.current, effects, out);
            }
        }
    }

    pub(super) fn copy(&mut self, what: &str, text: String, out: &mut Vec<Cmd>) {
        if text.len() > COPY_BYTES_MAX {
            self.warn(format!("{what} is too long to copy through the terminal; e exports it"));
        } else {
            self.say(format!("copied {what} through the terminal (OSC 52)"));
            out.push(Cmd::Copy(text));
        }
    }
}
