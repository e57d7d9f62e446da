//! Text for people: widths, cutting, wrapping, numbers. Data comes in already printable.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`, its end replaced by … when it does not fit.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// `text` in at most `columns`: words that do not fit whole are left out, and … tells of them.
pub fn cut_at_words(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        if width(&out) + width(word.trim_end()) + 1 > columns {
            break;
        }
        out.push_str(word);
    }
    // Not even one word: what there is room for of it.
    if out.is_empty() { cut(text, columns) } else { out.trim_end().to_owned() + "…" }
}

/// `text` cut or padded to exactly `columns`.
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let used = width(&out);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

/// Lines of at most `columns`, broken between words; a word longer than a line is broken inside.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word = word.to_owned();
            if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
                lines.push(std::mem::take(&mut line));
            }
            while width(&word) > columns {
                let mut head = String::new();
                while let Some(c) = word.chars().next() {
                    if width(&head) + c.width().unwrap_or(0) > columns && !head.is_empty() {
                        break;
                    }
                    head.push(c);
                    word.remove(0);
                }
                lines.push(head);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

/// A count with thin groups: `148 211`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Bytes with a binary unit: `64.0 MiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// A time in its largest fitting unit: `41 s`, `3 min`, `2 h`, `5 d`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", count(seconds / 86_400)),
    }
}

/// `part` of `whole` in percent, 0 when there is no whole.
pub fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// `one thing`, `2 things`.
pub fn plural(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// `1 entry`, `2 entries`.
pub fn entries(n: u64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{} entries", count(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, want) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(count(value), want);
        }
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (64 << 20, "64.0 MiB")];
        for (value, want) in cases {
            assert_eq!(bytes(value), want);
        }
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(percent(1, 0), 0);
        assert_eq!((plural(1, "row"), entries(1)), ("1 row".to_owned(), "1 entry".to_owned()));
        assert_eq!(entries(1000), "1 000 entries");
        let times = [(0, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h")];
        for (ms, want) in times {
            assert_eq!(duration(ms), want);
        }
    }

    #[test]
    fn cutting_keeps_columns() {
        for (text, columns, want) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漢字x", 3, "漢…"), ("a", 0, ""), ("", 2, "")]
        {
            assert_eq!(cut(text, columns), want, "{text} in {columns}");
            assert_eq!(width(&fit(text, columns)), columns, "{text} in {columns}");
        }
    }

    #[test]
    fn words_are_left_out_whole() {
        let text = "12 pages, 3 rows";
        for (columns, want) in [
            (16, "12 pages, 3 rows"),
            (15, "12 pages, 3…"),
            (12, "12 pages, 3…"),
            (11, "12 pages,…"),
            (3, "12…"),
            (2, "1…"),
            (0, ""),
        ] {
            assert_eq!(cut_at_words(text, columns), want, "{columns}");
            assert!(width(want) <= columns, "{columns}");
        }
    }

    #[test]
    fn wrapping_loses_no_word() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("x", 0), ["x"]);
    }
}
