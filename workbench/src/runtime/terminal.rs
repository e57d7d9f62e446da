//! The terminal: taken once, given back on every way out.
//!
//! [`restore`] is idempotent and undoes exactly what [`Terminal::enter`] did: raw mode, alternate
//! screen, mouse, bracketed paste, hidden cursor. It runs on quit and error (`Drop`), on a panic of
//! the UI thread (the hook, before the report is printed), on signals, and around a suspend.
//!
//! Frames are made in a buffer and only the cells that changed are written, as one synchronised
//! update.

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::{
    cursor, event, execute, queue, style,
    terminal::{self, ClearType},
};
use ratatui::layout::Rect;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse was taken with it.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal in our hands; `Drop` gives it back.
#[derive(Debug)]
pub struct Terminal {
    backend: CrosstermBackend<io::Stdout>,
    shown: Buffer,
    clear: bool,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none, or cannot be switched.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        // With NO_COLOR set, crossterm 0.29 writes an empty colour sequence that also cancels reverse
        // video. The mono palette has no colours, so nothing is lost by letting sequences through.
        style::force_color_output(true);
        MOUSE.store(mouse, Ordering::SeqCst);
        take()?;
        let backend = CrosstermBackend::new(io::stdout());
        Ok(Self { backend, shown: Buffer::empty(Rect::ZERO), clear: true })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        terminal::size().unwrap_or((80, 24))
    }

    /// Draws a frame: `draw` fills an empty buffer of the terminal's size.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        let (width, height) = self.size();
        let area = Rect::new(0, 0, width, height);
        let mut next = Buffer::empty(area);
        draw(&mut next);
        queue!(io::stdout(), terminal::BeginSynchronizedUpdate)?;
        if self.clear || self.shown.area != area {
            self.clear = false;
            self.shown = Buffer::empty(area);
            queue!(io::stdout(), style::ResetColor, terminal::Clear(ClearType::All))?;
        }
        self.backend.draw(self.shown.diff(&next).into_iter())?;
        queue!(io::stdout(), terminal::EndSynchronizedUpdate)?;
        io::stdout().flush()?;
        self.shown = next;
        Ok(())
    }

    /// Draws every cell of the next frame.
    pub fn redraw(&mut self) {
        self.clear = true;
    }

    /// Sends bytes as they are (the clipboard sequence).
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().write_all(bytes)?;
        io::stdout().flush()
    }

    /// Gives the terminal back, stops the program, and takes it again on resume.
    ///
    /// # Errors
    /// The terminal cannot be switched.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        #[cfg(unix)]
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.resumed()
    }

    /// The program was stopped and goes on: the shell has had the terminal in between.
    ///
    /// # Errors
    /// The terminal cannot be switched.
    pub fn resumed(&mut self) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            take()?;
        }
        self.clear = true;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(
        io::stdout(),
        terminal::EnterAlternateScreen,
        event::EnableBracketedPaste,
        cursor::Hide
    )?;
    if MOUSE.load(Ordering::SeqCst) {
        execute!(io::stdout(), event::EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back, once; does nothing when it is not taken. Errors are ignored: on the way
/// out (a closed window) there is nobody to tell.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if MOUSE.load(Ordering::SeqCst) {
        drop(execute!(io::stdout(), event::DisableMouseCapture));
    }
    drop(execute!(
        io::stdout(),
        style::ResetColor,
        event::DisableBracketedPaste,
        terminal::LeaveAlternateScreen,
        cursor::Show
    ));
    drop(terminal::disable_raw_mode());
}

/// Makes panics leave a usable terminal: the UI thread's restore it before they are reported, a
/// worker's say nothing here (the screen shows an error card).
pub fn install_panic_hook() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with(super::pool::WORKER_NAME)) {
            return;
        }
        restore();
        report(info);
    }));
}
