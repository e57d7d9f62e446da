//! Roles, palettes and glyphs: what a thing means decides how it looks, in one place.
//!
//! Screens name a [`Role`], never a colour. Meaning is never colour alone: each state has its glyph
//! too, so mono and ASCII lose nothing. Four palettes; `NO_COLOR` picks mono, whose styles use only
//! modifiers over the terminal's own colours.

pub mod ascii;

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Plain text.
    #[default]
    Text,
    /// Less important than text.
    Dim,
    /// Titles and column headings.
    Title,
    /// What the eye should find first.
    Accent,
    /// The selected row or cell in the pane that has the keys.
    Selected,
    /// The selection seen from the other panes.
    Echo,
    /// A check that holds.
    Good,
    /// A check that fails; data is damaged.
    Bad,
    /// Worth a look; nothing is lost.
    Warn,
    /// The name of a key in hints.
    Key,
    /// Frames.
    Border,
    /// Leads somewhere when followed.
    Link,
    /// Bytes nothing decodes.
    Gap,
    /// Zero bytes, padding, unused.
    Zero,
    /// Printable text in bytes.
    Ascii,
    /// A meta slot.
    Meta,
    /// An internal node.
    Internal,
    /// A leaf.
    Leaf,
    /// A page of a large value.
    Overflow,
    /// A bitmap, history or retired page.
    Chain,
    /// A page that only older states use.
    Old,
    /// A free page.
    Free,
    /// Present in the later state only.
    Added,
    /// Present in the earlier state only.
    Removed,
    /// Different in the two states.
    Changed,
    /// One of eight steps from old (0) to new (7).
    Heat(u8),
}

/// A named set of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Palette {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// Few, strong colours.
    HighContrast,
    /// No colour: bold, underline, reverse, dim.
    Mono,
}

impl Palette {
    /// All palettes.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::HighContrast, Self::Mono];

    /// Its name on the command line and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::Mono => "mono",
        }
    }

    /// The palette called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|palette| palette.name() == name)
    }

    /// The palette after this one, round and round.
    pub const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::Mono,
            Self::Mono => Self::Dark,
        }
    }

    /// How `role` looks.
    pub fn style(self, role: Role) -> Style {
        match self {
            Self::Dark => colours(role, &DARK),
            Self::Light => colours(role, &LIGHT),
            Self::HighContrast => colours(role, &HIGH_CONTRAST),
            Self::Mono => mono(role),
        }
    }
}

struct Colours {
    dim: Color,
    title: Color,
    accent: Color,
    good: Color,
    bad: Color,
    warn: Color,
    link: Color,
    border: Color,
    meta: Color,
    internal: Color,
    leaf: Color,
    overflow: Color,
    chain: Color,
    old: Color,
    echo: Color,
    ascii: Color,
    heat: [Color; 8],
}

const DARK: Colours = Colours {
    dim: Color::Indexed(245),
    title: Color::Indexed(153),
    accent: Color::Indexed(222),
    good: Color::Indexed(114),
    bad: Color::Indexed(203),
    warn: Color::Indexed(215),
    link: Color::Indexed(117),
    border: Color::Indexed(240),
    meta: Color::Indexed(213),
    internal: Color::Indexed(75),
    leaf: Color::Indexed(150),
    overflow: Color::Indexed(180),
    chain: Color::Indexed(147),
    old: Color::Indexed(137),
    echo: Color::Indexed(237),
    ascii: Color::Indexed(180),
    heat: [
        Color::Indexed(17),
        Color::Indexed(24),
        Color::Indexed(30),
        Color::Indexed(36),
        Color::Indexed(71),
        Color::Indexed(142),
        Color::Indexed(208),
        Color::Indexed(226),
    ],
};

const LIGHT: Colours = Colours {
    dim: Color::Indexed(242),
    title: Color::Indexed(24),
    accent: Color::Indexed(94),
    good: Color::Indexed(28),
    bad: Color::Indexed(160),
    warn: Color::Indexed(130),
    link: Color::Indexed(25),
    border: Color::Indexed(248),
    meta: Color::Indexed(127),
    internal: Color::Indexed(25),
    leaf: Color::Indexed(28),
    overflow: Color::Indexed(94),
    chain: Color::Indexed(61),
    old: Color::Indexed(95),
    echo: Color::Indexed(254),
    ascii: Color::Indexed(94),
    heat: [
        Color::Indexed(153),
        Color::Indexed(110),
        Color::Indexed(73),
        Color::Indexed(71),
        Color::Indexed(142),
        Color::Indexed(172),
        Color::Indexed(166),
        Color::Indexed(124),
    ],
};

