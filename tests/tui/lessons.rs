//! Every lesson, driven to its end by the keys it shows the learner.
//!
//! The keys are those of the table the lessons are made of, so a lesson that asks for something that
//! does not work, or goes on before anything was done, cannot pass. Scratch databases and their
//! engines are the real ones.

mod shared;

use northstar_workbench::app::{App, Strike};
use northstar_workbench::keymap::Keymap;
use northstar_workbench::model::lessons::{Course, LESSONS};
use northstar_workbench::model::progress::Reached;
use northstar_workbench::model::summary::Summary;
use northstar_workbench::place::{At, Place};
use northstar_workbench::print;
use northstar_workbench::screen_id::ScreenId;
use northstar_workbench::theme::Look;
use shared::demo;
use std::path::Path;

const SIZE: (u16, u16) = (80, 24);
/// How often a key is pressed that is to be pressed again and again.
const PATIENCE: usize = 600;

fn app(path: &Path) -> App {
    let place = Some(Place::new(ScreenId::Lessons, At::Here));
    let mut app = App::new(Look::default(), Keymap::default(), Summary::unread(path), place);
    print::start(&mut app, SIZE);
    app
}

fn shown(app: &App) -> String {
    print::characters(&print::frame(app, SIZE)).join("\n")
}

/// Does what the current step asks; the step is over afterwards, and not before the last key.
fn take_step(app: &mut App, course: Course) {
    let step = course.current().expect("a step");
    let strikes = app.strikes(step.press);
    assert!(!strikes.is_empty(), "nothing to press: {}", step.text);
    for strike in strikes {
        assert_eq!(app.course(), Some(course), "over too early: {}", step.text);
        match strike {
            Strike::Key(key) => print::press_key(app, key, SIZE),
            Strike::Text(text) => print::type_text(app, text, SIZE),
            Strike::Again(key) => {
                for _ in 0..PATIENCE {
                    if app.course() != Some(course) {
                        break;
                    }
                    print::press_key(app, key, SIZE);
                }
            }
        }
    }
    assert_ne!(app.course(), Some(course), "not done: {}\n{}", step.text, shown(app));
    // Operations are named by number: they are those that the lab counts.
    if let Some((_, rest)) = step.text.split_once("to operation ") {
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let at = app.json()["case"]["at"].to_string();
        assert_eq!(at, number, "{}\n{}", step.text, shown(app));
    }
}

fn take(lesson: usize) {
    let demo = demo();
    let path = demo.path();
    let mut app = app(&path);
    let title = LESSONS[lesson].title;
    print::press(&mut app, &format!("home {} enter", "j ".repeat(lesson)), SIZE).expect("keys");
    for step in 0..LESSONS[lesson].steps.len() {
        let course = Course { lesson, step };
        assert_eq!(app.course(), Some(course), "{title}\n{}", shown(&app));
        // What to press is on the screen, whatever else is.
        assert!(shown(&app).contains("▶ press"), "{title}, step {step}:\n{}", shown(&app));
        take_step(&mut app, course);
    }
    assert_eq!(app.course(), None, "{title}: the lesson has an end");
    assert_eq!(app.file(), path, "{title}: back at the file that was looked at");
    assert!(shown(&app).contains("lesson done"), "{title}\n{}", shown(&app));
}

/// The first lesson says which meta is the newer one: what it follows from there is the tree of today.
#[test]
fn the_first_lesson_follows_the_meta_that_counts() {
    let demo = demo();
    let mut app = app(&demo.path());
    print::press(&mut app, "home enter", SIZE).expect("keys");
    for step in 0..3 {
        take_step(&mut app, Course { lesson: 0, step });
    }
    let followed = app.place_text();
    take_step(&mut app, Course { lesson: 0, step: 3 });
    assert_eq!(followed.replace("page", "tree"), app.place_text());
}

