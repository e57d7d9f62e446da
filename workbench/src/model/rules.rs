//! The numbered rules of the formats with their sentences, for who reads a finding and not the specification.

const PAGE: &str = include_str!("../../../spec/invariants.md");

/// What the rule with this number demands; none for a number that the specification does not have.
pub fn meaning(rule: &str) -> Option<String> {
    PAGE.lines().find_map(|line| {
        let (id, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let (sentence, _) = rest.split_once(" | ")?;
        (id == rule).then(|| sentence.replace('`', ""))
    })
}

#[cfg(test)]
mod tests {
    use super::{PAGE, meaning};

    #[test]
    fn rules_of_every_chapter_have_their_sentence() {
        for rule in ["PAGE-3", "META-11", "FILE-1", "NODE-5", "TREE-2", "LOG-5"] {
            let text = meaning(rule).unwrap_or_default();
            assert!(text.len() > 20 && text.ends_with(['.', ')']), "{rule}: {text:?}");
        }
        // Read alone, without the table around it, a sentence needs its subject.
        let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
        for row in rows.filter(|row| row.starts_with(|c: char| c.is_ascii_uppercase())) {
            assert!(!row.contains(" | It ") && !row.contains(" | Its "), "{row}");
        }
        assert_eq!(meaning("PAGE"), None);
    }
}
