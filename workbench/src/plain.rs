//! The workbench line by line, for screen readers and plain pipes: no alternate screen, no cursor, no colour.
//!
//! A screen is shown as its text; a line of keys (`j j enter`) or a word (`go p42`) leads on. The state
//! and the jobs are those of the screen; only what is around them differs.

use crate::app::App;
use crate::place::parse;
use crate::print;
use northstar_engine::limits::PAGE_BYTES;
use std::io::{self, BufRead, Write};

/// Lines shown at a time.
const LINES: usize = 20;
/// The size screens are laid out for: it decides how far a screenful is.
const SIZE: (u16, u16) = (100, 24);
const HELP: &str = "Keys by their names, separated by spaces, as on the screen: j, enter, ctrl-o, 1 to 9.\n\
    go PLACE: a place, as p42, 0x5a000, txn 118, key:abc or a screen's name.\n\
    type TEXT: into an open question. An empty line shows more. quit leaves.";

/// Reads commands from `input` and writes what the screens show to `out`, until one of the two ends.
///
/// # Errors
/// `input` or `out` cannot be used any more.
pub fn run(mut app: App, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    print::start(&mut app, SIZE);
    let mut shown = show(&app, 0, out)?;
    loop {
        write!(out, "northstar> ")?;
        out.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim();
        match line.split_once(' ').unwrap_or((line, "")) {
            ("quit" | "q", _) => return Ok(()),
            ("help", _) => {
                writeln!(out, "{HELP}")?;
                for (keys, what) in app.help() {
                    writeln!(out, "{keys}: {what}")?;
                }
                continue;
            }
            ("", _) => {
                shown = show(&app, shown, out)?;
                continue;
            }
            ("go", place) => match parse(place, PAGE_BYTES as u64) {
                Ok(place) => print::go(&mut app, place),
                Err(why) => {
                    writeln!(out, "{why}")?;
                    continue;
                }
            },
            ("type", text) => print::type_text(&mut app, text, SIZE),
            _ => {
                if let Err(why) = print::press(&mut app, line, SIZE) {
                    writeln!(out, "{why}; help says what there is")?;
                    continue;
                }
            }
        }
        if let Some(note) = app.note() {
            writeln!(out, "{note}")?;
        }
        shown = show(&app, 0, out)?;
    }
}

/// Writes lines from `from` on; returns where to go on.
fn show(app: &App, from: usize, out: &mut impl Write) -> io::Result<usize> {
    let lines = app.overlay_text().unwrap_or_else(|| app.text());
    if from == 0 {
        writeln!(out, "{}", app.place_text())?;
    }
    for line in lines.iter().skip(from).take(LINES) {
        writeln!(out, "{line}")?;
    }
    let next = (from + LINES).min(lines.len());
    match lines.len() - next {
        0 if from > 0 && from >= lines.len() => writeln!(out, "that is all")?,
        0 => {}
        more => writeln!(out, "{more} more lines; an empty line shows them")?,
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::Keymap;
    use crate::model::summary::Summary;
    use crate::theme::Look;

    #[test]
    fn a_session_is_lines_in_and_lines_out() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file.ns");
        std::fs::write(&path, [0; 100_000]).expect("the file is written");
        let app = App::new(Look::default(), Keymap::default(), Summary::unread(&path), None);
        let mut out = Vec::new();
        let script = "\nhelp\ngo p3\ng\ntype p2\nenter\nnokey\ngo nowhere\nquit\n";
        run(app, &mut script.as_bytes(), &mut out).expect("a session");
        let text = String::from_utf8(out).expect("text");
        let wanted = [
            "one cell = 1 page",
            "quit leaves",
            "Leave the workbench.",
            "page p3",
            "go to",
            "page p2",
            "no key is called nokey",
            "no place: nowhere",
        ];
        let mut rest = text.as_str();
        for part in wanted {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part} in order in\n{text}"));
            rest = &rest[at..];
        }
        assert!(!text.contains('\u{1b}'), "no escape sequence");
    }
}
