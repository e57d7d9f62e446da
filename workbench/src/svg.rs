//! A frame as an SVG picture, or frames one after the other as a moving one: for READMEs, bug reports and
//! lessons.
//!
//! No script in it: a film is moved by CSS alone, so that it moves wherever a picture is shown; who wants no
//! motion sees its last frame.

use crate::theme::Palette;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

const CELL_WIDTH: f32 = 8.4;
const CELL_HEIGHT: f32 = 18.0;
const MARGIN: f32 = 10.0;

/// Ground and ink of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    ground: &'static str,
    ink: &'static str,
}

impl Paper {
    /// A dark terminal.
    pub const DARK: Self = Self { ground: "#16181d", ink: "#d8dae0" };
    /// A light terminal.
    pub const LIGHT: Self = Self { ground: "#fbfbf8", ink: "#26282e" };

    /// What goes with a palette.
    pub fn of(palette: Palette) -> Self {
        if palette == Palette::Light { Self::LIGHT } else { Self::DARK }
    }
}

/// Draws `buffer`; `title` is for those who cannot see it.
pub fn render(buffer: &Buffer, paper: Paper, title: &str) -> String {
    let mut out = String::new();
    open(&mut out, (buffer.area.width, buffer.area.height), paper, title);
    cells(&mut out, buffer, paper);
    out.push_str("</svg>\n");
    out
}

/// Draws `frames` one after the other, each for `seconds`, and again from the first.
pub fn film(frames: &[Buffer], seconds: f64, paper: Paper, title: &str) -> String {
    let mut out = String::new();
    let areas = || frames.iter().map(|frame| frame.area);
    let width = areas().map(|area| area.width).max().unwrap_or(0);
    let height = areas().map(|area| area.height).max().unwrap_or(0);
    open(&mut out, (width, height), paper, title);
    // A frame number is small: it is exact as a float.
    let count = frames.len().max(1) as f64;
    let (whole, share) = (count * seconds, 100.0 / count);
    out.push_str(&format!(
        "<style>.f{{visibility:hidden;animation:f {whole:.2}s step-end infinite}}\
         @keyframes f{{0%{{visibility:visible}}{share:.4}%{{visibility:hidden}}}}\
         @media (prefers-reduced-motion:reduce)\
         {{.f{{animation:none}}.f:last-child{{visibility:visible}}}}</style>"
    ));
    out.push('\n');
    for (at, frame) in frames.iter().enumerate() {
        let start = at as f64 * seconds;
        out.push_str(&format!("<g class=\"f\" style=\"animation-delay:{start:.2}s\">"));
        out.push('\n');
        cells(&mut out, frame, paper);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// The head of a picture of so many cells, and its ground.
fn open(out: &mut String, (columns, rows): (u16, u16), paper: Paper, title: &str) {
    let width = f32::from(columns) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL_HEIGHT + 2.0 * MARGIN;
    out.push_str(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\">"
    ));
    out.push('\n');
    out.push_str(&format!("<title>{}</title>", escape(title)));
    out.push_str(&format!(
        "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>",
        paper.ground
    ));
    out.push('\n');
}

/// What stands in the cells: runs of one style, row by row.
fn cells(out: &mut String, buffer: &Buffer, paper: Paper) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let Some(first) = buffer.cell((x, y)) else { break };
            let style = (first.fg, first.bg, first.modifier);
            let start = x;
            let mut text = String::new();
            while let Some(cell) =
                buffer.cell((x, y)).filter(|cell| (cell.fg, cell.bg, cell.modifier) == style)
            {
                text.push_str(cell.symbol());
                x += 1;
            }
            run(out, paper, (start, y), x - start, &text, style);
        }
    }
}

fn run(
    out: &mut String,
    paper: Paper,
    (x, y): (u16, u16),
    cells: u16,
    text: &str,
    (fg, bg, modifier): (Color, Color, Modifier),
) {
    let mut ink = hex(fg).unwrap_or_else(|| paper.ink.to_owned());
    let mut ground = hex(bg);
    if modifier.contains(Modifier::REVERSED) {
        let old = std::mem::replace(&mut ink, ground.unwrap_or_else(|| paper.ground.to_owned()));
        ground = Some(old);
    }
    let left = MARGIN + f32::from(x) * CELL_WIDTH;
    let top = MARGIN + f32::from(y) * CELL_HEIGHT;
    let width = f32::from(cells) * CELL_WIDTH;
    if let Some(ground) = ground {
        out.push_str(&format!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" \
             fill=\"{ground}\"/>"
        ));
        out.push('\n');
    }
    if text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    if modifier.contains(Modifier::BOLD) {
        attributes.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::ITALIC) {
        attributes.push_str(" font-style=\"italic\"");
    }
    if modifier.contains(Modifier::UNDERLINED) {
        attributes.push_str(" text-decoration=\"underline\"");
    }
    if modifier.contains(Modifier::DIM) {
        attributes.push_str(" opacity=\"0.6\"");
    }
    let baseline = top + 13.5;
    out.push_str(&format!(
        "<text x=\"{left:.1}\" y=\"{baseline:.1}\" textLength=\"{width:.1}\" fill=\"{ink}\" \
         xml:space=\"preserve\"{attributes}>{}</text>",
        escape(text)
    ));
    out.push('\n');
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A colour for the web; `None` for the terminal's own.
fn hex(color: Color) -> Option<String> {
    const NAMED: [&str; 16] = [
        "#1d1f21", "#cc6666", "#7fae5b", "#d7a65f", "#6f9fd8", "#b294bb", "#6fb3b8", "#c5c8c6",
        "#686a70", "#f07070", "#9fd070", "#f0c674", "#81b2f0", "#d0a8e0", "#8fd3d8", "#ffffff",
    ];
    let index = match color {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    if let Some(named) = NAMED.get(usize::from(index)) {
        return Some((*named).to_owned());
    }
    // The 6x6x6 cube, then 24 greys.
    if index < 232 {
        let cube = index - 16;
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        let (r, g, b) = (level(cube / 36), level(cube / 6 % 6), level(cube % 6));
        return Some(format!("#{r:02x}{g:02x}{b:02x}"));
    }
    let grey = 8 + 10 * (index - 232);
    Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn what_is_on_the_screen_is_in_the_picture() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(0, 0, "a <b> & \"c\"", Style::new());
        buffer.set_string(0, 1, "red", Style::new().fg(Color::Indexed(203)));
        let svg = render(&buffer, Paper::DARK, "a & b");
        assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;"), "{svg}");
        assert!(svg.contains("fill=\"#ff5f5f\""), "{svg}");
        assert!(svg.contains("<title>a &amp; b</title>"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn frames_of_a_film_follow_each_other_and_no_script_moves_them() {
        let frame = |text: &str| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
            buffer.set_string(0, 0, text, Style::new());
            buffer
        };
        let frames = [frame("first"), frame("<second>"), frame("third")];
        let svg = film(&frames, 1.5, Paper::LIGHT, "three");
        let at = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text} in {svg}"));
        assert!(at("animation:f 4.50s") < at("animation-delay:0.00s"));
        assert!(at("animation-delay:0.00s") < at("first"));
        assert!(at("first") < at("animation-delay:1.50s"));
        assert!(at("animation-delay:1.50s") < at("&lt;second&gt;"));
        assert!(at("33.3333%{visibility:hidden}") < at("third"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
        assert!(!svg.contains("script"), "{svg}");
        assert_eq!(film(&[], 1.0, Paper::DARK, "none").matches("<g ").count(), 0);
    }
}
