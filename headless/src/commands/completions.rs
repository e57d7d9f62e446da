//! `completions`: what a shell needs to complete our arguments.

use crate::{cli::Cli, exit::Exit, output::Out};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use color_eyre::eyre::Result;

/// Print the completions for a shell
///
/// For bash: northstar-headless completions bash > ~/.local/share/bash-completion/completions/northstar-headless
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "northstar-headless", &mut script);
        out.bytes(&script)?;
        Ok(Exit::Done)
    }
}
