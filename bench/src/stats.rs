//! The statistics of the gates: small, exact where that is possible, and free of random numbers.
//!
//! Called by the summary, by `gate` and by `ab`. The unit is the process run: these functions see one
//! number a repeat, never the samples inside one. The same numbers always give the same answer.

/// The middle value, or the mean of the two middle ones. `None` for no values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Median absolute deviation from the median, not scaled to a standard deviation.
#[must_use]
pub fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    median(&deviations)
}

/// Arithmetic mean. `None` for no values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Sample standard deviation (n - 1) over the mean. `None` below two values or with a mean of 0.
#[must_use]
pub fn coefficient_of_variation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() < 2 || mean == 0.0 {
        return None;
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt() / mean.abs())
}

/// Two ranks (1-based, of the sorted values) that enclose the true median with at least the asked
/// confidence, whatever the distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderInterval {
    /// Rank of the lower end.
    pub low: usize,
    /// Rank of the upper end.
    pub high: usize,
    /// Confidence actually reached; never below what was asked for.
    pub confidence: f64,
}

/// Most values an interval is computed for: beyond it 2^-n is no longer a normal number.
pub const INTERVAL_VALUES_MAX: usize = 1000;

/// The narrowest symmetric interval of ranks with at least `confidence`, from the exact binomial
/// distribution with p = 1/2. `None` when `count` values cannot reach it (5 cannot reach 98 %).
#[must_use]
pub fn order_interval(count: usize, confidence: f64) -> Option<OrderInterval> {
    if count == 0 || count > INTERVAL_VALUES_MAX {
        return None;
    }
    // tail = P(X <= k) for X ~ Bin(count, 1/2). Leaving out k+1 values at either end costs 2 * tail.
    let mut probability = 0.5_f64.powi(count as i32);
    let mut tail = 0.0;
    let mut best = None;
    for left_out in 0..count.div_ceil(2) {
        tail += probability;
        let reached = 1.0 - 2.0 * tail;
        if reached < confidence {
            break;
        }
        best =
            Some(OrderInterval { low: left_out + 1, high: count - left_out, confidence: reached });
        probability *= (count - left_out) as f64 / (left_out + 1) as f64;
    }
    best
}

/// The interval of the median of `values` with at least `confidence`, as values.
#[must_use]
pub fn median_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let ranks = order_interval(values.len(), confidence)?;
    let sorted = sorted(values);
    Some((sorted[ranks.low - 1], sorted[ranks.high - 1]))
}

/// Least value, greatest value.
#[must_use]
pub fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    Some((*sorted.first()?, *sorted.last()?))
}

/// Whether repeats agree well enough to be shown as stable: a mark, and on dedicated machines an
/// eligibility filter. On shared machines it proves nothing (bench/README.md says why).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    /// Coefficient of variation below 10 % over at least 5 repeats.
    Stable,
    /// Enough repeats, too much variation.
    Unstable,
    /// Fewer than 5 repeats: nothing can be said.
    TooFew,
}

/// Greatest coefficient of variation of a stable benchmark.
pub const STABLE_CV_MAX: f64 = 0.10;
/// Fewest repeats a stability mark needs.
pub const STABLE_REPEATS_MIN: usize = 5;

/// Marks a series of repeats.
#[must_use]
pub fn stability(values: &[f64]) -> Stability {
    if values.len() < STABLE_REPEATS_MIN {
        return Stability::TooFew;
    }
    match coefficient_of_variation(values) {
        Some(variation) if variation < STABLE_CV_MAX => Stability::Stable,
        _ => Stability::Unstable,
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(name: &str, found: Option<f64>, expected: f64) {
        let found = found.unwrap_or_else(|| panic!("{name}: a value"));
        assert!((found - expected).abs() < 1e-9, "{name}: {found} is not {expected}");
    }

    #[test]
    fn known_values() {
        near("odd median", median(&[3.0, 1.0, 2.0]), 2.0);
        near("even median", median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        near("one", median(&[7.0]), 7.0);
        // The textbook set: median 2, deviations 1 1 0 0 2 4 7.
        near("mad", median_absolute_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), 1.0);
        // Mean 5, sum of squares 32, n - 1 = 7: the square root of 32 / 7, over 5.
        let eight = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        near("cv", coefficient_of_variation(&eight), (32.0_f64 / 7.0).sqrt() / 5.0);
        near("cv of equals", coefficient_of_variation(&[3.0, 3.0]), 0.0);
        assert_eq!(median(&[]), None);
        assert_eq!(median_absolute_deviation(&[]), None);
        assert_eq!(coefficient_of_variation(&[1.0]), None, "one value has no variation");
        assert_eq!(coefficient_of_variation(&[0.0, 0.0]), None, "no mean to relate it to");
        assert_eq!(spread(&[2.0, 1.0, 3.0]), Some((1.0, 3.0)));
    }

    #[test]
    fn order_intervals_are_the_published_ones() {
        // (n, confidence, low, high): the 98 % ones are those of the gate's procedure, the 95 % ones
        // are in any table of distribution-free intervals for the median (Conover, table A3).
        let cases = [
            (20, 0.98, 5, 16),
            (30, 0.98, 9, 22),
            (40, 0.98, 13, 28),
            (6, 0.95, 1, 6),
            (8, 0.95, 1, 8),
            (9, 0.95, 2, 8),
            (10, 0.95, 2, 9),
            (20, 0.95, 6, 15),
            (25, 0.95, 8, 18),
            (100, 0.95, 40, 61),
        ];
        for (count, confidence, low, high) in cases {
            let found = order_interval(count, confidence).expect("enough values");
            assert_eq!((found.low, found.high), (low, high), "n = {count}, {confidence}");
            assert!(found.confidence >= confidence, "n = {count}: {}", found.confidence);
        }
        assert_eq!(order_interval(5, 0.98), None, "5 values reach 93.75 %");
        assert_eq!(order_interval(6, 0.98), None, "6 values reach 96.9 %");
        assert!(order_interval(7, 0.98).is_some(), "7 values reach 98.4 %");
        assert_eq!(order_interval(0, 0.5), None);
        assert_eq!(order_interval(INTERVAL_VALUES_MAX + 1, 0.5), None);
    }

    #[test]
    fn the_reached_confidence_is_exact() {
        let found = order_interval(10, 0.95).expect("enough values");
        // 1 - 2 * (1 + 10) / 1024
        assert!((found.confidence - (1.0 - 22.0 / 1024.0)).abs() < 1e-12);
    }

    #[test]
    fn an_interval_does_not_depend_on_the_order_of_the_values() {
        let mut values: Vec<f64> = (0..20).map(f64::from).collect();
        let forward = median_interval(&values, 0.98);
        values.reverse();
        assert_eq!(median_interval(&values, 0.98), forward);
        assert_eq!(forward, Some((4.0, 15.0)));
    }

    #[test]
    fn stability_marks() {
        let cases: &[(&str, &[f64], Stability)] = &[
            ("four equal values", &[1.0; 4], Stability::TooFew),
            ("five equal values", &[1.0; 5], Stability::Stable),
            ("nine percent", &[100.0, 91.0, 109.0, 100.0, 100.0], Stability::Stable),
            ("one stall", &[100.0, 100.0, 100.0, 100.0, 10.0], Stability::Unstable),
            ("all zero", &[0.0; 5], Stability::Unstable),
        ];
        for (name, values, expected) in cases {
            assert_eq!(stability(values), *expected, "{name}");
        }
    }
}
