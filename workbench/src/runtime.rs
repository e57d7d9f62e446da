//! The impure shell: terminal, input, signals, worker threads, and the loop around [`crate::app`].

pub mod background;
pub mod events;
pub mod pool;
pub mod progress;
pub mod terminal;

use crate::app::{App, Cmd, Msg, Quit};
use crate::clipboard;
use pool::Pool;
use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use terminal::Terminal;

/// A crash that was asked for: tests of the ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The thread that draws panics after the first frame.
    Ui,
    /// A job panics.
    Worker,
}

/// How often the loop wakes by itself: to look whether the file has changed.
const TICK: Duration = Duration::from_millis(500);

/// Runs the workbench until it is left.
///
/// # Errors
/// The terminal cannot be read or written.
pub fn run(mut app: App, mut pool: Pool, mouse: bool, crash: Option<Crash>) -> io::Result<Quit> {
    let (sender, receiver) = mpsc::channel();
    pool.start(&sender);
    events::watch_signals(sender.clone())?;
    let mut terminal = Terminal::enter(mouse)?;
    let (width, height) = terminal.size();
    let mut commands = app.start();
    commands.extend(app.update(Msg::Resize(width, height)));
    terminal.draw(|buffer| app.draw(buffer))?;
    let listener = app.finds_palette().then(background::Listener::default);
    if listener.is_some() {
        terminal.write(background::QUESTION)?;
    }
    events::watch_input(sender, listener)?;
    match crash {
        Some(Crash::Ui) => panic!("asked to crash"),
        Some(Crash::Worker) => commands.push(app.crash_worker()),
        None => {}
    }
    let mut next_tick = Instant::now() + TICK;
    loop {
        for command in std::mem::take(&mut commands) {
            match command {
                Cmd::Run { path, key, generation, job } => pool.run(path, key, generation, job),
                Cmd::Stop(generation) => pool.stop(generation),
                Cmd::Copy(text) => terminal.write(&clipboard::osc52(&text))?,
                Cmd::Write { path, text } => {
                    // The user's own file in the current directory, never a database.
                    let result = std::fs::write(&path, text).map_err(|error| error.to_string());
                    let whole = std::path::absolute(&path).unwrap_or(path);
                    commands.extend(app.update(Msg::Written(whole, result)));
                }
                Cmd::KeepProgress(text) => progress::keep(&text),
                Cmd::Redraw => terminal.redraw(),
                Cmd::Suspend => terminal.suspend()?,
                Cmd::Resume => terminal.resumed()?,
                Cmd::Quit(quit) => return Ok(quit),
            }
        }
        terminal.draw(|buffer| app.draw(buffer))?;
        // One message at least, then what else is there: a burst of events makes one frame.
        let first = receiver.recv_timeout(next_tick.saturating_duration_since(Instant::now()));
        let mut message = match first {
            Ok(message) => message,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                next_tick = Instant::now() + TICK;
                Msg::Tick
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the input thread has ended"));
            }
        };
        let burst_end = Instant::now() + Duration::from_millis(8);
        loop {
            commands.extend(app.update(message));
            match receiver.try_recv() {
                Ok(next) if Instant::now() < burst_end => message = next,
                Ok(next) => {
                    commands.extend(app.update(next));
                    break;
                }
                Err(_) => break,
            }
        }
    }
}