const HIGH_CONTRAST: Colours = Colours {
    dim: Color::Reset,
    title: Color::LightCyan,
    accent: Color::LightYellow,
    good: Color::LightGreen,
    bad: Color::LightRed,
    warn: Color::LightYellow,
    link: Color::LightCyan,
    border: Color::Reset,
    meta: Color::LightMagenta,
    internal: Color::LightBlue,
    leaf: Color::LightGreen,
    overflow: Color::LightYellow,
    chain: Color::LightCyan,
    old: Color::Reset,
    echo: Color::DarkGray,
    ascii: Color::LightYellow,
    heat: [
        Color::LightBlue,
        Color::LightBlue,
        Color::LightCyan,
        Color::LightCyan,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightRed,
        Color::LightMagenta,
    ],
};

fn colours(role: Role, c: &Colours) -> Style {
    let plain = Style::new();
    match role {
        Role::Text | Role::Free => plain,
        Role::Dim | Role::Zero => plain.fg(c.dim),
        Role::Title => plain.fg(c.title).add_modifier(Modifier::BOLD),
        Role::Accent => plain.fg(c.accent).add_modifier(Modifier::BOLD),
        Role::Selected => plain.add_modifier(Modifier::REVERSED),
        Role::Echo => plain.bg(c.echo).add_modifier(Modifier::BOLD),
        Role::Good | Role::Added => plain.fg(c.good),
        Role::Bad | Role::Removed => plain.fg(c.bad).add_modifier(Modifier::BOLD),
        Role::Warn | Role::Changed => plain.fg(c.warn),
        Role::Key => plain.fg(c.accent),
        Role::Border => plain.fg(c.border),
        Role::Link => plain.fg(c.link).add_modifier(Modifier::UNDERLINED),
        Role::Gap => plain.fg(c.warn).add_modifier(Modifier::ITALIC),
        Role::Ascii => plain.fg(c.ascii),
        Role::Meta => plain.fg(c.meta).add_modifier(Modifier::BOLD),
        Role::Internal => plain.fg(c.internal),
        Role::Leaf => plain.fg(c.leaf),
        Role::Overflow => plain.fg(c.overflow),
        Role::Chain => plain.fg(c.chain),
        Role::Old => plain.fg(c.old),
        Role::Heat(step) => plain.fg(c.heat[usize::from(step.min(7))]),
    }
}

fn mono(role: Role) -> Style {
    let plain = Style::new().fg(Color::Reset).bg(Color::Reset);
    match role {
        Role::Dim | Role::Zero | Role::Border | Role::Old => plain.add_modifier(Modifier::DIM),
        Role::Title | Role::Accent | Role::Key | Role::Meta | Role::Changed => {
            plain.add_modifier(Modifier::BOLD)
        }
        Role::Selected => plain.add_modifier(Modifier::REVERSED),
        Role::Echo => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        // Not reversed: the selection must show on it too.
        Role::Bad | Role::Removed => plain.add_modifier(Modifier::BOLD | Modifier::ITALIC),
        Role::Link => plain.add_modifier(Modifier::UNDERLINED),
        Role::Gap => plain.add_modifier(Modifier::ITALIC),
        _ => plain,
    }
}

/// How everything looks: palette and character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Look {
    /// Colours.
    pub palette: Palette,
    /// Draw with ASCII characters only.
    pub ascii: bool,
}

impl Look {
    /// How `role` looks.
    pub fn style(self, role: Role) -> Style {
        self.palette.style(role)
    }

    /// The character to draw for `c`.
    pub fn glyph(self, c: char) -> char {
        if self.ascii { ascii::fold(c) } else { c }
    }
}

/// What the environment says about colours: `NO_COLOR` wins, then `COLORFGBG`, then dark.
pub fn palette_from_environment(no_color: bool, colorfgbg: Option<&str>) -> Palette {
    if no_color {
        return Palette::Mono;
    }
    let background = colorfgbg.and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
    match background {
        Some(7 | 15) => Palette::Light,
        _ => Palette::Dark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_picks_the_palette() {
        let cases: &[(&str, bool, Option<&str>, Palette)] = &[
            ("nothing set", false, None, Palette::Dark),
            ("black background", false, Some("15;0"), Palette::Dark),
            ("white background", false, Some("0;15"), Palette::Light),
            ("three parts", false, Some("0;default;15"), Palette::Light),
            ("rubbish", false, Some("x"), Palette::Dark),
            ("NO_COLOR wins", true, Some("0;15"), Palette::Mono),
        ];
        for (name, no_color, fgbg, want) in cases {
            assert_eq!(palette_from_environment(*no_color, *fgbg), *want, "{name}");
        }
    }

    #[test]
    fn mono_has_no_colour() {
        for role in [Role::Text, Role::Good, Role::Bad, Role::Heat(3), Role::Selected, Role::Leaf] {
            let style = mono(role);
            assert_eq!(style.fg, Some(Color::Reset), "{role:?}");
            assert_eq!(style.bg, Some(Color::Reset), "{role:?}");
        }
    }

    #[test]
    fn names_round_trip() {
        for palette in Palette::ALL {
            assert_eq!(Palette::from_name(palette.name()), Some(palette));
        }
    }
}
