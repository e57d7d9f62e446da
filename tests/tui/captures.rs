//! Every screen on the demo and on each damaged copy: drawn at two sizes, the damage named where it matters,
//! no word of the header cut.
//!
//! `NORTHSTAR_CAPTURES=DIR cargo test -p northstar --test tui_views captures` writes what is drawn to
//! `DIR/WxH/COPY_SCREEN.txt`, to be read.

use super::damage::{self, Copy};
use super::{app, demo};
use northstar_engine::PageId;
use northstar_workbench::app::App;
use northstar_workbench::place::{At, Place};
use northstar_workbench::print;
use northstar_workbench::screens::ScreenId as Id;
use northstar_workbench::theme::Palette;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];
/// Every word has room here.
const VAST: (u16, u16) = (300, 100);

/// A damaged copy, and what screens must say of it; `#` stands for the damaged page's number.
struct Case {
    name: &'static str,
    damage: fn(&Path) -> Copy,
    /// On every screen, in the line about the file.
    header: &'static str,
    told: &'static [(Id, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "leaf",
        damage: damage::leaf,
        header: "✗ 1 error",
        told: &[
            (Id::Map, "✗ does not verify"),
            (Id::Page, "✗ PAGE-3: expected checksum"),
            (Id::Tree, "✗ PAGE-3: expected checksum"),
            (Id::Rows, "✗ rows missing: p# is broken (PAGE-3)"),
            (Id::Rows, "to \"alias/0E\" cannot be read"),
            (Id::Problems, "✗ PAGE-3   page #"),
            (Id::Overview, "✗ damaged: 1 error"),
            (Id::Overview, "✗ no task; rows cannot be read in 1 place"),
            (Id::Space, "rows cannot be read in 1 place"),
            (Id::Queue, "✗ Rows cannot be read in 1 place: there may be more tasks."),
        ],
    },
    Case {
        name: "root",
        damage: damage::root_node,
        header: "! 1 warning",
        told: &[
            (Id::Map, "✗ does not verify"),
            (Id::Page, "✗ PAGE-3: expected checksum"),
            (Id::Metas, "only A is valid; B breaks META-9"),
            (Id::Problems, "! META-9   page 1"),
            (Id::Overview, "only A is valid; B breaks META-9"),
        ],
    },
    Case {
        name: "newer_meta",
        damage: damage::newer_meta,
        header: "! 1 warning",
        told: &[
            (Id::Map, "✗ does not verify"),
            (Id::Page, "✗ PAGE-3: expected checksum"),
            (Id::Metas, "only A is valid; B breaks META-5"),
            (Id::Problems, "! META-5   page 1"),
            (Id::Overview, "only A is valid; B breaks META-5"),
        ],
    },
    Case {
        name: "both_metas",
        damage: damage::both_metas,
        header: "no valid meta · log @58",
        told: &[
            (Id::Metas, "recovery finds no meta it can open"),
            (Id::Tree, "no valid meta names a tree; the metas screen says why"),
            (Id::Rows, "The log still covers states"),
            (Id::Log, "recovery does not get here"),
            (Id::Time, "◌ replayed from the log"),
            (Id::Problems, "✗ META-5   page 0"),
            (Id::Problems, "✗ META-5   page 1"),
            (Id::Overview, "neither slot is valid"),
            (Id::Queue, "no tree to read"),
        ],
    },
    Case {
        name: "log_middle",
        damage: damage::log_middle,
        header: "✗ 1 error",
        told: &[
            (Id::Metas, "✗ Then it refuses the log: log position"),
            (Id::Log, "✗ no record in 1 place"),
            (Id::Log, "✗ 264 bytes that are no record"),
            (Id::Log, "recovery does not get here"),
            (Id::Time, "○ log only"),
            (Id::Problems, "✗ LOG-5"),
            (Id::Overview, "error LOG-5"),
        ],
    },
    Case {
        name: "log_tail",
        damage: damage::log_tail,
        header: "✓ sound",
        told: &[
            (Id::Metas, "It then replays 4 commits from the log."),
            (Id::Log, "torn tail: 162 B"),
            (Id::Problems, "note: nothing is lost"),
            (Id::Overview, "note LOG-4"),
        ],
    },
    Case {
        name: "no_log",
        damage: damage::no_log,
        header: "✗ 1 error",
        told: &[
            (Id::Metas, "✗ Then it refuses the log: file: LOG-13"),
            (Id::Log, "✗ no log beside this file, and its meta goes by one"),
            (Id::Problems, "✗ LOG-13"),
            (Id::Overview, "✗ there is none, and the meta goes by one"),
        ],
    },
    Case {
        name: "cut_short",
        damage: damage::cut_short,
        header: "errors",
        told: &[
            (Id::Map, "✗ the file ends early"),
            (Id::Page, "✗ PAGE-1: expected 16384 bytes, found 5000"),
            (Id::Metas, "only A is valid; B breaks META-9"),
            (Id::Problems, "✗ FILE-1"),
            (Id::Overview, "error FILE-1"),
            (Id::Space, "rows cannot be read in"),
        ],
    },
    Case {
        name: "foreign",
        damage: damage::foreign,
        header: "not a northstar file",
        told: &[
            (Id::Page, "These bytes do not look like a page"),
            (Id::Metas, "found neit and g\\nne"),
            (Id::Tree, "no valid meta names a tree"),
            (Id::Rows, "no valid meta names a tree"),
            (Id::Log, "no log beside this file"),
            (Id::Time, "no states known"),
            (Id::Problems, "✗ META-1   page 0"),
            (Id::Overview, "✗ not a northstar file"),
        ],
    },
    Case {
        name: "cartridge",
        damage: damage::cartridge,
        header: "✗ 1 error",
        told: &[
            (Id::Cartridges, "CART-8"),
            (Id::Problems, "✗ CART-8"),
            (Id::Overview, "✗ 2 beside it: 1 stale, 1 broken"),
        ],
    },
];

