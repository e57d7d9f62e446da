//! The command line of `northstar`.

use crate::runtime::Crash;
use crate::screen_id::ScreenId;
use crate::theme::Palette;
use clap::Parser;
use std::path::PathBuf;

/// See inside a northstar database: bytes, pages, tree, log, recovery.
///
/// Opens any file read-only and without a lock, broken ones included. Without DB, builds a demo
/// database in a private temporary directory and removes it at exit.
#[derive(Clone, Debug, Parser)]
#[command(name = "northstar", version)]
pub struct Cli {
    /// The database, log segment or any other file to look at.
    pub db: Option<PathBuf>,
    /// Where to start: p42, 0x5a000, p42+0x18, "txn 118", key:abc.
    pub place: Option<String>,
    /// The screen to start with.
    #[arg(long, value_parser = screen, value_name = "NAME")]
    pub screen: Option<ScreenId>,
    /// Print what the screen shows and exit; implied when stdout is no terminal.
    #[arg(long)]
    pub print: bool,
    /// Print it as JSON.
    #[arg(long, requires = "print")]
    pub json: bool,
    /// Write a picture of the screen to FILE instead of text.
    #[arg(long, requires = "print", value_name = "FILE", conflicts_with = "json")]
    pub svg: Option<PathBuf>,
    /// Size of the picture in characters.
    #[arg(long, value_parser = size, value_name = "WxH", default_value = "120x36")]
    pub size: (u16, u16),
    /// Keys to press before printing, by their names, separated by spaces: "j j enter".
    #[arg(long, requires = "print", value_name = "KEYS")]
    pub keys: Option<String>,
    /// Colours: dark, light, high-contrast, mono. Found by itself otherwise; NO_COLOR means mono.
    #[arg(long, value_parser = palette, value_name = "NAME")]
    pub theme: Option<Palette>,
    /// Draw with ASCII characters only.
    #[arg(long)]
    pub ascii: bool,
    /// Read the configuration from FILE instead of ~/.config/northstar/config.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration in force, with comments, and exit.
    #[arg(long)]
    pub print_config: bool,
    /// Write the configuration with every setting and key to its place, or to FILE of --config, unless
    /// there is one.
    #[arg(long, conflicts_with = "print_config")]
    pub init_config: bool,
    /// Read the configuration, say whether it is valid or all that is wrong with it by line, and exit.
    #[arg(long, conflicts_with_all = ["print_config", "init_config"])]
    pub check_config: bool,
    /// Line by line instead of a screen: for screen readers.
    #[arg(long, conflicts_with = "print")]
    pub plain: bool,
    /// Panic after the first frame (`ui`, `worker`): shows that the terminal survives it.
    #[arg(long, hide = true, value_parser = crash, value_name = "WHERE")]
    pub crash: Option<Crash>,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub no_mouse: bool,
}

fn screen(name: &str) -> Result<ScreenId, String> {
    ScreenId::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = ScreenId::ALL.iter().map(|id| id.name()).collect();
        format!("the screens are {}", names.join(", "))
    })
}

fn palette(name: &str) -> Result<Palette, String> {
    Palette::from_name(name).ok_or_else(|| "dark, light, high-contrast or mono".to_owned())
}

fn crash(name: &str) -> Result<Crash, String> {
    match name {
        "ui" => Ok(Crash::Ui),
        "worker" => Ok(Crash::Worker),
        _ => Err("ui or worker".to_owned()),
    }
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "a size is columns x rows, like 120x36".to_owned();
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let read = |text: &str| text.parse::<u16>().ok().filter(|value| (1..=1000).contains(value));
    read(width).zip(read(height)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("120x36"), Ok((120, 36)));
        for wrong in ["", "x", "0x5", "120", "99999x5", "-1x3"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
