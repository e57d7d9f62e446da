//! Update scripts: keys in, state and frames out; and frames of every size on every kind of file.

use super::*;
use crate::action::{ACTIONS, Act, Scope};
use crate::job::JobEvent;
use crate::print;
use crate::theme::Palette;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with a file of these bytes.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("file.ns");
    fs::write(&path, bytes).expect("the file is written");
    (directory, path)
}

fn app(path: &Path) -> App {
    App::new(Look::default(), Keymap::default(), Summary::unread(path), None)
}

const SIZE: (u16, u16) = (80, 24);

/// Files that are no database, each in its own way.
fn broken_files() -> Vec<(&'static str, Vec<u8>)> {
    let mut noise = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..6000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    let mut magic = noise.clone();
    magic[..4].copy_from_slice(b"NSDB");
    magic[16384..16388].copy_from_slice(b"NSDB");
    let mut log = noise.clone();
    log[..4].copy_from_slice(b"NSLG");
    vec![
        ("empty", Vec::new()),
        ("one byte", vec![7]),
        ("zeros", vec![0; 40_000]),
        ("noise", noise),
        ("noise with page magics", magic),
        ("noise with a log's magic", log),
        ("text", b"hello, this is no database\n".repeat(3000)),
    ]
}

#[test]
fn every_screen_draws_any_file_at_any_size() {
    for (name, bytes) in broken_files() {
        let (_directory, path) = file(&bytes);
        let mut app = app(&path);
        print::start(&mut app, SIZE);
        for screen in ScreenId::ALL {
            let mut out = Vec::new();
            app.go(Place::new(*screen, At::Here), &mut out);
            print::settle(&mut app, out);
            for size in [(0, 0), (1, 1), (2, 1), (39, 9), (40, 10), (80, 24), (100, 30), (300, 100)]
            {
                let frame = print::frame(&app, size);
                assert_eq!(frame.area.width, size.0, "{name}: {}", screen.name());
            }
            assert!(!app.text().is_empty(), "{name}: {} has a text form", screen.name());
            let json = app.json();
            assert_eq!(json["screen"], screen.name(), "{name}: {} has a JSON form", screen.name());
            // Every action that says it works may be used.
            // (Not those that run for seconds or start processes: they have tests of their own.)
            let long = [Act::LabRandom, Act::TimePlay, Act::BenchRun, Act::BenchObserver];
            let rows = ACTIONS.iter().filter(|row| row.scope != Scope::Global);
            for row in rows.filter(|row| !long.contains(&row.act)) {
                if app.works(row.act) {
                    let mut out = Vec::new();
                    app.act(row.act, &mut out);
                    print::settle(&mut app, out);
                    app.dialogs.clear();
                    let mut back = Vec::new();
                    app.go(Place::new(*screen, At::Here), &mut back);
                    print::settle(&mut app, back);
                }
            }
        }
    }
}

/// A click selects the row under it, or none; never another one.
#[test]
fn a_click_selects_what_is_there() {
    use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let demo = crate::demo::build().expect("a demo");
    for size in [(80, 24), (160, 50)] {
        let mut app = app(&demo.path());
        print::start(&mut app, size);
        let marked = |app: &App| {
            let lines = print::characters(&print::frame(app, size));
            lines.iter().position(|line| line.chars().take(3).any(|c| c == '▌'))
        };
        let lists = [
            ScreenId::Tree,
            ScreenId::Log,
            ScreenId::Time,
            ScreenId::Rows,
            ScreenId::Lessons,
            ScreenId::Overview,
            ScreenId::Space,
            ScreenId::Queue,
            ScreenId::Bench,
        ];
        for screen in lists {
            let mut out = Vec::new();
            app.go(Place::new(screen, At::Here), &mut out);
            print::settle(&mut app, out);
            print::frame(&app, size);
            let mut hits = 0;
            for row in (2..size.1 - 1).step_by(3) {
                let before = marked(&app);
                let kind = MouseEventKind::Down(MouseButton::Left);
                let event = MouseEvent { kind, column: 3, row, modifiers: KeyModifiers::NONE };
                let out = app.update(Msg::Mouse(event));
                print::settle(&mut app, out);
                let after = marked(&app);
                // A lesson has two rows, the mark in the first.
                let row = usize::from(row);
                let there =
                    after == Some(row) || screen == ScreenId::Lessons && after == Some(row - 1);
                assert!(there || after == before, "{} row {row}: {after:?}", screen.name());
                hits += usize::from(there);
            }
            assert!(hits > 0, "{} at {size:?}: no row could be selected", screen.name());
        }
    }
}

