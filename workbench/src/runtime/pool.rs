//! The worker threads that do jobs.
//!
//! A queue and a few threads. The latest request of a slot wins: what waits for the same slot is
//! dropped, what runs for it is told to stop.

use crate::app::Msg;
use crate::job::{Job, JobKey, perform};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// Worker threads: one for what the screen waits for, one for a long scan beside it, one to spare.
const WORKERS: usize = 3;
/// Longest that leaving the program waits for jobs that clean up after themselves.
const PATIENCE: Duration = Duration::from_secs(1);
/// Names of worker threads start with this; the panic hook looks for it.
pub const WORKER_NAME: &str = "northstar-job";

struct Task {
    path: PathBuf,
    key: JobKey,
    generation: u64,
    job: Box<dyn Job>,
    stop: Arc<AtomicBool>,
}

struct Running {
    key: JobKey,
    generation: u64,
    stop: Arc<AtomicBool>,
    cleans_up: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    running: Vec<Running>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker threads.
#[derive(Default)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts the threads; news goes to `sender`.
    pub fn start(&mut self, sender: &mpsc::Sender<Msg>) {
        for number in 0..WORKERS {
            let shared = Arc::clone(&self.shared);
            let sender = sender.clone();
            let spawned = std::thread::Builder::new()
                .name(format!("{WORKER_NAME}-{number}"))
                .spawn(move || work(&shared, &sender));
            drop(spawned); // Threads end with the pool; one that did not start leaves the others.
        }
    }

    /// Queues a job about the file at `path`; older ones with the same key are given up.
    pub fn run(&self, path: PathBuf, key: JobKey, generation: u64, job: Box<dyn Job>) {
        let mut state = self.shared.lock();
        state.waiting.retain(|task| task.key != key);
        for running in state.running.iter().filter(|running| running.key == key) {
            running.stop.store(true, Ordering::Relaxed);
        }
        state.waiting.push_back(Task { path, key, generation, job, stop: Arc::default() });
        drop(state);
        self.shared.work.notify_one();
    }

    /// Tells a job to stop. One that waits says so when its turn comes: whoever asked for it hears of its
    /// end in any case.
    pub fn stop(&self, generation: u64) {
        let state = self.shared.lock();
        for waiting in state.waiting.iter().filter(|task| task.generation == generation) {
            waiting.stop.store(true, Ordering::Relaxed);
        }
        for running in state.running.iter().filter(|running| running.generation == generation) {
            running.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        state.waiting.clear();
        for running in &state.running {
            running.stop.store(true, Ordering::Relaxed);
        }
        self.shared.work.notify_all();
        // What would leave a process or a folder behind may come to its end; a scan just ends with us.
        let cleaning = |state: &mut State| state.running.iter().any(|running| running.cleans_up);
        drop(self.shared.done.wait_timeout_while(state, PATIENCE, cleaning));
    }
}

fn work(shared: &Shared, sender: &mpsc::Sender<Msg>) {
    loop {
        let mut state = shared.lock();
        let task = loop {
            if state.ended {
                return;
            }
            if let Some(task) = state.waiting.pop_front() {
                break task;
            }
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let Task { path, key, generation, job, stop } = task;
        let cleans_up = job.cleans_up();
        state.running.push(Running { key, generation, stop: Arc::clone(&stop), cleans_up });
        drop(state);
        let mut send = |event| {
            // The receiver is gone only when the program ends.
            drop(sender.send(Msg::Job { key, generation, event }));
        };
        let end = perform(job, &path, &stop, &mut send);
        send(end);
        shared.lock().running.retain(|running| running.generation != generation);
        shared.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Data, Desk, JobEvent, Owner};

    #[derive(Debug)]
    struct Never;

    impl Job for Never {
        fn name(&self) -> String {
            "never".to_owned()
        }

        fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
            panic!("it was told to stop");
        }
    }

    #[test]
    fn a_job_that_is_stopped_while_it_waits_tells_of_its_end() {
        let (sender, news) = mpsc::channel();
        let mut pool = Pool::default();
        let key = JobKey { owner: Owner::App, slot: "never" };
        pool.run(PathBuf::new(), key, 7, Box::new(Never));
        pool.stop(7);
        pool.start(&sender);
        let Msg::Job { generation, event, .. } = news.recv().expect("news of the job") else {
            panic!("something else");
        };
        let JobEvent::Failed(why) = event else { panic!("it ran") };
        assert_eq!((generation, why.as_str()), (7, "never: stopped before it began"));
    }
}
