//! Every screen on the demo database and on damaged copies, as text; `styles` has how it is coloured.
//!
//! The demo database is the same byte for byte, so what is drawn is too. Snapshots live in
//! `goldens/tui/WxH`; `INSTA_UPDATE=always cargo test -p northstar --test tui_views` blesses them.

mod captures;
mod cartridges;
mod damage;
mod lab;
mod shared;
mod styles;

use northstar_engine::limits::PAGE_BYTES;
use northstar_workbench::app::App;
use northstar_workbench::keymap::Keymap;
use northstar_workbench::model::summary::Summary;
use northstar_workbench::place::{At, Place};
use northstar_workbench::print;
use northstar_workbench::screens::ScreenId;
use northstar_workbench::theme::{Look, Palette};
use shared::demo;
use std::path::Path;

const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (160, 50)];

/// A screen of a file, everything loaded.
fn app(path: &Path, screen: ScreenId, palette: Palette, size: (u16, u16)) -> App {
    let look = Look { palette, ascii: false };
    let place = Some(Place::new(screen, At::Here));
    let mut app = App::new(look, Keymap::default(), Summary::unread(path), place);
    print::start(&mut app, size);
    app
}

/// Compares with the snapshot `name` in a folder of `goldens/tui`.
fn snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../goldens/tui");
    settings.set_snapshot_path(root.join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Screens that show the file and nothing of this machine: the overview names the directory, the
/// catalog of benchmarks grows.
fn screens() -> impl Iterator<Item = ScreenId> {
    ScreenId::ALL.iter().copied().filter(|id| !matches!(id, ScreenId::Overview | ScreenId::Bench))
}

#[test]
fn every_screen_on_the_demo() {
    let demo = demo();
    for size in SIZES {
        for screen in screens() {
            let app = app(&demo.path(), screen, Palette::Dark, size);
            let text = print::characters(&print::frame(&app, size)).join("\n");
            let folder = format!("{}x{}", size.0, size.1);
            snapshot(&folder, &format!("demo_{}", screen.name()), &text);
        }
    }
}

/// What stands behind a key of a screen: its name, and the keys that lead there.
const BEHIND: &[(&str, ScreenId, &str)] = &[
    ("map_curve", ScreenId::Map, "c"),
    ("page_bits", ScreenId::Page, "j j j b"),
    ("tree_shape", ScreenId::Tree, "i"),
    ("log_sizes", ScreenId::Log, "i"),
    ("log_groups", ScreenId::Log, "i i"),
    // Where everything fits side by side there is no other pane.
    ("time_pages", ScreenId::Time, "j j j j j tab"),
    ("time_bytes", ScreenId::Time, "j j j j j tab tab"),
];

#[test]
fn what_stands_behind_keys_on_the_demo() {
    let demo = demo();
    for size in SIZES {
        for (name, screen, keys) in BEHIND {
            let mut app = app(&demo.path(), *screen, Palette::Dark, size);
            // The last key puts away what the footer says.
            print::press(&mut app, &format!("{keys} esc"), size).expect("keys");
            let text = print::characters(&print::frame(&app, size)).join("\n");
            snapshot(&format!("{}x{}", size.0, size.1), &format!("demo_{name}"), &text);
        }
    }
}

/// The pool of a lesson's engine, between a commit and the checkpoint.
#[test]
fn the_pool_of_a_lesson() {
    let demo = demo();
    for size in SIZES {
        let mut app = app(&demo.path(), ScreenId::Lessons, Palette::Dark, size);
        print::press(&mut app, "home j enter 3 ! 1 m m m m m m end", size).expect("keys");
        let text = print::characters(&print::frame(&app, size)).join("\n");
        snapshot(&format!("{}x{}", size.0, size.1), "lesson_pool", &text);
    }
}

/// The lesson about the order of log and meta, one key before its climax and at it.
#[test]
fn a_harmless_loss_becomes_a_refusal() {
    let demo = demo();
    for size in [(80, 24), (100, 30)] {
        let mut app = app(&demo.path(), ScreenId::Lessons, Palette::Dark, size);
        let folder = format!("{}x{}", size.0, size.1);
        print::press(&mut app, "home j j j enter 8 home ] ] ] ] d", size).expect("keys");
        let text = print::characters(&print::frame(&app, size)).join("\n");
        snapshot(&folder, "lesson_log_first_harmless", &text);
        print::press(&mut app, "j", size).expect("keys");
        let text = print::characters(&print::frame(&app, size)).join("\n");
        snapshot(&folder, "lesson_log_first_refused", &text);
    }
}

/// What a screen shows survives ASCII: no glyph becomes the question mark of the unknown.
#[test]
fn ascii_has_a_stand_in_for_every_glyph() {
    let demo = demo();
    for size in SIZES {
        for screen in screens() {
            let mut app = app(&demo.path(), screen, Palette::Mono, size);
            let glyphs = print::frame(&app, size);
            print::press(&mut app, "ctrl-a", size).expect("a key");
            let ascii = print::frame(&app, size);
            for (glyph, stand_in) in glyphs.content().iter().zip(ascii.content()) {
                let (glyph, stand_in) = (glyph.symbol(), stand_in.symbol());
                assert!(stand_in.is_ascii(), "{stand_in} on {}", screen.name());
                let lost = stand_in == "?" && glyph != "?";
                assert!(!lost, "{glyph} on {} has no stand-in", screen.name());
            }
        }
    }
}

#[test]
fn damage_is_shown_where_it_is() {
    let demo = demo();
    let copy = damage::leaf(&demo.path());
    let (path, leaf) = (&copy.path, copy.page);
    let size = (100, 30);
    let problems = app(path, ScreenId::Problems, Palette::Dark, size).text().join("\n");
    assert!(problems.contains(&format!("page {leaf}: PAGE-3")), "{problems}");
    let rows = app(path, ScreenId::Rows, Palette::Dark, size).text().join("\n");
    assert!(rows.contains(&format!("rows missing: p{leaf}")), "{rows}");
    let map = print::frame(&app(path, ScreenId::Map, Palette::Dark, size), size);
    assert!(print::characters(&map).join("\n").contains('✗'));
    let mut page = app(path, ScreenId::Map, Palette::Dark, size);
    // Orphans are problems too; the damaged leaf is among the first few.
    for _ in 0..8 {
        print::press(&mut page, "]", size).expect("a key");
        if page.place_text() == format!("map p{leaf}") {
            break;
        }
    }
    print::press(&mut page, "enter", size).expect("a key");
    let shown = print::characters(&print::frame(&page, size)).join("\n");
    assert!(shown.contains(&format!("p{leaf} leaf")), "{shown}");
    assert!(shown.contains("✗ checksum: stored"), "{shown}");
}

#[test]
fn damage_in_the_middle_of_the_log_is_shown_and_found() {
    let demo = demo();
    let copy = damage::log_middle(&demo.path());
    let path = &copy.path;
    let size = (120, 40);
    let mut app = app(path, ScreenId::Log, Palette::Dark, size);
    let gaps = app.json()["gaps"].as_array().expect("a list").len();
    assert_eq!(gaps, 1);
    // The newest record is behind the damage: recovery does not come so far.
    let shown = print::characters(&print::frame(&app, size)).join("\n");
    assert!(shown.contains("recovery does not get here"), "{shown}");
    print::press(&mut app, "[", size).expect("a key");
    let shown = print::characters(&print::frame(&app, size)).join("\n");
    assert!(shown.contains("that are no record"), "{shown}");
    assert!(shown.contains("This is damage, not a crash"), "{shown}");
    // No filter hides it.
    print::press(&mut app, "t t", size).expect("keys");
    assert!(app.text().join("\n").contains("that are no record"));
    // A state behind the damage cannot be made from the log, and nothing pretends so.
    print::press(&mut app, "6 home", size).expect("keys");
    let time = app.json();
    assert_eq!(
        (&time["evidence"], &time["holes"].as_array().map(Vec::len)),
        (&"log_only".into(), &Some(1))
    );
    // The metas are sound, and recovery gets no further all the same.
    print::press(&mut app, "4", size).expect("a key");
    let shown = print::characters(&print::frame(&app, size)).join("\n");
    assert!(shown.contains("✗ Then it refuses"), "{shown}");
    let overview = self::app(path, ScreenId::Overview, Palette::Dark, size);
    let text = overview.text().join("\n");
    assert!(text.contains("✗ Then it refuses the log: log position "), "{text}");
    assert!(overview.json()["recovery"]["refused"].is_string(), "{}", overview.json());
}

/// A file's name need not be text; the JSON form of its problems panicked.
#[cfg(unix)]
#[test]
fn problems_of_a_file_whose_name_is_no_text_have_a_json_form() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(std::ffi::OsStr::from_bytes(b"d\xff.ns"));
    std::fs::write(&path, [0; 40_000]).expect("the file is written");
    let json = app(&path, ScreenId::Problems, Palette::Dark, (80, 24)).json();
    let problems = json["report"]["problems"].as_array().expect("a list");
    assert!(!problems.is_empty(), "{json}");
    for problem in problems {
        assert!(problem["file"].as_str().expect("text").ends_with(r"d\xff.ns"), "{problem}");
    }
}

