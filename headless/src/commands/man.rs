//! `man`: the man page, made from the argument tree.

use super::shown;
use crate::{
    cli::Cli,
    exit::{Exit, Told},
    output::{Out, Printable, told},
};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use color_eyre::eyre::{Result, WrapErr};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Print the man page
///
/// To read it at once: northstar-headless man | man -l -
#[derive(Args, Debug)]
pub struct Man {
    /// The page of this command instead of the main page, as in: man load
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the main page and one page a command into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// What the tree does not hold. Roff: a line that starts with a dot is a request.
const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
0
done
.TP
1
the answer is no, or it failed; the message is on standard error
.TP
2
wrong usage
.TP
3
corruption was found
.TP
4
a gate failed
";

/// For the main page only.
const MORE: &str = "\
.SH ENVIRONMENT
.TP
NO_COLOR
when set to anything, no color is used, not even on a terminal
.SH FILES
A database \\fIapp.ns\\fR has its log beside it: \\fIapp.ns.log\\fR is the newest segment,
\\fIapp.ns.log.1\\fR and up are older ones. All of them belong together; `backup` makes a copy of one
consistent state while writers go on.
.SH EXAMPLES
Load a table whose first line names the columns, look something up, make sure all is well:
.PP
.nf
northstar\\-headless load app.ns people.csv \\-\\-header \\-\\-key email
northstar\\-headless get app.ns ada@example.org
northstar\\-headless check app.ns
.fi
.PP
Copy all rows into a new database, and see that the content is the same:
.PP
.nf
northstar\\-headless scan app.ns \\-\\-format jsonl | northstar\\-headless load copy.ns \\-
northstar\\-headless hash app.ns
northstar\\-headless hash copy.ns
.fi
";

impl Man {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let mut root = Cli::command();
        root.build();
        if let Some(folder) = &self.out {
            write_all(&root, folder)
                .wrap_err_with(|| format!("cannot write the pages into {}", shown(folder)))?;
            return Ok(Exit::Done);
        }
        let mut command = &root;
        for name in &self.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                Told::usage(format!("no such command: {}", Printable::capped(name, 100)))
            })?;
        }
        out.bytes(&told(page(command, self.command.is_empty()))?)?;
        Ok(Exit::Done)
    }
}

/// The page of a command.
fn page(command: &Command, is_root: bool) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let page = Page::new(command.clone())
        .source(concat!("northstar ", env!("CARGO_PKG_VERSION")))
        .manual("northstar");
    page.render_title(&mut bytes)?;
    page.render_name_section(&mut bytes)?;
    page.render_synopsis_section(&mut bytes)?;
    page.render_description_section(&mut bytes)?;
    page.render_options_section(&mut bytes)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut bytes)?;
    }
    bytes.extend_from_slice(EXIT_STATUS.as_bytes());
    if is_root {
        bytes.extend_from_slice(MORE.as_bytes());
    }
    Ok(bytes)
}

/// Writes the pages of a command and of everything below it.
fn write_all(root: &Command, folder: &Path) -> io::Result<()> {
    let mut open = vec![root];
    while let Some(command) = open.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let is_root = std::ptr::eq(command, root);
        std::fs::write(folder.join(format!("{name}.1")), page(command, is_root)?)?;
        open.extend(command.get_subcommands());
    }
    Ok(())
}
