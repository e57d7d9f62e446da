//! The frame budget: how long a frame takes, on ten million pages and on every screen of the demo.
//!
//! `cargo bench -p northstar --bench frames` prints p50, p99 and the longest of many frames at 160x50 and
//! fails when a p99 is over the budget of 8 ms. No terminal: what is measured is the drawing itself.

use northstar_engine::format::page::PageType;
use northstar_engine::inspect::find::PageSummary;
use northstar_engine::{PageId, TxnId};
use northstar_workbench::app::{App, Cmd, Msg};
use northstar_workbench::demo;
use northstar_workbench::job::{Data, JobEvent, JobKey};
use northstar_workbench::keymap::Keymap;
use northstar_workbench::model::pages::{ScanDone, Scanned};
use northstar_workbench::model::summary::Summary;
use northstar_workbench::place::{At, Place};
use northstar_workbench::print;
use northstar_workbench::screens::ScreenId;
use northstar_workbench::theme::Look;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (160, 50);
const PAGES: u64 = 10_000_000;
const FRAMES: usize = 300;
const BUDGET: Duration = Duration::from_millis(8);

fn main() -> ExitCode {
    println!("{:<34}{:>10}{:>10}{:>10}", "frames at 160x50", "p50", "p99", "longest");
    let mut fine = true;
    let mut app = large();
    for (name, keys) in [
        ("map of 10 M pages, kind", ""),
        ("  age", "m m"),
        ("  sum", "m m"),
        ("  one cell = 4 pages", "-"),
        ("  one cell = 1 024 pages", "- - - -"),
    ] {
        keys.split_whitespace().for_each(|key| press(&mut app, key));
        fine &= measure(name, &mut app);
    }
    let demo = demo::build().expect("the demo database");
    for id in ScreenId::ALL {
        let place = Some(Place::new(*id, At::Here));
        let summary = Summary::unread(&demo.path());
        let mut app = App::new(Look::default(), Keymap::default(), summary, place);
        print::start(&mut app, SIZE);
        fine &= measure(&format!("demo, {}", id.name()), &mut app);
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn press(app: &mut App, key: &str) {
    print::press(app, key, SIZE).expect("a key");
}

/// Draws frames with the cursor moving between them; whether the budget holds.
fn measure(name: &str, app: &mut App) -> bool {
    let mut times: Vec<Duration> = Vec::with_capacity(FRAMES);
    for number in 0..FRAMES {
        if number % 50 == 49 {
            press(app, "pagedown");
        }
        let start = Instant::now();
        print::frame(app, SIZE);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let (p50, p99, max) = (times[FRAMES / 2], times[FRAMES * 99 / 100], times[FRAMES - 1]);
    let fine = p99 < BUDGET;
    let mark = if fine { "" } else { "  over the budget" };
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    println!("{name:<34}{:>10}{:>10}{:>10}{mark}", ms(p50), ms(p99), ms(max));
    fine
}

/// The application on a file of ten million pages, told by hand instead of read.
fn large() -> App {
    let path = Path::new("large.ns");
    let place = Some(Place::new(ScreenId::Map, At::Here));
    let mut app = App::new(Look::default(), Keymap::default(), Summary::unread(path), place);
    let mut commands = app.start();
    let mut known = false;
    while let Some(command) = commands.pop() {
        let Cmd::Run { key, generation, .. } = command else { continue };
        let tell = |data: Data| Msg::Job { key, generation, event: JobEvent::Part(data) };
        let done = |data: Data| Msg::Job { key, generation, event: JobEvent::Done(data) };
        let JobKey { slot, .. } = key;
        match slot {
            "summary" => {
                let mut summary = Summary::unread(path);
                (summary.loaded, summary.pages, summary.bytes) = (true, PAGES, PAGES * 16384);
                known = true;
                commands.extend(app.update(done(Box::new(summary))));
            }
            // Asked for at the start and again once the size is known: only the newest is listened to.
            "scan" if known => {
                for first in (0..PAGES).step_by(100_000) {
                    let pages = (first..first + 100_000).map(page).collect();
                    app.update(tell(Box::new(Scanned { first, pages })));
                }
                app.update(done(Box::new(ScanDone)));
            }
            _ => {}
        }
    }
    app
}

/// A page of a file that is in use.
fn page(id: u64) -> PageSummary {
    let page_type = match id {
        0 | 1 => PageType::Meta,
        id if id % 97 == 0 => PageType::Internal,
        id if id % 13 == 0 => PageType::Overflow,
        _ => PageType::Leaf,
    };
    PageSummary {
        id: PageId::new(id),
        page_type: Some(page_type),
        state: None,
        birth: Some(TxnId::new(id.wrapping_mul(2_654_435_761) % 1_000_000)),
        level: u8::from(page_type == PageType::Internal),
        fill_permille: (id % 1000) as u16,
        zero: id.is_multiple_of(31) && id > 1,
        checksum: Some(true),
    }
}
