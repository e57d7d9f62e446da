//! Figures in words: a number with the unit that suits it.

use super::{Outcome, Row};
use crate::stats::Stability;

/// The name of an outcome.
#[must_use]
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Unfinished => "unfinished",
    }
}

/// The name of a stability mark.
#[must_use]
pub const fn stability_name(stability: Stability) -> &'static str {
    match stability {
        Stability::Stable => "stable",
        Stability::Unstable => "unstable",
        Stability::TooFew => "too few repeats",
    }
}

/// Variation and mark of a row, in words.
#[must_use]
pub fn variation_words(row: &Row) -> String {
    match row.cv {
        Some(cv) => format!("{:.1} % {}", cv * 100.0, stability_name(row.stability)),
        None => stability_name(row.stability).to_owned(),
    }
}

/// A duration in the unit that suits it.
#[must_use]
pub fn ns_words(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// A count in the unit that suits it.
#[must_use]
pub fn count_words(count: f64) -> String {
    match count {
        count if count < 10.0 => format!("{count:.2}"),
        count if count < 1e4 => format!("{count:.0}"),
        count if count < 1e6 => format!("{:.1} k", count / 1e3),
        count => format!("{:.2} M", count / 1e6),
    }
}

/// A figure that may be unknown, which is never written as 0.
#[must_use]
pub fn known_words(value: Option<f64>) -> String {
    match value {
        None => "unknown".into(),
        Some(0.0) => "0".into(),
        Some(value) if value < 10.0 => format!("{value:.3}"),
        Some(value) => count_words(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_units() {
        for (ns, expected) in
            [(1.0, "1 ns"), (1500.0, "1.50 us"), (2.5e6, "2.50 ms"), (3e9, "3.00 s")]
        {
            assert_eq!(ns_words(ns), expected);
        }
        for (count, expected) in
            [(1.5, "1.50"), (999.0, "999"), (12_345.0, "12.3 k"), (2.5e6, "2.50 M")]
        {
            assert_eq!(count_words(count), expected);
        }
    }
}
