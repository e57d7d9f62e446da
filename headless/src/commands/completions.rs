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
        if self.shell == Shell::Bash {
            script = mended(script);
        }
        out.bytes(&script)?;
        Ok(Exit::Done)
    }
}

/// clap_complete 4.6 names a hyphenated program in two ways in its bash script, so that no command is
/// ever completed: this makes them one.
fn mended(script: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&script);
    text.replace("northstar__subcmd__headless", "northstar__headless").into_bytes()
}
