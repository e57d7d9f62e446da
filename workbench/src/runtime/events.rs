//! Threads that wait for the outside: keys and signals.

use super::background::{Heard, Listener};
use crate::app::Msg;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::io;
use std::sync::mpsc::Sender;

/// Reads the terminal until the program ends; `listener` picks out what the terminal answers.
///
/// # Errors
/// The thread cannot be started.
pub fn watch_input(sender: Sender<Msg>, mut listener: Option<Listener>) -> io::Result<()> {
    std::thread::Builder::new().name("northstar-input".into()).spawn(move || {
        loop {
            let message = match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Release => continue,
                Ok(Event::Key(key)) => {
                    match listener.as_mut().map(|listener| listener.hear(&key)) {
                        None | Some(Heard::Key) => Msg::Key(key),
                        Some(Heard::Part) => continue,
                        Some(Heard::Light(light)) => Msg::Background { light },
                    }
                }
                Ok(Event::Mouse(mouse)) => Msg::Mouse(mouse),
                Ok(Event::Paste(text)) => Msg::Paste(text),
                Ok(Event::Resize(width, height)) => Msg::Resize(width, height),
                Ok(Event::FocusGained | Event::FocusLost) => continue,
                Err(error) => Msg::InputLost(error.to_string()),
            };
            let last = matches!(message, Msg::InputLost(_));
            if sender.send(message).is_err() || last {
                return;
            }
        }
    })?;
    Ok(())
}

/// Turns signals into messages.
///
/// # Errors
/// The handlers or the thread cannot be set up.
#[cfg(unix)]
pub fn watch_signals(sender: Sender<Msg>) -> io::Result<()> {
    use crate::runtime::terminal;
    use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT])?;
    std::thread::Builder::new().name("northstar-signals".into()).spawn(move || {
        for signal in signals.forever() {
            let message = match signal {
                SIGTSTP => Msg::Suspend,
                SIGCONT => Msg::Resumed,
                signal => Msg::Signal(signal),
            };
            let last = matches!(message, Msg::Signal(_));
            if sender.send(message).is_err() {
                return;
            }
            if last {
                // The loop leaves at once; should it hang, the terminal is given back all the same.
                std::thread::sleep(std::time::Duration::from_secs(2));
                terminal::restore();
                signal_hook::low_level::exit(128 + signal);
            }
        }
    })?;
    Ok(())
}

/// Turns signals into messages.
///
/// # Errors
/// Never here: this system has none of these signals.
#[cfg(not(unix))]
pub fn watch_signals(_sender: Sender<Msg>) -> io::Result<()> {
    Ok(())
}
