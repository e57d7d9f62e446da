//! How the screens are coloured: a letter for the role of each cell, at three sizes in three palettes, and
//! what each role looks like in every palette.
//!
//! The palettes are chosen by their depth: mono has no colour, high-contrast the 16 of every terminal, dark
//! (and light) those of a table of 256. A changed colour changes `palettes.snap`; a changed role of some
//! text changes the grids. A cell whose style is no role's is a failure of its own.

use super::{app, screens, shared::demo, snapshot};
use northstar_workbench::print;
use northstar_workbench::screens::ScreenId;
use northstar_workbench::theme::{Palette, Role};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

/// Every role with its letter. Where two look the same, the first one's letter stands for both.
const ROLES: &[(char, Role)] = &[
    (' ', Role::Text),
    ('d', Role::Dim),
    ('T', Role::Title),
    ('A', Role::Accent),
    ('k', Role::Key),
    ('+', Role::Good),
    ('X', Role::Bad),
    ('!', Role::Warn),
    ('|', Role::Border),
    ('l', Role::Link),
    ('g', Role::Gap),
    ('z', Role::Zero),
    ('a', Role::Ascii),
    ('M', Role::Meta),
    ('I', Role::Internal),
    ('L', Role::Leaf),
    ('O', Role::Overflow),
    ('C', Role::Chain),
    ('o', Role::Old),
    ('f', Role::Free),
    ('n', Role::Added),
    ('-', Role::Removed),
    ('~', Role::Changed),
    ('S', Role::Selected),
    ('E', Role::Echo),
    ('0', Role::Heat(0)),
    ('1', Role::Heat(1)),
    ('2', Role::Heat(2)),
    ('3', Role::Heat(3)),
    ('4', Role::Heat(4)),
    ('5', Role::Heat(5)),
    ('6', Role::Heat(6)),
    ('7', Role::Heat(7)),
];
/// What stands for a role with the selection over it, or the selection's echo.
const SELECTED: char = '@';
const ECHOED: char = '=';

/// The palettes of the grids: no colour, 16 colours, 256.
const PALETTES: [Palette; 3] = [Palette::Mono, Palette::HighContrast, Palette::Dark];

/// What a cell looks like when `styles` are laid over each other.
fn look(styles: &[Style]) -> (Color, Color, Modifier) {
    let mut cell = Cell::default();
    for style in styles {
        cell.set_style(*style);
    }
    (cell.fg, cell.bg, cell.modifier)
}

fn letter(cell: &Cell, palette: Palette) -> Option<char> {
    let seen = (cell.fg, cell.bg, cell.modifier);
    let plain = ROLES.iter().find(|(_, role)| look(&[palette.style(*role)]) == seen);
    let over = |overlay: Role| {
        let overlay = palette.style(overlay);
        ROLES.iter().any(|(_, role)| look(&[palette.style(*role), overlay]) == seen)
    };
    match plain {
        Some((letter, _)) => Some(*letter),
        None if over(Role::Selected) => Some(SELECTED),
        None if over(Role::Echo) => Some(ECHOED),
        None => None,
    }
}

fn grid(buffer: &Buffer, palette: Palette, screen: ScreenId) -> String {
    let mut out = format!("{}:\n", screen.name());
    for row in buffer.content().chunks(usize::from(buffer.area.width)) {
        let letters = row.iter().map(|cell| {
            letter(cell, palette).unwrap_or_else(|| {
                panic!("{} in {}: no role looks like {cell:?}", screen.name(), palette.name())
            })
        });
        let line: String = letters.collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn every_cell_has_its_role_in_every_palette() {
    let demo = demo();
    for size in super::SIZES {
        // The largest grids are the longest to read: what is on them only, panes beside each other.
        let wide = [ScreenId::Map, ScreenId::Page, ScreenId::Tree, ScreenId::Time];
        let shown: Vec<ScreenId> =
            screens().filter(|screen| size.0 < 160 || wide.contains(screen)).collect();
        for palette in PALETTES {
            let grids = shown.iter().map(|screen| {
                let app = app(&demo.path(), *screen, palette, size);
                grid(&print::frame(&app, size), palette, *screen)
            });
            let name = format!("{}_{}x{}", palette.name(), size.0, size.1);
            snapshot("styles", &name, &grids.collect::<String>());
        }
    }
}

/// What is broken is coloured by roles too, and by those that say so.
#[test]
fn damage_has_its_roles_in_every_palette() {
    let copy = super::damage::leaf(&demo().path());
    let size = (100, 30);
    for palette in PALETTES {
        let grids = ScreenId::ALL.iter().map(|screen| {
            let app = app(&copy.path, *screen, palette, size);
            (*screen, grid(&print::frame(&app, size), palette, *screen))
        });
        for (screen, grid) in grids {
            let header = grid.lines().nth(1).unwrap_or_default();
            // The letter of the role of errors, on a sign and the words behind it.
            let broken = "X".repeat(3);
            assert!(header.contains(&broken), "{} in {}: {header}", screen.name(), palette.name());
            let shows = [ScreenId::Map, ScreenId::Problems, ScreenId::Overview].contains(&screen);
            let below = grid.lines().skip(2).any(|line| line.contains('X'));
            assert!(!shows || below, "{} in {}:\n{grid}", screen.name(), palette.name());
        }
    }
}

/// `fg 114, bold`.
fn in_words((fg, bg, modifier): (Color, Color, Modifier)) -> String {
    let colour = |name: &str, colour: Color| match colour {
        Color::Reset => None,
        Color::Indexed(index) => Some(format!("{name} {index}")),
        named => Some(format!("{name} {named}")),
    };
    let names = modifier.iter_names().map(|(name, _)| name.to_lowercase());
    let words: Vec<String> =
        colour("fg", fg).into_iter().chain(colour("bg", bg)).chain(names).collect();
    if words.is_empty() { "plain".to_owned() } else { words.join(", ") }
}

#[test]
fn a_role_keeps_its_look() {
    let mut table = String::new();
    for palette in Palette::ALL {
        table.push_str(&format!("{}:\n", palette.name()));
        for (letter, role) in ROLES {
            let words = in_words(look(&[palette.style(*role)]));
            table.push_str(&format!("{letter} {:<10} {words}\n", format!("{role:?}")));
        }
    }
    snapshot("styles", "palettes", &table);
}

/// What a palette may use is what its terminals have.
#[test]
fn palettes_keep_to_their_depth() {
    for palette in Palette::ALL {
        for (_, role) in ROLES {
            let (fg, bg, _) = look(&[palette.style(*role)]);
            for colour in [fg, bg] {
                let fits = match palette {
                    Palette::Mono => colour == Color::Reset,
                    Palette::HighContrast => !matches!(colour, Color::Indexed(_) | Color::Rgb(..)),
                    Palette::Dark | Palette::Light => !matches!(colour, Color::Rgb(..)),
                };
                assert!(fits, "{role:?} in {}: {colour:?}", palette.name());
            }
        }
    }
}

/// Nothing may look the same with the cursor on it and without.
#[test]
fn the_selection_shows_on_every_role() {
    for palette in Palette::ALL {
        let selected = palette.style(Role::Selected);
        for (_, role) in ROLES.iter().filter(|(_, role)| *role != Role::Selected) {
            let style = palette.style(*role);
            assert_ne!(look(&[style]), look(&[style, selected]), "{role:?} in {}", palette.name());
        }
    }
}