/// What lies over the screens, and the strip of a lesson below them, draws at any size too.
#[test]
fn overlays_and_lessons_draw_at_any_size() {
    let (_directory, path) = file(&[0; 40_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    let every_size = |app: &App| {
        for width in [0, 1, 2, 39, 40, 41, 79, 120, 300] {
            for height in [0, 1, 2, 9, 10, 11, 13, 24, 100] {
                let frame = print::frame(app, (width, height));
                assert_eq!((frame.area.width, frame.area.height), (width, height));
            }
        }
    };
    for keys in ["?", "? / m", ":", ": z z z z", "g", "o"] {
        print::press(&mut app, keys, SIZE).expect("keys");
        assert!(app.overlay_text().is_some(), "{keys} opens something");
        every_size(&app);
        app.dialogs.clear();
    }
    print::press(&mut app, "9 home enter", SIZE).expect("keys");
    assert!(app.course().is_some(), "a lesson is on");
    for screen in ScreenId::ALL {
        let mut out = Vec::new();
        app.go(Place::new(*screen, At::Here), &mut out);
        print::settle(&mut app, out);
        every_size(&app);
    }
}

#[test]
fn help_and_palette_come_from_the_table() {
    let (_directory, path) = file(&[0; 40_000]);
    let mut app = app(&path);
    print::start(&mut app, (120, 60));
    print::press(&mut app, "?", (120, 60)).expect("a key");
    let shown = print::characters(&print::frame(&app, (120, 60))).join("\n");
    for act in [Act::MapMode, Act::Goto, Act::Quit] {
        assert!(shown.contains(act.row().help), "{:?} in\n{shown}", act);
    }
    print::press(&mut app, "esc :", (120, 60)).expect("keys");
    print::type_text(&mut app, "ascii", (120, 60));
    print::press(&mut app, "enter", (120, 60)).expect("a key");
    assert!(app.look.ascii, "the palette ran the action");
    let frame = print::frame(&app, (120, 60));
    assert!(frame.content().iter().all(|cell| cell.symbol().is_ascii()));
}

#[test]
fn the_finder_knows_cartridges_that_nobody_has_looked_at() {
    let demo = crate::demo::build().expect("a demo");
    let mut app = app(&demo.path());
    print::start(&mut app, SIZE);
    print::press(&mut app, ":", SIZE).expect("a key");
    print::type_text(&mut app, "cartridge", SIZE);
    let rows = app.overlay_text().expect("the finder is open").join("\n");
    assert!(rows.contains("demo.ns.tasks.ncar"), "{rows}");
}

#[test]
fn who_has_begun_no_lesson_is_told_where_to_begin() {
    use crate::model::progress::Progress;
    let (_directory, path) = file(&[0; 40_000]);
    let footer = |kept: &str| {
        let mut app = app(&path).with_progress(Progress::parse(kept)).with_welcome();
        print::start(&mut app, SIZE);
        print::characters(&print::frame(&app, SIZE)).pop().unwrap_or_default()
    };
    assert!(footer("").contains("9 leads to the lessons"), "{}", footer(""));
    assert!(footer("anatomy done").contains("? help"), "{}", footer("anatomy done"));
}

#[test]
fn a_screen_is_exported_as_data_and_as_a_picture() {
    let (_directory, path) = file(&[0; 40_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    for (act, name, holds) in [
        (Act::Export, "northstar-map.json", "\"screen\": \"map\""),
        (Act::ExportPicture, "northstar-map.svg", "<title>northstar: the map screen</title>"),
    ] {
        let mut out = Vec::new();
        app.act(act, &mut out);
        let [Cmd::Write { path, text }] = out.as_slice() else { panic!("{name}: {out:?}") };
        assert_eq!(path, Path::new(name));
        assert!(text.contains(holds), "{name}");
    }
}

#[test]
fn jumps_lead_back_to_where_we_were() {
    let (_directory, path) = file(&[0; 100_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    print::press(&mut app, "g", SIZE).expect("a key");
    print::type_text(&mut app, "p3+0x18", SIZE);
    print::press(&mut app, "enter", SIZE).expect("a key");
    assert_eq!(app.place().to_string(), "page p3+0x18");
    print::press(&mut app, "1", SIZE).expect("a key");
    assert_eq!(app.current, ScreenId::Map);
    print::press(&mut app, "ctrl-o", SIZE).expect("a key");
    assert_eq!(app.place().to_string(), "page p3+0x18");
    print::press(&mut app, "ctrl-o ctrl-i", SIZE).expect("keys");
    assert_eq!(app.place().to_string(), "page p3+0x18");
}

#[test]
fn a_stale_result_is_dropped() {
    let (_directory, path) = file(&[0; 100_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    let key = JobKey { owner: Owner::App, slot: SUMMARY };
    let wrong = Summary { name: "stale".to_owned(), ..Summary::default() };
    let event = JobEvent::Done(Box::new(wrong));
    let out = app.update(Msg::Job { key, generation: 1, event });
    assert!(out.is_empty());
    assert_eq!(app.context.summary.name, "file.ns");
}

#[test]
fn a_panicking_job_becomes_an_error_and_the_screen_lives_on() {
    let (_directory, path) = file(&[0; 100_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    let command = app.crash_worker();
    print::settle(&mut app, vec![command]);
    let shown = print::characters(&print::frame(&app, SIZE)).join("\n");
    assert!(shown.contains("a bug in northstar: asked to crash"), "{shown}");
    print::press(&mut app, "2", SIZE).expect("a key");
    assert_eq!(app.current, ScreenId::Page);
}

#[test]
fn meaning_survives_mono() {
    let (_directory, path) = file(&[0; 100_000]);
    let look = Look { palette: Palette::Mono, ascii: true };
    let mut app = App::new(look, Keymap::default(), Summary::unread(&path), None);
    print::start(&mut app, SIZE);
    let frame = print::frame(&app, SIZE);
    use ratatui::style::Color;
    for cell in frame.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
}

#[test]
fn a_live_writer_is_followed_and_touching_pins_the_view() {
    use crate::model::deed::{Deed, Hand};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("live.ns");
    let options = northstar_engine::Options::new().background(false);
    let mut hand = Hand::new(options.open(&path).expect("a database"));
    let mut commit = |key: &str| {
        let put = Deed::Put { key: key.to_owned(), later: false };
        hand.perform(&put).expect("the engine commits");
    };
    commit("apple");
    let place = Some(Place::new(ScreenId::Log, At::Here));
    let mut app = App::new(Look::default(), Keymap::default(), Summary::unread(&path), place);
    print::start(&mut app, SIZE);
    let tick = |app: &mut App| {
        let commands = app.update(Msg::Tick);
        print::settle(app, commands);
        print::characters(&print::frame(app, SIZE)).join("\n")
    };
    tick(&mut app);
    commit("banana");
    // The log's blocks are made ready ahead, so only its time tells; that may be a moment behind.
    let mut shown = tick(&mut app);
    for _ in 0..200 {
        if shown.contains("LIVE, writer seen") {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
        commit("banana");
        shown = tick(&mut app);
    }
    assert!(shown.contains("LIVE, writer seen"), "{shown}");
    assert!(shown.contains("\"banana\""), "the newest commit is in front: {shown}");
    print::press(&mut app, "k", SIZE).expect("a key");
    let before = app.context.summary.newest_txn().expect("a state");
    commit("cherry");
    commit("date");
    shown = tick(&mut app);
    for _ in 0..200 {
        if app.context.summary.newest_txn() > Some(before) {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
        shown = tick(&mut app);
    }
    assert!(shown.contains("PINNED +2"), "{shown}");
    assert!(!shown.contains("\"date\""), "the view stays as it was: {shown}");
    print::press(&mut app, "f", SIZE).expect("a key");
    shown = tick(&mut app);
    assert!(!shown.contains("PINNED"), "{shown}");
}

/// A tree that lost most of its rows: problems, overview and space say so, and that nothing is damaged.
#[test]
fn a_tree_that_is_mostly_empty_is_told_where_one_looks_for_space() {
    use crate::model::deed::{Hand, Script};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sparse.ns");
    let options = northstar_engine::Options::new().background(false);
    let mut hand = Hand::new(options.open(&path).expect("a database"));
    let script = "fill a 5000, checkpoint";
    for deed in script.parse::<Script>().expect("a script").deeds() {
        hand.perform(deed).expect("the engine does it");
    }
    let mut write = hand.db().begin_write().expect("a writer");
    for number in (0..5000).filter(|number| number % 3 != 0) {
        write.del(format!("a{number:04}")).expect("a removal");
    }
    write.commit().expect("a commit");
    hand.db().checkpoint().expect("a checkpoint");
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    for (screen, says) in [
        (ScreenId::Problems, "lint: file: LINT-1: "),
        (ScreenId::Overview, "✓ nothing is damaged: 1 lint"),
        (ScreenId::Space, "○ LINT-1: "),
    ] {
        print::go(&mut app, Place::new(screen, At::Here));
        let text = app.text().join("\n");
        assert!(text.contains(says), "{}: {text}", screen.name());
    }
    // Where that line leads, and from there to the tree.
    assert!(app.text().join("\n").contains(" leaves, 3"), "{:?}", app.text());
    print::go(&mut app, Place::new(ScreenId::Problems, At::Here));
    print::press(&mut app, "enter", SIZE).expect("a key");
    assert_eq!(app.current, ScreenId::Tree);
}

/// A check is made at checkpoints and when it is asked for; what came since is not in its list, and that is said.
#[test]
fn commits_after_a_check_are_counted_beside_it() {
    use crate::model::deed::{Deed, Hand};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("live.ns");
    let options = northstar_engine::Options::new().background(false);
    let mut hand = Hand::new(options.open(&path).expect("a database"));
    let mut commit = |key: &str| {
        let put = Deed::Put { key: key.to_owned(), later: false };
        hand.perform(&put).expect("the engine commits");
    };
    commit("apple");
    let place = Some(Place::new(ScreenId::Problems, At::Here));
    let mut app = App::new(Look::default(), Keymap::default(), Summary::unread(&path), place);
    print::start(&mut app, SIZE);
    let shown = |app: &App| print::characters(&print::frame(app, SIZE)).join("\n");
    assert!(!shown(&app).contains("since this check"), "{}", shown(&app));
    commit("banana");
    commit("cherry");
    let mut out = Vec::new();
    app.reload(&mut out);
    print::settle(&mut app, out);
    assert!(shown(&app).contains("2 commits since this check"), "{}", shown(&app));
    assert_eq!(app.json()["commits_since_check"], 2);
    print::press(&mut app, "ctrl-k", SIZE).expect("a key");
    assert_eq!(app.json()["commits_since_check"], 0);
    assert!(!app.text().join("\n").contains("since this check"), "{:?}", app.text());
}

/// FROZEN is a promise that nothing changes here: made on the system's word, and taken back when the file does.
#[test]
fn a_file_on_a_read_only_mount_is_frozen_until_it_is_seen_to_change() {
    use crate::model::summary::Fingerprint;
    let (_directory, path) = file(&[0; 40_000]);
    let mut app = app(&path);
    print::start(&mut app, (100, 24));
    let line = |app: &App, width| {
        let lines = print::characters(&print::frame(app, (width, 24)));
        lines.into_iter().next().expect("a file line")
    };
    assert!(line(&app, 100).contains("● LIVE"), "{}", line(&app, 100));
    app.context.summary.read_only_mount = true;
    assert!(line(&app, 100).contains("○ FROZEN, read-only mount"), "{}", line(&app, 100));
    assert!(line(&app, 60).contains("○ FROZEN"), "{}", line(&app, 60));
    print::press(&mut app, "f", SIZE).expect("a key");
    assert!(app.note().is_some_and(|note| note.starts_with("frozen: ")), "{:?}", app.note());
    assert!(!line(&app, 100).contains("PINNED"), "there is nothing to pin");

    let look = |app: &mut App, fingerprint: Fingerprint| {
        let out = app.update(Msg::Tick);
        let watch = out.into_iter().find_map(|command| match command {
            Cmd::Run { key, generation, .. } if key.slot == WATCH => Some((key, generation)),
            _ => None,
        });
        let (key, generation) = watch.expect("it watches all the same");
        let event = JobEvent::Done(Box::new(fingerprint));
        drop(app.update(Msg::Job { key, generation, event }));
    };
    look(&mut app, Fingerprint::default());
    assert!(line(&app, 100).contains("FROZEN"), "nothing has changed");
    let jobs = app.update(Msg::Tick);
    print::settle(&mut app, jobs);
    assert!(line(&app, 100).contains("● LIVE, writer seen"), "{}", line(&app, 100));
}

#[test]
fn every_action_has_a_key_and_stands_in_help_and_palette() {
    let (_directory, path) = file(&[0; 100_000]);
    let mut app = app(&path);
    print::start(&mut app, SIZE);
    for row in ACTIONS {
        assert!(!app.keymap.keys(row.act).is_empty(), "{} has no key", row.id);
    }
    for screen in ScreenId::ALL {
        let mut out = Vec::new();
        app.go(Place::new(*screen, At::Here), &mut out);
        print::settle(&mut app, out);
        let help = app.help();
        app.open_dialog(Act::Palette);
        let palette = app.overlay_text().expect("the palette is open").join("\n");
        app.dialogs.clear();
        for row in ACTIONS {
            let here = matches!(row.scope, Scope::Global) || row.scope == Scope::Screen(*screen);
            let helped = help.iter().any(|(_, text)| *text == row.help);
            assert!(!here || helped, "{} in the help of {}", row.id, screen.name());
            if app.works(row.act) {
                let line = format!("{}: {}", row.name, row.help);
                assert!(palette.contains(&line), "{} in the palette of {}", row.id, screen.name());
            }
        }
    }
}

/// An action that works nowhere is no action: each of them can be run from the palette somewhere on the demo.
#[test]
fn every_action_works_somewhere() {
    let demo = crate::demo::build().expect("a demo");
    let mut app = app(&demo.path());
    print::start(&mut app, SIZE);
    let mut offered: Vec<Act> = Vec::new();
    let mut look = |app: &mut App| {
        app.open_dialog(Act::Palette);
        let palette = app.overlay_text().expect("the palette is open").join("\n");
        app.dialogs.clear();
        let rows = ACTIONS.iter().filter(|row| app.works(row.act));
        offered.extend(rows.filter(|row| palette.contains(row.help)).map(|row| row.act));
    };
    let steps: &[(ScreenId, &str)] = &[
        (ScreenId::Map, ""),
        (ScreenId::Map, "ctrl-o"),
        (ScreenId::Page, ""),
        (ScreenId::Tree, "s enter"),
        (ScreenId::Metas, ""),
        (ScreenId::Log, ""),
        (ScreenId::Time, ""),
        (ScreenId::Rows, ""),
        (ScreenId::Cartridges, ""),
        (ScreenId::Lab, "[ ["),
        (ScreenId::Lab, "tab"),
        (ScreenId::Bench, ""),
        (ScreenId::Lessons, "home j enter 3"),
    ];
    for (screen, keys) in steps {
        let mut out = Vec::new();
        app.go(Place::new(*screen, At::Here), &mut out);
        print::settle(&mut app, out);
        if !keys.is_empty() {
            print::press(&mut app, keys, SIZE).expect("keys");
        }
        look(&mut app);
    }
    // What holds a run works while one runs; the benchmark screen has that test.
    let missing = ACTIONS.iter().map(|row| row.act).filter(|act| !offered.contains(act));
    assert_eq!(missing.collect::<Vec<_>>(), [Act::BenchPause]);
}

#[test]
fn the_terminals_background_chooses_the_palette_until_a_person_does() {
    let (_directory, path) = file(&[0; 40_000]);
    let mut found = app(&path).with_found_palette();
    found.update(Msg::Background { light: true });
    assert_eq!(found.look.palette, Palette::Light);
    print::press(&mut found, "ctrl-t", SIZE).expect("a key");
    let chosen = found.look.palette;
    found.update(Msg::Background { light: false });
    assert_eq!(found.look.palette, chosen);
    let mut asked_for = app(&path);
    asked_for.update(Msg::Background { light: true });
    assert_eq!(asked_for.look.palette, Palette::Dark, "a palette that was given stays");
}
