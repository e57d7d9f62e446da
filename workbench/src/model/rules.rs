//! The numbered rules of the formats with their sentences, for who reads a finding and not the specification.

const PAGE: &str = include_str!("../../../spec/invariants.md");
const ASSUMPTIONS: &str = include_str!("../../../spec/media_assumptions.md");

/// What the rule with this number demands; none for a number that the specification does not have.
pub fn meaning(rule: &str) -> Option<String> {
    PAGE.lines().find_map(|line| {
        let (id, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let (sentence, _) = rest.split_once(" | ")?;
        (id == rule).then(|| sentence.replace('`', ""))
    })
}

/// Every numbered rule with a sentence, in the order of the specifications: the rules of the formats, the
/// crash rules (their first sentence), and what is assumed of disks (A1, B1 …).
pub fn all() -> impl Iterator<Item = (String, String)> {
    let rows = [PAGE, ASSUMPTIONS].into_iter().flat_map(str::lines);
    let rows = rows.filter_map(|line| {
        let (id, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let (sentence, _) = rest.split_once(" | ")?;
        is_number(id).then(|| (id.to_owned(), plain(sentence)))
    });
    let paragraphs = PAGE.split("\n\n").filter_map(|paragraph| {
        let (id, rest) = paragraph.trim().strip_prefix("**")?.split_once(".** ")?;
        let whole = rest.replace('\n', " ");
        // Up to the first stop that ends a sentence; names of files have stops inside them.
        let sentence = whole.split_once(". ").map_or(whole.as_str(), |(first, _)| first);
        let sentence = format!("{}.", plain(sentence).trim_end_matches('.'));
        is_number(id).then(|| (id.to_owned(), sentence))
    });
    rows.chain(paragraphs)
}

/// `META-11`, `B1`: capitals, and a number behind.
fn is_number(id: &str) -> bool {
    let word = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let capitals = word.trim_end_matches('-');
    let named = !capitals.is_empty() && capitals.chars().all(|c| c.is_ascii_uppercase());
    named && word.len() < id.len()
}

fn plain(sentence: &str) -> String {
    sentence.replace(['`', '*'], "")
}

#[cfg(test)]
mod tests {
    use super::{PAGE, all, meaning};

    #[test]
    fn every_rule_that_the_lab_prints_has_a_sentence() {
        let all: Vec<(String, String)> = all().collect();
        let printed = ["META-1", "META-9", "META-11", "LOG-1", "LOG-6", "LOG-8", "FILE-1"];
        for id in printed.into_iter().chain(["CRASH-7", "CRASH-15", "CRASH-19", "B1", "A3"]) {
            let found = all.iter().filter(|(name, _)| name == id).count();
            assert_eq!(found, 1, "{id}");
        }
        for (id, sentence) in &all {
            assert!(sentence.len() > 10 && !sentence.contains('\n'), "{id}: {sentence}");
        }
        for number in 1..=25 {
            assert!(all.iter().any(|(id, _)| *id == format!("CRASH-{number}")), "{number}");
        }
    }

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
