//! `man`: the man page, made from the argument tree.

use super::shown;
use crate::{
    cli::Cli,
    exit::{Exit, Told},
    output::{Out, Printable, told},
};
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;
use color_eyre::eyre::{Result, WrapErr};
use std::path::PathBuf;

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

impl Man {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let mut root = Cli::command();
        root.build();
        if let Some(folder) = &self.out {
            clap_mangen::generate_to(root, folder)
                .wrap_err_with(|| format!("cannot write the pages into {}", shown(folder)))?;
            return Ok(Exit::Done);
        }
        let mut command = &root;
        for name in &self.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                Told::usage(format!("no such command: {}", Printable::capped(name, 100)))
            })?;
        }
        let mut page = Vec::new();
        told(Page::new(command.clone()).render(&mut page))?;
        out.bytes(&page)?;
        Ok(Exit::Done)
    }
}