#[test]
fn rows_of_a_state_that_only_the_log_covers_are_replayed() {
    let demo = demo();
    for size in SIZES {
        let mut app = app(&demo.path(), ScreenId::Time, Palette::Dark, size);
        print::press(&mut app, "home r s", size).expect("keys");
        print::type_text(&mut app, "note/", size);
        print::press(&mut app, "enter", size).expect("a key");
        let text = print::characters(&print::frame(&app, size)).join("\n");
        snapshot(&format!("{}x{}", size.0, size.1), "demo_rows_replayed", &text);
        let json = app.json();
        assert_eq!((&json["txn_id"], &json["evidence"]), (&58.into(), &"replayed".into()));
        let rows = json["rows"].as_array().expect("rows");
        let logged = rows.iter().filter(|row| row["logged"]["txn"] == 58).count();
        assert_eq!(logged, 1, "the one row that the last commit put");
        assert!(app.text().iter().any(|line| line.ends_with("◌ txn 58")), "{:?}", app.text());
        // From the row to the record that has it.
        print::press(&mut app, "end enter", size).expect("keys");
        assert_eq!(app.current(), ScreenId::Log);
    }
}

#[test]
fn pages_of_two_states_are_compared_byte_by_byte() {
    let demo = demo();
    let size = (80, 24);
    let mut app = app(&demo.path(), ScreenId::Time, Palette::Dark, size);
    let none = app.text().join("\n");
    assert!(none.contains("no pages to compare: a state has none of its own"), "{none}");
    print::press(&mut app, "j j j j j", size).expect("keys");
    let json = app.json();
    let nodes = json["nodes"].as_array().expect("nodes");
    let twice = nodes.iter().filter(|node| node["earlier"].is_u64() && node["later"].is_u64());
    let pages = json["bytes"]["pages"].as_array().expect("pages");
    assert!(!pages.is_empty());
    assert_eq!(pages.len(), twice.count(), "each node that has two versions");
    let file = std::fs::read(demo.path()).expect("the demo is read");
    for page in pages {
        let [earlier, later] = ["earlier", "later"].map(|version| {
            let id = page[version].as_u64().expect("a page's number");
            let at = usize::try_from(id * PAGE_BYTES as u64).expect("an offset");
            &file[at..at + PAGE_BYTES]
        });
        let differ = earlier.iter().zip(later).filter(|(one, other)| one != other).count();
        assert_eq!(page["bytes"], differ, "{page}");
    }
    let text = app.text().join("\n");
    assert!(text.contains("birth     ") && text.contains(" → 53"), "{text}");
}

