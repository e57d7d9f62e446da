//! Jobs as the application sees them: started, under way, done, failed; stale results are dropped.

use super::course::{EXERCISE, SCRATCH};
use super::{App, Cmd, REFERRERS, SUMMARY, SURVEY, WATCH};
use crate::job::{Data, Desk, Job, JobEvent, JobKey, Owner};
use crate::model::summary::{Fingerprint, Summary};
use northstar_engine::examine::Examination;

/// A job under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) key: JobKey,
    pub(super) generation: u64,
    pub(super) name: String,
    pub(super) progress: Option<(u64, u64, u64)>,
}

/// A job that panics: its error must become a card, and nothing else.
#[derive(Debug)]
pub(super) struct CrashWorker;

impl Job for CrashWorker {
    fn name(&self) -> String {
        "crash".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        panic!("asked to crash");
    }
}

impl App {
    pub(super) fn launch(
        &mut self,
        owner: Owner,
        slot: &'static str,
        job: Box<dyn Job>,
        out: &mut Vec<Cmd>,
    ) {
        let key = JobKey { owner, slot };
        self.running.retain(|running| running.key != key);
        self.generation += 1;
        let generation = self.generation;
        self.running.push(Running { key, generation, name: job.name(), progress: None });
        let path = self.file().to_owned();
        out.push(Cmd::Run { path, key, generation, job });
    }

    pub(super) fn cancel(&mut self, out: &mut Vec<Cmd>) {
        let current = Owner::Screen(self.current);
        let running = self.running.iter().find(|job| job.key.owner == current);
        let Some(running) = running.or(self.running.first()) else { return };
        let (key, name, generation) = (running.key, running.name.clone(), running.generation);
        self.stopping(key);
        out.push(Cmd::Stop(generation));
        self.say(format!("stopping: {name}"));
    }

    /// Tells the screen that asked for a job that it is given up.
    fn stopping(&mut self, key: JobKey) {
        if let Owner::Screen(id) = key.owner {
            self.screen_mut(id).0.stopping(key.slot);
        }
    }

    /// The program ends: nothing that was started goes on without it.
    pub(super) fn stop_all(&mut self) {
        let keys: Vec<JobKey> = self.running.iter().map(|job| job.key).collect();
        for key in keys {
            self.stopping(key);
        }
    }

    pub(super) fn job(
        &mut self,
        key: JobKey,
        generation: u64,
        event: JobEvent,
        out: &mut Vec<Cmd>,
    ) {
        let Some(at) = self.running.iter().position(|running| running.generation == generation)
        else {
            return; // A newer request has replaced it.
        };
        match event {
            JobEvent::Progress { done, total, rate } => {
                self.running[at].progress = Some((done, total, rate));
            }
            JobEvent::Part(data) => self.loaded(key, data, out),
            JobEvent::Done(data) => {
                self.running.remove(at);
                self.loaded(key, data, out);
                self.renew_finder();
            }
            JobEvent::Failed(why) => {
                self.running.remove(at);
                if let Owner::Screen(id) = key.owner {
                    self.screen_mut(id).0.failed(key.slot, &why);
                }
                if key.slot == SUMMARY {
                    self.context.summary.error = Some(why.clone());
                }
                self.warn(why);
            }
        }
    }

    pub(super) fn loaded(&mut self, key: JobKey, data: Data, out: &mut Vec<Cmd>) {
        match key.owner {
            Owner::Screen(id) => {
                let (screen, context) = self.screen_mut(id);
                let effects = screen.loaded(key.slot, data, context);
                self.effects(id, effects, out);
            }
            Owner::App => self.app_loaded(key.slot, data, out),
        }
    }

    pub(super) fn app_loaded(&mut self, slot: &'static str, data: Data, out: &mut Vec<Cmd>) {
        match slot {
            SUMMARY => {
                if let Ok(summary) = data.downcast::<Summary>() {
                    self.take_summary(*summary, out);
                }
            }
            WATCH => {
                if let Ok(fingerprint) = data.downcast::<Fingerprint>() {
                    let changed = self.fingerprint.as_ref().is_some_and(|old| *old != *fingerprint);
                    self.fingerprint = Some(*fingerprint);
                    if changed {
                        self.context.summary.seen_changing = true;
                        let job = Box::new(self.load_summary());
                        self.launch(Owner::App, SUMMARY, job, out);
                    }
                }
            }
            REFERRERS => self.take_referrers(data, out),
            SCRATCH => self.take_scratch(data, out),
            EXERCISE => self.take_exercise(data, out),
            SURVEY => {
                if let Ok(found) = data.downcast::<Examination>() {
                    self.take_check(*found, out);
                }
            }
            _ => {}
        }
    }
}
