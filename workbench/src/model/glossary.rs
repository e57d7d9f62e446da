//! The words of the specifications with their meanings, for the finder.

const PAGE: &str = include_str!("../../../spec/glossary.md");

/// Every word of the glossary and what it means, in its order.
pub fn words() -> impl Iterator<Item = (String, String)> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| **"));
    rows.filter_map(|row| {
        let (word, meaning) = row.split_once(" | ")?;
        let meaning = meaning.trim_end_matches([' ', '|']);
        Some((word.replace("**", ""), meaning.replace("**", "").replace('`', "")))
    })
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_glossary_is_read() {
        let all: Vec<_> = words().collect();
        assert!(all.len() > 20, "{}", all.len());
        for (word, meaning) in &all {
            assert!(!word.is_empty() && meaning.ends_with(['.', ')']), "{word}: {meaning}");
        }
        assert!(all.iter().any(|(word, _)| word == "checkpoint"));
    }
}
