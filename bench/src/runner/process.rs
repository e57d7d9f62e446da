//! A worker process: started with a job, listened to, ended.

use super::control::{Control, LOOK_INTERVAL};
use crate::{
    error::{Error, Result},
    events::{PROTOCOL, WorkerEvent},
    result::Measured,
    worker::{ARGUMENT, Job},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::JoinHandle,
};

/// Starts `program` as a worker for `job`, passes on what it tells and returns its result.
///
/// # Errors
/// [`Error::Worker`] when it fails, dies, or is cancelled; what `watch` says.
pub fn run_worker(
    program: &Path,
    job: &Job,
    control: &Control,
    mut watch: impl FnMut(WorkerEvent) -> Result<()>,
) -> Result<Measured> {
    let worker = Worker::start(program, job)?;
    let mut greeted = false;
    let mut ended = false;
    let answer = loop {
        if control.is_cancelled() {
            break Err(Error::Worker("cancelled".into()));
        }
        match worker.lines.recv_timeout(LOOK_INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                break Err(Error::Worker("ended without an answer".into()));
            }
            Ok(line) => match serde_json::from_str(&line) {
                Ok(WorkerEvent::Hello { v: PROTOCOL }) => greeted = true,
                Ok(WorkerEvent::Hello { v }) => {
                    break Err(Error::Worker(format!("speaks version {v}, not {PROTOCOL}")));
                }
                Ok(WorkerEvent::Done { measured }) if greeted => break Ok(*measured),
                Ok(WorkerEvent::Failed { reason }) => {
                    ended = true;
                    break Err(Error::Worker(reason));
                }
                Ok(event) if greeted => watch(event)?,
                _ => break Err(Error::Worker(format!("said something strange: {line:.100}"))),
            },
        }
    };
    worker.end(answer, ended)
}

/// A worker process and the threads that read from it. Killed when dropped.
struct Worker {
    child: Child,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
}

impl Worker {
    fn start(program: &Path, job: &Job) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::io("start", program, error))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Worker("has no pipes".into()));
        };
        let text = serde_json::to_vec(job).map_err(|error| Error::Worker(error.to_string()))?;
        // A worker that is gone already shows when its answer is missing.
        drop(stdin.write_all(&text));
        drop(stdin);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            drop(stderr.take(1 << 16).read_to_string(&mut text));
            text
        });
        Ok(Self { child, lines, complaints: Some(complaints) })
    }

    /// Waits for the process and adds what it complained about to a failure.
    fn end(mut self, answer: Result<Measured>, ended: bool) -> Result<Measured> {
        if answer.is_err() && !ended {
            drop(self.child.kill());
        }
        let status = self.child.wait().map_err(|e| Error::io("wait for", "the worker", e))?;
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok());
        match answer {
            Err(Error::Worker(reason)) => {
                let complaints = complaints.unwrap_or_default();
                let complaints = complaints.trim();
                let more =
                    if complaints.is_empty() { String::new() } else { format!(": {complaints}") };
                let code =
                    if status.code() == Some(1) { String::new() } else { format!(" ({status})") };
                Err(Error::Worker(format!("{reason}{code}{more}")))
            }
            other => other,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Does nothing to a process that has been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
