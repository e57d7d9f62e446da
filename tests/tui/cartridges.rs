//! Cartridges in the workbench: asked, built again, and used for the space view.

use super::damage::copy_of;
use super::{app, demo};
use northstar_workbench::app::{App, Cmd, Msg};
use northstar_workbench::job::{JobEvent, perform};
use northstar_workbench::print;
use northstar_workbench::screens::ScreenId;
use northstar_workbench::theme::Palette;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const SIZE: (u16, u16) = (120, 40);
const PREFIXES: &str = "demo.ns.prefixes.ncar";

fn cartridges(path: &Path) -> App {
    app(path, ScreenId::Cartridges, Palette::Dark, SIZE)
}

fn press(app: &mut App, keys: &str) {
    print::press(app, keys, SIZE).expect("keys");
}

/// Presses the key of a question and answers it.
fn answer(app: &mut App, key: &str, text: &str) {
    press(app, key);
    print::type_text(app, text, SIZE);
    press(app, "enter");
}

/// The cartridge of that name in what the screen shows as JSON.
fn told(app: &App, name: &str) -> Value {
    let json = app.json();
    let found = json["cartridges"].as_array().expect("a list");
    found.iter().find(|view| view["name"] == name).expect("the cartridge is listed").clone()
}

/// A database with every file beside it, by name.
fn files(database: &Path) -> BTreeMap<String, Vec<u8>> {
    let listing = std::fs::read_dir(database.parent().expect("a parent")).expect("a listing");
    let entries = listing.map(|entry| entry.expect("an entry"));
    let contents = entries.map(|entry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, std::fs::read(entry.path()).expect("the file is read"))
    });
    contents.collect()
}

#[test]
fn a_cartridge_answers_the_question_that_is_put_to_it() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let mut app = cartridges(&path);
    let outermost = &told(&app, PREFIXES)["answer"];
    for prefix in outermost["prefixes"].as_array().expect("a list") {
        assert!(prefix["depth"].as_u64() <= Some(1), "{prefix}");
    }
    answer(&mut app, "/", "alias/00001");
    assert_eq!(app.json()["question"], "alias/00001");
    let answered = &told(&app, PREFIXES)["answer"];
    let prefixes = answered["prefixes"].as_array().expect("a list");
    assert_eq!(answered["total"], prefixes.len());
    assert!(prefixes.len() > 10, "{answered}");
    for prefix in prefixes {
        assert!(prefix["prefix"].as_str().expect("text").starts_with("alias/00001"), "{prefix}");
    }
    let text = app.text().join("\n");
    assert!(text.contains("rows and bytes by key prefix under \"alias/00001\""), "{text}");
    assert!(text.contains("alias/000019/              2 rows"), "{text}");

    // A task type, to the other cartridge.
    let types = told(&cartridges(&path), "demo.ns.tasks.ncar")["answer"]["types"].clone();
    let task_type = types[0]["type"].as_str().expect("a type").to_owned();
    press(&mut app, "/ ctrl-u");
    print::type_text(&mut app, &task_type, SIZE);
    press(&mut app, "enter");
    let tasks = &told(&app, "demo.ns.tasks.ncar")["answer"];
    assert_eq!((&tasks["of"], &tasks["total"]), (&"tasks".into(), &types[0]["pending"]));
}

#[test]
fn a_cartridge_is_built_again_when_somebody_said_yes() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let before = files(&path);
    let mut app = cartridges(&path);
    assert_ne!(told(&app, PREFIXES)["staleness"]["reasons"], Value::Array(Vec::new()));
    for no in ["no", "", "yess"] {
        answer(&mut app, "b", no);
        assert!(files(&path) == before, "{no:?} is no yes");
    }
    answer(&mut app, "b", "yes");
    let text = app.text().join("\n");
    assert!(text.contains(&format!("✓ built {PREFIXES} for txn 58: ")), "{text}");
    assert_eq!(told(&app, PREFIXES)["staleness"]["reasons"], Value::Array(Vec::new()));
    let after = files(&path);
    assert!(before.keys().eq(after.keys()), "{:?}", after.keys());
    let changed: Vec<_> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, [PREFIXES], "nothing but the cartridge is written");
}

#[test]
fn a_rebuild_that_fails_changes_nothing_and_can_be_tried_again() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let before = files(&path);
    let mut app = cartridges(&path);
    // The database goes away between the look and the yes.
    let away = path.with_file_name("away.ns");
    std::fs::rename(&path, &away).expect("the database is moved");
    answer(&mut app, "b", "yes");
    let why = app.complaint().expect("it is told").to_owned();
    assert!(why.starts_with("cannot read demo.ns: "), "{why}");
    assert!(!app.text().join("\n").contains("✓ built"));
    std::fs::rename(&away, &path).expect("the database is back");
    assert!(files(&path) == before, "nothing was written");
    answer(&mut app, "b", "yes");
    assert!(app.text().join("\n").contains(&format!("✓ built {PREFIXES}")));
}

