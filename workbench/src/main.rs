//! `northstar`: opens the workbench, or prints what one of its screens shows.

use clap::Parser;
use color_eyre::eyre::{Result, eyre};
use northstar_workbench::app::{App, Quit};
use northstar_workbench::cli::Cli;
use northstar_workbench::config::{self, Config};
use northstar_workbench::model::progress::Progress;
use northstar_workbench::model::summary::Summary;
use northstar_workbench::place::{At, Place, parse};
use northstar_workbench::runtime::pool::Pool;
use northstar_workbench::runtime::{self, terminal};
use northstar_workbench::svg::{Paper, render};
use northstar_workbench::theme::{Look, palette_from_environment};
use northstar_workbench::{demo, plain, print};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Counts allocations when this program is a benchmark's worker; else it only passes them on.
#[global_allocator]
static ALLOCATOR: northstar_bench::alloc::Counting = northstar_bench::alloc::Counting::new();

/// A mistake is told in one line; a panic, which is ours, with everything that helps to find it.
fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Nobody is left to tell when even this cannot be written.
        drop(writeln!(io::stderr(), "northstar: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    if let Some(code) = northstar_bench::worker::run_if_asked() {
        return Ok(code);
    }
    color_eyre::config::HookBuilder::default().display_env_section(false).install()?;
    let cli = Cli::parse();
    let config = read_config(&cli)?;
    if cli.print_config {
        io::stdout().lock().write_all(config::print(&config).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.check_config {
        writeln!(io::stdout(), "the configuration is valid")?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.init_config {
        let path = cli.config.clone().or_else(config::default_path);
        let path = path.ok_or_else(|| eyre!("no home directory: name a file with --config"))?;
        config::init(&path).map_err(|error| eyre!("{}: {error}", path.display()))?;
        writeln!(io::stdout(), "wrote {}", path.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.db {
        Some(path) => look_at(&cli, config, path),
        None => {
            let demo = demo::build()?;
            look_at(&cli, config, &demo.path())
        }
    }
}

fn read_config(cli: &Cli) -> Result<Config> {
    let (path, asked) = match &cli.config {
        Some(path) => (Some(path.clone()), true),
        None => (config::default_path(), false),
    };
    let Some(path) = path else { return Ok(Config::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => config::parse(&text)
            .map_err(|mistakes| eyre!("{}: {}", path.display(), config::told(&mistakes))),
        // A file that is to be made need not be there.
        Err(error) if error.kind() == io::ErrorKind::NotFound && (!asked || cli.init_config) => {
            Ok(Config::default())
        }
        Err(error) => Err(eyre!("{}: {error}", path.display())),
    }
}

fn look_at(cli: &Cli, config: Config, path: &Path) -> Result<ExitCode> {
    // What cannot be opened at all is said before the screen is taken.
    std::fs::metadata(path).map_err(|error| eyre!("{}: {error}", path.display()))?;
    let place = match &cli.place {
        Some(text) => {
            let page_bytes = northstar_engine::limits::PAGE_BYTES as u64;
            let place = parse(text, page_bytes).map_err(|why| eyre!(why))?;
            Some(Place::new(cli.screen.unwrap_or(place.screen), place.at))
        }
        None => cli.screen.map(|screen| Place::new(screen, At::Here)),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let fgbg = std::env::var("COLORFGBG").ok();
    let palette = cli
        .theme
        .or(config.theme.filter(|_| !no_color))
        .unwrap_or_else(|| palette_from_environment(no_color, fgbg.as_deref()));
    let look = Look { palette, ascii: cli.ascii || config.ascii };
    let mut app = App::new(look, config.keymap, Summary::unread(path), place);
    let term = std::env::var("TERM").unwrap_or_default();
    let dumb = term == "dumb";
    // The Linux console answers no question; a choice that was made is not asked about.
    if cli.theme.or(config.theme).is_none() && !no_color && fgbg.is_none() && term != "linux" {
        app = app.with_found_palette();
    }
    if cli.plain {
        let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
        plain::run(app, &mut input, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.print || dumb || !io::stdout().is_terminal() {
        return print_screen(cli, app, look);
    }
    terminal::install_panic_hook();
    let mut app = app.with_progress(Progress::parse(&runtime::progress::kept()));
    if cli.db.is_none() {
        app = app.with_welcome();
    }
    let pool = Pool::default();
    match runtime::run(app, pool, !(cli.no_mouse || config.no_mouse), cli.crash)? {
        Quit::Asked => Ok(ExitCode::SUCCESS),
        Quit::Signal(signal) => Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))),
        Quit::Lost(why) => Err(eyre!("the terminal can no longer be read: {why}")),
    }
}

fn print_screen(cli: &Cli, mut app: App, look: Look) -> Result<ExitCode> {
    print::start(&mut app, cli.size);
    if let Some(keys) = &cli.keys {
        print::press(&mut app, keys, cli.size).map_err(|why| eyre!(why))?;
    }
    if let Some(file) = &cli.svg {
        let paper = Paper::of(look.palette);
        let title = format!("northstar: the {} screen", app.current().name());
        let svg = render(&print::frame(&app, cli.size), paper, &title);
        std::fs::write(file, svg).map_err(|error| eyre!("{}: {error}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = if cli.json {
        format!("{:#}\n", app.json())
    } else {
        let mut text = app.text().join("\n");
        if cli.ascii {
            text = text.chars().map(|c| if c == '\n' { c } else { look.glyph(c) }).collect();
        }
        text.push('\n');
        text
    };
    let written = io::stdout().lock().write_all(text.as_bytes());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    Ok(match app.complaint() {
        Some(why) => {
            writeln!(io::stderr(), "northstar: {why}")?;
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}
