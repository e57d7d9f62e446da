//! The argument tree. Help, shell completions and man pages all come from it.
//!
//! Each command's arguments are declared beside its code in [`crate::commands`].

use crate::{commands, exit::Exit, output::Out};
use clap::{Parser, Subcommand};
use color_eyre::eyre::Result;

/// What `--help` says below the commands.
const AFTER_HELP: &str = "\
Exit status: 0 done; 1 the answer is no, or it failed; 2 wrong usage; 3 corruption found; 4 a gate failed.
Results go to stdout; progress and messages to stderr. Control characters in data are escaped wherever text is meant for a person.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "northstar-headless", version, about, long_about = None, after_help = AFTER_HELP)]
#[command(about = "Load, read, check and repair northstar databases from scripts and shells")]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// All commands.
#[derive(Debug, Subcommand)]
enum Command {
    Load(commands::load::Load),
    Get(commands::get::Get),
    Put(commands::put::Put),
    Del(commands::del::Del),
    Scan(commands::scan::Scan),
    Check(commands::check::Check),
    Dump(commands::dump::Dump),
    Logdump(commands::logdump::Logdump),
    Replay(commands::replay::Replay),
    Hash(commands::hash::Hash),
    History(commands::history::HistoryCommand),
    Diff(commands::diff::Diff),
    Backup(commands::backup::Backup),
    Compact(commands::compact::Compact),
    Salvage(commands::salvage::Salvage),
    Cartridge(commands::cartridge::CartridgeCommand),
    Queue(commands::queue::Queue),
    Bench(commands::bench::Bench),
    Torture(commands::torture::Torture),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever stopped it; [`crate::exit::report`] turns that into a message and a status.
    pub fn run(self, out: &mut Out) -> Result<Exit> {
        match self.command {
            Command::Load(args) => args.run(out),
            Command::Get(args) => args.run(out),
            Command::Put(args) => args.run(out),
            Command::Del(args) => args.run(out),
            Command::Scan(args) => args.run(out),
            Command::Hash(args) => args.run(out),
            Command::History(args) => args.run(out),
            Command::Diff(args) => args.run(out),
            Command::Backup(args) => args.run(out),
            Command::Compact(args) => args.run(out),
            Command::Salvage(args) => args.run(out),
            Command::Check(args) => args.run(out),
            Command::Dump(args) => args.run(out),
            Command::Logdump(args) => args.run(out),
            Command::Replay(args) => args.run(out),
            Command::Cartridge(args) => args.run(out),
            Command::Queue(args) => args.run(out),
            Command::Bench(args) => args.run(out),
            Command::Torture(args) => args.run(out),
            Command::Completions(args) => args.run(out),
            Command::Man(args) => args.run(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_does() {
        fn walk(path: &str, command: &clap::Command) {
            assert!(command.get_about().is_some(), "{path} has no description");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
            }
            for sub in command.get_subcommands() {
                walk(&format!("{path} {}", sub.get_name()), sub);
            }
        }
        let mut command = Cli::command();
        command.build();
        walk("northstar-headless", &command);
    }
}