/// A test for each lesson, and one that there is a test for each.
macro_rules! lessons {
    ($( $number:literal $name:ident; )*) => {
        $( #[test] fn $name() { take($number); } )*

        #[test]
        fn no_lesson_is_left_out() {
            assert_eq!([$( $number ),*].len(), LESSONS.len());
        }
    };
}

lessons! {
    0 what_is_in_a_file;
    1 what_one_put_writes;
    2 the_life_of_a_commit;
    3 why_the_log_goes_first;
    4 an_old_reader_keeps_pages;
    5 old_states_can_be_opened;
    6 split_and_merge;
    7 a_cartridge_goes_stale;
    8 reading_a_latency_histogram;
}

#[test]
fn a_lesson_that_is_put_away_leaves_no_trace() {
    let demo = demo();
    let path = demo.path();
    let mut app = app(&path);
    print::press(&mut app, "home j enter", SIZE).expect("keys");
    let scratch = app.file().to_owned();
    assert_ne!(scratch, path);
    assert!(scratch.exists());
    print::press(&mut app, "3 ! ctrl-e", SIZE).expect("keys");
    assert_eq!((app.course(), app.file()), (None, path.as_path()));
    assert!(!scratch.exists(), "the scratch database is removed");
}

/// The engine of a lesson runs in this program, so its pool can be seen; that of any other file cannot.
#[test]
fn the_pool_of_a_lessons_engine_is_on_the_map() {
    let demo = demo();
    let mut app = app(&demo.path());
    let press = |app: &mut App, keys: &str| print::press(app, keys, SIZE).expect("keys");
    press(&mut app, "1 m m m m m m");
    let json = app.json();
    assert_eq!((&json["mode"], &json["pool"]["visible"]), (&"pool".into(), &false.into()));
    assert!(app.text().join("\n").contains("it cannot tell which pages are in a pool"));
    assert!(shown(&app).contains("The pool is memory of the process"), "{}", shown(&app));

    press(&mut app, "9 home j enter 1 m m m m m m");
    let pooled = |app: &App, state: &str| {
        let json = app.json();
        assert_eq!(json["pool"]["visible"], true, "{json}");
        let pages = json["pool"]["pages"].as_array().expect("a list").iter();
        pages.filter(|page| page["state"] == state).count()
    };
    assert!(pooled(&app, "clean") > 2 && pooled(&app, "dirty") == 0, "{}", shown(&app));
    assert!(shown(&app).contains("clean, hot"), "{}", shown(&app));
    // A commit: the path to its leaf is copied, in memory only.
    press(&mut app, "3 ! 1");
    assert!(pooled(&app, "dirty") >= 2, "{}", shown(&app));
    assert!(shown(&app).contains("● dirty"), "{}", shown(&app));
    assert!(app.text().join("\n").contains("not written yet, 0 pinned"), "{:?}", app.text());
    // The checkpoint writes it. (The step about the pool is done as soon as it comes.)
    press(&mut app, "ctrl-n ctrl-n ctrl-n !");
    assert_eq!(pooled(&app, "dirty"), 0, "{}", shown(&app));
    // Behind the lesson nothing is seen any more.
    press(&mut app, "ctrl-e 1");
    assert_eq!(app.json()["pool"]["visible"], false);
}

/// Who starts a lesson looks at the list: what to press stands there too.
#[test]
fn the_list_says_what_the_lesson_under_way_wants_pressed() {
    let demo = demo();
    let mut app = app(&demo.path());
    print::press(&mut app, "home j j enter", SIZE).expect("keys");
    let found = shown(&app).matches("▶ press  8").count();
    assert_eq!(found, 2, "in the list and below\n{}", shown(&app));
    // The last step is not skipped but finishes the lesson.
    let last = LESSONS[2].steps.len() - 1;
    print::press(&mut app, &"ctrl-n ".repeat(last), SIZE).expect("keys");
    assert!(shown(&app).contains("ctrl-n finishes"), "{}", shown(&app));
    print::press(&mut app, "ctrl-e 9", SIZE).expect("keys");
    assert!(!shown(&app).contains("▶ press"), "{}", shown(&app));
}

#[test]
fn keys_that_are_bound_otherwise_are_shown_so() {
    let demo = demo();
    let path = demo.path();
    let config = northstar_workbench::config::parse("[keys]\n\"lesson.do\" = [\"f9\"]");
    let keymap = config.expect("a configuration").keymap;
    let place = Some(Place::new(ScreenId::Lessons, At::Here));
    let mut app = App::new(Look::default(), keymap, Summary::unread(&path), place);
    print::start(&mut app, SIZE);
    print::press(&mut app, "home j enter 3", SIZE).expect("keys");
    assert!(shown(&app).contains("▶ press  f9"), "{}", shown(&app));
}

#[test]
fn progress_is_kept_and_taken_up_again() {
    use northstar_workbench::app::Cmd;
    let demo = demo();
    let path = demo.path();
    let mut app = app(&path);
    let commands = app.update(key("enter"));
    print::settle(&mut app, commands);
    let commands = app.update(key("ctrl-n"));
    let kept = commands.iter().find_map(|command| match command {
        Cmd::KeepProgress(text) => Some(text.clone()),
        _ => None,
    });
    let kept = kept.expect("a step further is kept");
    assert_eq!(kept, "anatomy 2\n");
    let progress = northstar_workbench::model::progress::Progress::parse(&kept);
    assert_eq!(progress.of(0), Some(Reached::Step(2)));
    let place = Some(Place::new(ScreenId::Lessons, At::Here));
    let mut again = App::new(Look::default(), Keymap::default(), Summary::unread(&path), place)
        .with_progress(progress);
    print::start(&mut again, SIZE);
    assert!(shown(&again).contains("step 2 of 8"), "{}", shown(&again));
}

fn key(name: &str) -> northstar_workbench::app::Msg {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let key = northstar_workbench::keymap::Key::parse(name).expect("a key");
    let modifiers = if key.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::empty() };
    let code = if name == "enter" { KeyCode::Enter } else { key.code };
    northstar_workbench::app::Msg::Key(KeyEvent::new(code, modifiers))
}
