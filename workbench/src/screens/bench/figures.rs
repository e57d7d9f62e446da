//! Times and rates as a person reads them.

/// Nanoseconds with a unit: `9.1 us`.
pub(super) fn nanos(ns: f64) -> String {
    match ns {
        ns if ns < 1e4 => format!("{ns:.0} ns"),
        ns if ns < 1e7 => format!("{:.1} us", ns / 1e3),
        ns if ns < 1e10 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.1} s", ns / 1e9),
    }
}

/// Operations a second: `412.0 k/s`.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1e6 => format!("{:.2} M/s", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{rate:.0} /s"),
    }
}

/// A figure in its unit.
pub(super) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "ns" => nanos(value),
        "1/s" => rate(value),
        "B" if value >= 0.0 => crate::text::bytes(value as u64),
        _ if value.fract() == 0.0 && value >= 0.0 => crate::text::count(value as u64),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let cases = [
            (figure(999.0, "ns"), "999 ns"),
            (figure(41_234.0, "ns"), "41.2 us"),
            (figure(1.2e10, "ns"), "12.0 s"),
            (figure(412_345.0, "1/s"), "412.3 k/s"),
            (figure(12.0, "1/s"), "12 /s"),
            (figure(2048.0, "B"), "2.0 KiB"),
            (figure(1234.0, "1"), "1 234"),
            (figure(0.5, "1"), "0.50"),
        ];
        for (found, want) in cases {
            assert_eq!(found, want);
        }
    }
}
