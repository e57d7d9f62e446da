//! Finding a name by a few of its letters, in order but not together.

/// How well `pattern` matches `text`, higher is better; `None` when it does not. Case is ignored,
/// spaces in the pattern are too. Letters at starts of words and in a row count more, and all of them
/// together most.
pub fn score(pattern: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let pattern: Vec<char> =
        pattern.chars().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect();
    // Waiting for the start of a word may run past the only place of a later letter; taking the first
    // place of each never does.
    let found = walk(&pattern, &text, true).or_else(|| walk(&pattern, &text, false))?;
    let whole = pattern.len() > 1 && text.windows(pattern.len()).any(|part| part == pattern);
    let length = i32::try_from(text.len()).unwrap_or(i32::MAX).min(64) / 8;
    Some((found + if whole { 20 } else { 0 }) * 8 - length)
}

/// Takes the letters one after the other; with `words`, starts of words before what comes first.
fn walk(pattern: &[char], text: &[char], words: bool) -> Option<i32> {
    let mut total = 0;
    let mut from = 0;
    let mut previous: Option<usize> = None;
    for c in pattern {
        let boundary =
            |at: usize| at == 0 || text.get(at - 1).is_some_and(|before| !before.is_alphanumeric());
        let next = previous.map(|at| at + 1);
        // In a row first, then the start of a word, then anywhere.
        let in_a_row = next.filter(|at| text.get(*at) == Some(c));
        let at = in_a_row
            .or_else(|| {
                let at_word = |at: &usize| text.get(*at) == Some(c) && boundary(*at);
                (from..text.len()).find(|at| words && at_word(at))
            })
            .or_else(|| (from..text.len()).find(|at| text.get(*at) == Some(c)))?;
        total += 1;
        total += if in_a_row.is_some() { 4 } else { 0 };
        total += if boundary(at) { 3 } else { 0 };
        total -= i32::try_from(at.saturating_sub(from)).unwrap_or(i32::MAX).min(3);
        previous = Some(at);
        from = at + 1;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn the_obvious_match_wins() {
        let cases = [
            ("quit", ["quit", "next palette of colours"]),
            ("np", ["next palette", "open pages"]),
            ("goto", ["go to…", "gather only torn options"]),
            ("map", ["map", "remap keys"]),
            ("put_up", ["btree/point_put_update_10pct_hot", "pages under txn _ up"]),
        ];
        for (pattern, [best, other]) in cases {
            assert!(
                score(pattern, best) > score(pattern, other),
                "{pattern}: {best} before {other}"
            );
        }
    }

    #[test]
    fn what_is_not_there_does_not_match() {
        assert_eq!(score("xyz", "map"), None);
        assert_eq!(score("mapp", "map"), None);
        let long_way = "btree/point_put_update_10pct_hot";
        assert!(score("put_up", long_way).is_some(), "letters in order are always found");
        assert!(score("", "anything").is_some());
    }
}