#[test]
fn a_rebuild_that_is_stopped_changes_nothing_and_can_be_tried_again() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let before = files(&path);
    let mut app = cartridges(&path);
    press(&mut app, "b");
    print::type_text(&mut app, "yes", SIZE);
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::empty());
    let build = app.update(Msg::Key(enter)).into_iter().find_map(|command| match command {
        Cmd::Run { path, key, generation, job } if job.name().starts_with("build ") => {
            Some((path, key, generation, job))
        }
        _ => None,
    });
    let (file, key, generation, job) = build.expect("a build begins");
    press(&mut app, "esc");
    assert_eq!(app.note(), Some(format!("stopping: build {PREFIXES} again").as_str()));
    // It hears of that in the middle of its work, after its first news.
    let stop = AtomicBool::new(false);
    let event = perform(job, &file, &stop, &mut |event| {
        stop.store(matches!(event, JobEvent::Progress { .. }), Ordering::Relaxed);
    });
    app.update(Msg::Job { key, generation, event });
    assert_eq!(app.complaint(), Some(format!("stopped: {PREFIXES} is as it was").as_str()));
    assert!(files(&path) == before, "nothing was written, and nothing is left");
    answer(&mut app, "b", "yes");
    assert!(app.text().join("\n").contains(&format!("✓ built {PREFIXES}")));
}

/// One list for the screen and for `northstar-headless check`: cartridges too, and what is only worth knowing.
#[test]
fn what_is_wrong_with_a_cartridge_stands_among_the_problems() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let problems = || app(&path, ScreenId::Problems, Palette::Dark, SIZE);
    let rules = |list: &Value| -> Vec<String> {
        let entries = list.as_array().expect("a list").iter();
        entries.map(|entry| entry["rule"].as_str().expect("a rule").to_owned()).collect()
    };
    let mut stale = problems();
    let json = stale.json();
    assert_eq!(rules(&json["lints"]), ["LINT-2"]);
    assert!(json["lints"][0]["file"].as_str().expect("a file").ends_with(PREFIXES), "{json}");
    assert!(json["rules"]["LINT-2"].as_str().expect("its meaning").contains("newest state"));
    let text = stale.text().join("\n");
    assert!(text.contains("lint: file: LINT-2: stale: answers for transaction "), "{text}");
    // No damage: the file line and the overview say so.
    let shown = print::characters(&print::frame(&stale, SIZE)).join("\n");
    assert!(shown.contains("✓ sound") && shown.contains("1 finding, 1 lint"), "{shown}");
    press(&mut stale, "end enter");
    assert_eq!(stale.current(), ScreenId::Cartridges);
    // Built again there, it is gone from the list.
    answer(&mut stale, "b", "yes");
    press(&mut stale, "0");
    assert_eq!(rules(&stale.json()["lints"]), [""; 0]);

    let file = path.with_file_name(PREFIXES);
    let mut bytes = std::fs::read(&file).expect("the cartridge is read");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&file, bytes).expect("the cartridge is written");
    let mut damaged = problems();
    let json = damaged.json();
    assert_eq!(rules(&json["report"]["problems"]), ["CART-8", "LOG-5"]);
    assert_eq!(rules(&json["lints"]), [""; 0], "what is damaged is not judged");
    let shown = print::characters(&print::frame(&damaged, SIZE)).join("\n");
    assert!(shown.contains("✗ 1 error"), "{shown}");
    press(&mut damaged, "home enter");
    assert_eq!(damaged.current(), ScreenId::Cartridges);
}

#[test]
fn the_space_view_asks_a_cartridge_that_is_fresh() {
    let demo = demo();
    let (_directory, path) = copy_of(&demo.path());
    let space = || app(&path, ScreenId::Space, Palette::Dark, SIZE);
    let evidence = |app: &App| app.json()["evidence"].clone();
    let why = |app: &App| evidence(app)["why"].as_str().expect("a reason").to_owned();
    let stale = space();
    assert_eq!((&evidence(&stale)["from"], &evidence(&stale)["txn"]), (&"tree".into(), &53.into()));
    assert!(why(&stale).starts_with(&format!("{PREFIXES} is stale: ")), "{}", why(&stale));

    answer(&mut cartridges(&path), "b", "yes");
    let fresh = space();
    let expected = serde_json::json!({
        "from": "cartridge", "name": PREFIXES, "txn": 58,
        "delimiters": r"/ : . \x00", "delimiters_of_rows": "/ : |",
    });
    assert_eq!(evidence(&fresh), expected);
    let text = fresh.text().join("\n");
    assert!(text.contains(&format!("from the cartridge {PREFIXES}, for txn 58")), "{text}");
    assert!(text.contains(r"its groups end at / : . \x00"), "{text}");
    assert!(text.contains("without it: at / : |, else after 4 bytes"), "{text}");
    // The commits that only the log holds touch other groups.
    for group in ["list/", "block/"] {
        let (counted, walked) = (fresh.json(), stale.json());
        assert_eq!(counted["prefixes"][group], walked["prefixes"][group], "{group}");
    }

    let file = path.with_file_name(PREFIXES);
    let mut bytes = std::fs::read(&file).expect("the cartridge is read");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&file, bytes).expect("the cartridge is written");
    assert_eq!(evidence(&space())["from"], "tree", "a damaged one is not asked");
    std::fs::remove_file(&file).expect("the cartridge is removed");
    assert_eq!(why(&space()), "no prefix_counts cartridge lies beside it");
}