#[test]
fn the_log_tells_which_commits_it_proves_durable_at_once() {
    let demo = demo();
    let size = (120, 40);
    let mut app = app(&demo.path(), ScreenId::Log, Palette::Dark, size);
    let json = app.json();
    let groups = json["groups"].as_array().expect("groups");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let commits: u64 = groups.iter().map(|group| number(&group["commits"])).sum();
    assert_eq!(commits, 58, "each commit is in one group");
    assert!(groups.len() > 2, "the demo syncs now and then");
    assert_eq!(groups[groups.len() - 1]["proven_by"], serde_json::Value::Null);
    assert!(!app.text().join("\n").contains("A group:"));
    print::press(&mut app, "i i", size).expect("keys");
    let text = app.text().join("\n");
    assert!(
        text.contains("58 commits in") && text.contains("no record behind proves them"),
        "{text}"
    );
    print::press(&mut app, "i", size).expect("a key");
    assert!(!app.text().join("\n").contains("A group:"), "and away again");
}

#[test]
fn a_key_is_followed_from_the_log_to_its_byte() {
    let demo = demo();
    let size = (120, 40);
    let path = demo.path();
    let mut app = app(&path, ScreenId::Log, Palette::Dark, size);
    // The newest commit, its first operation, the tree's look-up, then the leaf.
    print::press(&mut app, "enter enter", size).expect("keys");
    assert_eq!(app.current(), ScreenId::Tree);
    let text = app.text().join("\n");
    assert!(text.contains("look-up \"note/"), "{text}");
    assert!(text.contains("not there"), "the pages do not have it yet: {text}");
}

#[test]
fn the_overview_tells_of_everything() {
    let demo = demo();
    let text = app(&demo.path(), ScreenId::Overview, Palette::Dark, (80, 24)).text().join("\n");
    for fact in [
        "nothing is damaged: 1 note, 1 lint",
        "lint LINT-2       demo.ns.prefixes.ncar: stale: answers for ",
        "5 commits only in the log",
        "5 tasks: 1 ready, 1 delayed, 2 claimed, 1 dead",
        "2 beside it: 1 stale, 0 broken",
        "live",
    ] {
        assert!(text.contains(fact), "{fact} in\n{text}");
    }
}

