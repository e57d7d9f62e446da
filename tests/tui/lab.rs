//! The Crash Lab: what stands on the screen is about the case that is shown, and says what is so.

use super::{Palette, ScreenId, app};
use crate::shared::demo;
use northstar_workbench::app::App;
use northstar_workbench::print;

const SIZE: (u16, u16) = (100, 40);

/// The lab with `script` run, the power cut at its end; the file looked at does not matter.
fn lab(script: &str) -> App {
    let mut app = app(&demo().path(), ScreenId::Lab, Palette::Dark, SIZE);
    press(&mut app, "c");
    print::type_text(&mut app, script, SIZE);
    press(&mut app, "enter");
    app
}

fn press(app: &mut App, keys: &str) {
    print::press(app, keys, SIZE).expect("keys");
}

fn shown(app: &App) -> String {
    print::characters(&print::frame(app, SIZE)).join("\n")
}

#[test]
fn what_chance_found_leaves_with_the_case_it_was_about() {
    let mut app = lab("put a, put b, checkpoint");
    press(&mut app, "d r");
    assert!(shown(&app).contains("a broken promise at operation"), "{}", shown(&app));
    press(&mut app, "k");
    assert!(!shown(&app).contains("a broken promise at operation"), "{}", shown(&app));
}

#[test]
fn a_disk_that_lies_is_not_praised() {
    let mut app = lab("put a, put b, checkpoint");
    press(&mut app, "r");
    assert!(shown(&app).contains("every promise kept"), "{}", shown(&app));
    press(&mut app, "d d r");
    assert!(shown(&app).contains("still has its whole log to"), "{}", shown(&app));
    assert!(!shown(&app).contains("every promise kept"), "{}", shown(&app));
}

#[test]
fn home_is_where_the_database_is_open_and_then_the_first_operation() {
    let mut app = lab("put a");
    press(&mut app, "home");
    assert!(shown(&app).contains(": open returned (txn 0)"), "{}", shown(&app));
    press(&mut app, "home");
    assert_eq!(app.json()["case"]["at"], 0);
}

#[test]
fn a_lost_write_within_a_kept_sector_is_shown_as_there() {
    let mut app = lab("put a, put b");
    press(&mut app, "d tab j space");
    assert!(shown(&app).contains("● within 21 17 commit 1"), "{}", shown(&app));
    assert!(app.text().join("\n").contains("lost, but within 21: 17 commit 1"));
}

#[test]
fn the_finder_knows_the_rules_that_the_lab_prints() {
    let mut app = lab("put a");
    for (rule, sentence) in
        [("LOG-6", "A record's trailer"), ("CRASH-15", "torn tail"), ("B1", "A sync that returned")]
    {
        press(&mut app, ":");
        print::type_text(&mut app, rule, SIZE);
        assert!(shown(&app).contains(sentence), "{rule}\n{}", shown(&app));
        press(&mut app, "esc");
    }
}

/// Three rows over the cut are in view on the smallest screen that has room for them.
#[test]
fn what_happened_last_is_above_the_cut() {
    let size = (80, 24);
    let mut app = app(&demo().path(), ScreenId::Lab, Palette::Dark, size);
    for _ in 0..20 {
        print::press(&mut app, "k", size).expect("a key");
        let lines = print::characters(&print::frame(&app, size));
        let cut = lines.iter().position(|line| line.contains("the power fails here"));
        let top = lines.iter().position(|line| line.contains("┌─ timeline"));
        let (cut, top) = (cut.expect("a cut"), top.expect("a timeline"));
        assert!(cut > top + 3, "{}", lines.join("\n"));
    }
}
