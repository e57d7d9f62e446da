//! Every character the workbench draws, in ASCII: one table, used at the last moment by the painter.
//!
//! One character becomes one character, so that no layout moves. Glyphs that carry meaning stay
//! apart from each other (a test holds that).

/// The ASCII stand-in for `c`.
pub fn fold(c: char) -> char {
    match c {
        '\u{20}'..='\u{7e}' => c,
        '─' | '━' | '–' | '—' | '−' | '╌' | '┄' => '-',
        '│' | '┃' | '▏' | '▕' | '┊' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => {
            '+'
        }
        '›' | '▸' | '→' | '▶' | '↗' => '>',
        '‹' | '◂' | '←' | '◀' => '<',
        '▾' | '↓' => 'v',
        '▴' | '↑' => '^',
        '✓' => 'y',
        '✗' => 'X',
        '●' => '*',
        '○' => 'o',
        '◐' => '%',
        '◌' => '@',
        '◆' => 'V',
        '▌' => '>',
        '·' => '.',
        '░' => ':',
        '▒' => 'l',
        '▓' => 'i',
        '█' => '#',
        '▁' => '_',
        '▂' => '.',
        '▃' => ',',
        '▄' => '-',
        '▅' => '=',
        '▆' => '+',
        '▇' => '#',
        '…' => '~',
        '×' => 'x',
        '≤' => '<',
        '≥' => '>',
        '≠' => '!',
        'µ' | 'μ' => 'u',
        '“' | '”' => '"',
        '’' => '\'',
        '⇐' => '<',
        'Δ' => 'd',
        '∞' => '8',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn state_glyphs_stay_apart() {
        let glyphs = ['▓', '▒', '░', '·', '◆', '✗', '✓', '●', '○', '◐', '◌', '█'];
        for (at, a) in glyphs.iter().enumerate() {
            assert!(fold(*a).is_ascii(), "{a}");
            assert_ne!(fold(*a), '?', "{a}: a glyph with a meaning needs its own stand-in");
            for b in glyphs.iter().skip(at + 1) {
                assert_ne!(fold(*a), fold(*b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn ascii_is_untouched() {
        for c in ' '..='~' {
            assert_eq!(fold(c), c);
        }
        assert_eq!(fold('漢'), '?');
    }
}
