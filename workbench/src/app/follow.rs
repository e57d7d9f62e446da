//! Following a file that somebody writes: looking for changes, reloading, pinning the view, checking.

use super::{App, Cmd, SUMMARY, SURVEY, WATCH};
use crate::job::Owner;
use crate::model::summary::{LoadSummary, Summary, Watch};
use crate::model::survey::{self, CheckAll};
use northstar_engine::examine::Examination;
use northstar_engine::inspect::Severity;
use std::sync::Arc;

/// How what is shown stands to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// It follows: what is written is shown as it comes.
    Live,
    /// It stays as it is while the file may go on, until somebody lets it follow again.
    Pinned,
    /// There is nothing to follow: the file lies on a read-only mount, and was not seen to change.
    Frozen,
}

impl App {
    /// Frozen is what the system says, and taken back when the file changes all the same (by another mount).
    pub(super) fn view(&self) -> View {
        let summary = &self.context.summary;
        match self.pinned {
            true => View::Pinned,
            false if summary.read_only_mount && !summary.seen_changing => View::Frozen,
            false => View::Live,
        }
    }

    pub(super) fn tick(&mut self, out: &mut Vec<Cmd>) {
        let slots = [SUMMARY, WATCH];
        let watching = self
            .running
            .iter()
            .any(|job| job.key.owner == Owner::App && slots.contains(&job.key.slot));
        if !watching {
            self.launch(Owner::App, WATCH, Box::new(Watch), out);
        }
    }

    /// Touching something on a file that is being written pins the view.
    pub(super) fn touch(&mut self) {
        // A lesson's file is written because the learner asked for it.
        if self.context.summary.seen_changing && !self.on_scratch() {
            self.pinned = true;
        }
    }

    pub(super) fn toggle_follow(&mut self, out: &mut Vec<Cmd>) {
        if self.view() == View::Frozen {
            self.say("frozen: the file lies on a read-only mount, there is nothing to follow");
            return;
        }
        self.pinned = !self.pinned;
        if self.pinned {
            self.say("pinned: the view stays as it is; f follows again");
        } else {
            self.reload(out);
        }
    }

    /// A reload that a person asked for reads again even what looks unchanged.
    pub(super) fn reload_asked(&mut self, out: &mut Vec<Cmd>) {
        self.context.reloads += 1;
        self.context.version += 1;
        self.reload(out);
        self.check_unasked(out);
    }

    pub(super) fn reload(&mut self, out: &mut Vec<Cmd>) {
        self.pinned = false;
        self.missed = None;
        let job = Box::new(self.load_summary());
        self.launch(Owner::App, SUMMARY, job, out);
        self.reload_screens(out);
    }

    pub(super) fn reload_screens(&mut self, out: &mut Vec<Cmd>) {
        self.stale.clone_from(&self.opened);
        self.freshen(out);
    }

    /// Loads the screen in front again when the file has changed since it was loaded.
    pub(super) fn freshen(&mut self, out: &mut Vec<Cmd>) {
        if let Some(at) = self.stale.iter().position(|id| *id == self.current) {
            self.stale.remove(at);
            let (screen, context) = self.screen_mut(self.current);
            let effects = screen.reload(context);
            self.effects(self.current, effects, out);
        }
    }

    pub(super) fn load_summary(&self) -> LoadSummary {
        let summary = &self.context.summary;
        let known = summary.log_known.map(|(lsn, txn)| (summary.uuid, lsn, txn));
        LoadSummary { known }
    }

    pub(super) fn take_summary(&mut self, mut summary: Summary, out: &mut Vec<Cmd>) {
        self.context.version += 1;
        let before = self.context.summary.newest_txn();
        let after = summary.newest_txn();
        let first = !self.context.summary.loaded;
        let old = &self.context.summary;
        summary.seen_changing = old.seen_changing;
        (summary.checked, summary.errors, summary.warnings) =
            (old.checked, old.errors, old.warnings);
        let moved = self.context.summary.differs(&summary);
        let checkpointed = self.context.summary.checkpoint != summary.checkpoint;
        if first {
            self.context.summary = summary;
            self.reload_screens(out);
            self.check_unasked(out);
        } else if self.pinned {
            let base = self.missed.unwrap_or(0);
            let by = after.zip(before).map_or(0, |(a, b)| a.get().saturating_sub(b.get()));
            self.context.summary = summary;
            self.missed = Some(base + by);
        } else {
            self.context.summary = summary;
            if moved {
                self.reload_screens(out);
            }
            // Commits reach pages at checkpoints only: between them a new check finds nothing new.
            if checkpointed {
                self.check_unasked(out);
            }
        }
    }

    /// Checks everything when the file is small enough not to ask.
    pub(super) fn check_unasked(&mut self, out: &mut Vec<Cmd>) {
        if self.context.summary.bytes <= survey::CHECK_UNASKED_BYTES_MAX {
            self.launch(Owner::App, SURVEY, Box::new(CheckAll), out);
        }
    }

    pub(super) fn take_check(&mut self, found: Examination, out: &mut Vec<Cmd>) {
        self.context.version += 1;
        let Examination { survey, newest, lints, cartridges, .. } = found;
        let summary = &mut self.context.summary;
        summary.checked = true;
        summary.errors = survey::count(&survey, Severity::Error) + survey.report.problems_unlisted;
        summary.warnings = survey::count(&survey, Severity::Warning);
        self.context.survey = Some(Arc::new(survey));
        (self.context.lints, self.context.cartridges_checked) = (lints, cartridges);
        self.context.checked_txn = newest;
        for id in self.opened.clone() {
            let (screen, context) = self.screen_mut(id);
            let effects = screen.surveyed(context);
            self.effects(id, effects, out);
        }
    }
}