#[test]
fn a_record_in_the_pages_says_where_its_keys_live_now() {
    let demo = demo();
    let size = (120, 40);
    let mut app = app(&demo.path(), ScreenId::Log, Palette::Dark, size);
    assert!(!app.text().join("\n").contains("→ p"), "the newest commit is not in the pages");
    print::press(&mut app, "home", size).expect("a key");
    let text = app.text().join("\n");
    assert!(text.contains("put \"block/000000\" → p"), "{text}");
    let shown = print::characters(&print::frame(&app, size)).join("\n");
    assert!(shown.contains("→ p"), "{shown}");
    // Aliases of control codes were deleted later.
    print::press(&mut app, "down", size).expect("a key");
    assert!(app.text().join("\n").contains("→ no row now"));
}

#[test]
fn a_row_of_the_tree_has_its_value_beside_it() {
    let demo = demo();
    let size = (160, 50);
    let mut app = app(&demo.path(), ScreenId::Tree, Palette::Dark, size);
    print::press(&mut app, "s", size).expect("a key");
    print::type_text(&mut app, "char/01F600", size);
    print::press(&mut app, "enter", size).expect("a key");
    let shown = |app: &App| print::characters(&print::frame(app, size)).join("\n");
    let value = "\"since\":\"6.1\"";
    assert!(!shown(&app).contains(value), "the look-up is at the root");
    print::press(&mut app, &"n ".repeat(20), size).expect("keys");
    assert!(shown(&app).contains(value), "{}", shown(&app));
    assert!(app.text().join("\n").contains("GRINNING FACE"));
    assert!(app.json()["value"].as_str().is_some_and(|value| value.contains("GRINNING")));
}

#[test]
fn the_demo_ends_as_after_a_power_cut() {
    let demo = demo();
    let size = (120, 40);
    let log = app(&demo.path(), ScreenId::Log, Palette::Dark, size);
    let json = log.json();
    assert_eq!(json["tail"]["kind"], "torn", "{}", json["tail"]);
    let problems = app(&demo.path(), ScreenId::Problems, Palette::Dark, size);
    let report = &problems.json()["report"];
    let errors = report["problems"].as_array().expect("a list");
    let bad = errors.iter().filter(|problem| problem["severity"] == "error").count();
    assert_eq!(bad, 0, "a power cut damages nothing: {report:#}");
    let map = app(&demo.path(), ScreenId::Map, Palette::Dark, size).json();
    for state in ["live", "free", "kept"] {
        let pages = map["pages"].as_array().expect("pages");
        let some = pages.iter().any(|page| page["state"] == state);
        assert!(some, "some page is {state}");
    }
}

#[test]
fn any_size_draws_the_demo() {
    let demo = demo();
    for screen in screens() {
        let mut app = app(&demo.path(), screen, Palette::Dark, (80, 24));
        for width in [0, 1, 2, 3, 5, 8, 13, 39, 40, 41, 60, 76, 99, 100, 143, 144, 300] {
            for height in [0, 1, 2, 3, 9, 10, 11, 24, 100] {
                let frame = print::frame(&app, (width, height));
                assert_eq!((frame.area.width, frame.area.height), (width, height));
            }
        }
        print::press(&mut app, "j j pagedown end k pageup home", (300, 100)).expect("keys");
        print::frame(&app, (41, 11));
    }
}

/// Rounds of random damage; `NORTHSTAR_VIEW_ROUNDS` asks for more.
fn rounds() -> u64 {
    let asked = std::env::var("NORTHSTAR_VIEW_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Copies of the demo with random bytes changed, in pages and log: every screen draws them at any size.
#[test]
fn random_damage_draws_at_any_size() {
    let demo = demo();
    let source = demo.path();
    let clean = |name: &str| std::fs::read(source.with_file_name(name)).expect("the demo is read");
    for round in 1..=rounds() {
        let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below.max(1) as u64).expect("below a usize")
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["demo.ns", "demo.ns.log"] {
            let mut bytes = clean(name);
            for _ in 0..60 {
                let at = next(bytes.len());
                // Headers are where damage does most: half of it goes there.
                let at = if next(2) == 0 { at } else { at / 16384 * 16384 + at % 128 };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(next(256)).expect("below 256");
                }
            }
            let length = bytes.len() - next(40_000);
            bytes.truncate(length);
            std::fs::write(directory.path().join(name), bytes).expect("the copy is written");
        }
        let path = directory.path().join("demo.ns");
        let mut app = app(&path, ScreenId::Map, Palette::Mono, (80, 24));
        for screen in ScreenId::ALL {
            for _ in 0..6 {
                let size = (next(301), next(101));
                let size = (size.0 as u16, size.1 as u16);
                let frame = print::frame(&app, size);
                assert_eq!((frame.area.width, frame.area.height), size, "round {round}");
            }
            print::press(&mut app, "down down end home }", (80, 24)).expect("keys");
            assert!(!app.text().is_empty(), "round {round}: {}", screen.name());
        }
    }
}
