//! Messages in, commands out: the whole traffic between the application and the world around it.

use crate::job::{Job, JobEvent, JobKey};
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use std::path::PathBuf;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// The terminal has told what its background is.
    Background {
        /// Light, or dark.
        light: bool,
    },
    /// Some time has passed.
    Tick,
    /// News of a job.
    Job {
        /// Which.
        key: JobKey,
        /// Which run of it.
        generation: u64,
        /// What.
        event: JobEvent,
    },
    /// A file was written, or not.
    Written(PathBuf, Result<(), String>),
    /// A signal that ends the program.
    Signal(i32),
    /// Asked to stop from outside.
    Suspend,
    /// Going on after a stop.
    Resumed,
    /// Keys can no longer be read.
    InputLost(String),
}

/// Something to be done outside.
#[derive(Debug)]
pub enum Cmd {
    /// Run a job.
    Run {
        /// The file it is about.
        path: PathBuf,
        /// What it is for.
        key: JobKey,
        /// Its number.
        generation: u64,
        /// The work.
        job: Box<dyn Job>,
    },
    /// Stop a job.
    Stop(u64),
    /// Put text on the clipboard.
    Copy(String),
    /// Write a file of the user's.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// Keep how far somebody is in the lessons, for the next run.
    KeepProgress(String),
    /// Draw every cell.
    Redraw,
    /// Stop the program as Ctrl-Z does.
    Suspend,
    /// The program goes on.
    Resume,
    /// Leave.
    Quit(Quit),
}

/// Why the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quit {
    /// The user wants to.
    Asked,
    /// A signal.
    Signal(i32),
    /// The terminal is gone.
    Lost(String),
}