/// Where captures go, if anywhere.
fn folder() -> Option<PathBuf> {
    std::env::var_os("NORTHSTAR_CAPTURES").map(PathBuf::from)
}

/// A screen as it was drawn.
struct Drawn<'a> {
    app: &'a App,
    screen: Id,
    size: (u16, u16),
    lines: &'a [String],
}

/// Every screen of the file at `path`, at each size, in `look`.
fn every_screen(name: &str, (path, page): (&Path, u64), look: &mut dyn FnMut(&Drawn<'_>)) {
    let mut app = app(path, Id::Map, Palette::Dark, SIZES[0]);
    for screen in Id::ALL {
        let at = match screen {
            Id::Page | Id::Map => At::Page(PageId::new(page), None),
            _ => At::Here,
        };
        print::go(&mut app, Place::new(*screen, at));
        for size in SIZES {
            // Heights are known once drawn: the second look is a person's.
            print::frame(&app, size);
            let lines = print::characters(&print::frame(&app, size));
            if let Some(folder) = folder() {
                let folder = folder.join(format!("{}x{}", size.0, size.1));
                std::fs::create_dir_all(&folder).expect("the folder is made");
                let file = folder.join(format!("{name}_{}.txt", screen.name()));
                std::fs::write(file, lines.join("\n") + "\n").expect("the capture is written");
            }
            look(&Drawn { app: &app, screen: *screen, size, lines: &lines });
        }
    }
}

/// Screens whose first line is a head, in other words nowhere.
const HEADED: [Id; 6] = [Id::Log, Id::Time, Id::Page, Id::Rows, Id::Problems, Id::Lab];

/// Words that are in no line of the same screen with room for everything, so they were cut.
fn cut_words(Drawn { app, screen, lines, .. }: &Drawn<'_>) -> Vec<String> {
    let vast = print::characters(&print::frame(app, VAST)).join("\n");
    let whole: BTreeSet<&str> = vast.split_whitespace().collect();
    // The file, the trail, then what is the screen's.
    let head = lines.get(2).filter(|_| HEADED.contains(screen));
    let words = lines.iter().take(1).chain(head).flat_map(|line| line.split_whitespace());
    let words = words.map(|word| word.trim_end_matches('…')).filter(|word| !word.is_empty());
    words.filter(|word| !whole.contains(word)).map(str::to_owned).collect()
}

/// Whether findings are listed with the gravest first, as far as they are seen.
fn gravest_first(lines: &[String]) -> bool {
    let marks = lines.iter().skip(4).map(|line| line.trim_start_matches(['▌', ' ']).chars().next());
    let grave = marks.map_while(|mark| "·!✗".chars().position(|c| Some(c) == mark));
    grave.collect::<Vec<_>>().is_sorted_by(|above, below| above >= below)
}

/// The words, however they are spaced and wherever a line was broken.
fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn captures_of_the_demo_have_no_word_cut_in_the_header() {
    let demo = demo();
    every_screen("demo", (&demo.path(), 0), &mut |drawn| {
        let what = format!("{} at {:?}", drawn.screen.name(), drawn.size);
        let cut = cut_words(drawn);
        assert!(cut.is_empty(), "{what}: {cut:?} in\n{}", drawn.lines[..3].join("\n"));
        let trail = &drawn.lines[1];
        assert!(trail.contains(&drawn.app.place_text()), "{what}: {trail}");
    });
}

#[test]
fn captures_of_damaged_copies_name_the_damage() {
    let demo = demo();
    for case in CASES {
        let copy = (case.damage)(&demo.path());
        let place = (copy.path.as_path(), copy.page);
        every_screen(case.name, place, &mut |drawn| {
            let Drawn { screen, size, lines, .. } = drawn;
            let what = format!("{} on {} at {size:?}", screen.name(), case.name);
            let cut = cut_words(drawn);
            assert!(cut.is_empty(), "{what}: {cut:?} in\n{}", lines[..3].join("\n"));
            assert!(lines[0].contains(case.header), "{what}: {}", lines[0]);
            assert!(*screen != Id::Problems || gravest_first(lines), "{what}: {lines:#?}");
            let shown = lines.join("\n");
            let words = in_a_line(&shown);
            for (_, told) in case.told.iter().filter(|(id, _)| id == screen) {
                let told = told.replace('#', &copy.page.to_string());
                assert!(
                    words.contains(&in_a_line(&told)),
                    "{what} says nothing of {told:?}:\n{shown}"
                );
            }
        });
    }
}
