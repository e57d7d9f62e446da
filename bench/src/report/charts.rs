//! Small charts as inline SVG, by hand: histogram, percentile curve, throughput over time, repeats.
//!
//! Called by `html`. Each returns a whole `<svg>` element with a title, axis titles with units, and a
//! description for those who cannot see it; colours come from the page's style sheet, so that light and
//! dark both work.

mod axis;

use crate::report::{count_words, ns_words};
use axis::{Axis, BOTTOM, HEIGHT, Legend, TOP, WIDTH, frame};

/// Colours of the style sheet for lines; repeats beyond them use the colours again.
const COLOURS: usize = 6;
/// A slice slower than this share of its repeat's median is marked as a stall.
const STALL_SHARE: f64 = 0.5;

/// Latencies as bars: upper bound in nanoseconds and count. Both axes grow by factors. `marks` are
/// percentiles: name and nanoseconds.
#[must_use]
pub fn histogram(bars: &[(u64, u64)], marks: &[(&str, f64)]) -> String {
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or(1).max(1) as f64;
    let (low, high) = bounds(bars.iter().map(|bar| bar.0 as f64));
    let x = Axis::log_across(low * 0.75, high * 1.15);
    let y = Axis::log_up(0.7, most * 1.5);
    let mut body = frame(
        "Latency, all repeats together",
        &Legend { axis: &x, title: "latency of an operation (log scale)", words: &short_ns },
        &Legend { axis: &y, title: "samples (log scale)", words: &short_count },
    );
    for (bound, count) in bars {
        let (left, right) = (x.place(*bound as f64 * 0.83), x.place(*bound as f64));
        let top = y.place(*count as f64);
        body += &format!(
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>up to {}: {count}</title></rect>",
            (right - left - 0.6).max(0.8),
            (HEIGHT - BOTTOM - top).max(0.0),
            ns_words(*bound as f64),
        );
    }
    body += &percentile_marks(&x, marks);
    element("histogram of latencies", &body)
}

/// A vertical line a percentile, its name above the chart; a name that would touch the one before it is
/// left to the table.
fn percentile_marks(x: &Axis, marks: &[(&str, f64)]) -> String {
    let mut body = String::new();
    let mut free_from = f64::MIN;
    for (name, ns) in marks.iter().filter(|(_, ns)| *ns > 0.0) {
        let at = x.place(*ns);
        body += &format!(
            "<line class=\"mark\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{:.1}\"/>",
            HEIGHT - BOTTOM,
        );
        let width = 5.6 * name.len() as f64 + 6.0;
        if at - width / 2.0 >= free_from {
            body += &format!(
                "<text class=\"label\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{name}</text>",
                TOP - 5.0,
            );
            free_from = at + width / 2.0;
        }
    }
    body
}

/// Latency by percentile, a line a repeat, the percentiles spread towards the tail (90, 99, 99.9 equally
/// far apart). Points are (share from 0 to 1, nanoseconds).
#[must_use]
pub fn percentiles(curves: &[Vec<(f64, f64)>]) -> String {
    let tail = |share: f64| 1.0 / (1.0 - share.min(0.999_999));
    let all = || curves.iter().flatten();
    let (low, high) = bounds(all().map(|point| point.1));
    let (_, last) = bounds(all().map(|point| tail(point.0)));
    let x = Axis::log_across(1.0, last.max(10.0));
    let y = Axis::log_up(low * 0.8, high * 1.25);
    let mut body = frame(
        "Latency by percentile, a line a repeat",
        &Legend { axis: &x, title: "percentile (towards the tail)", words: &percentile_words },
        &Legend { axis: &y, title: "latency (log scale)", words: &short_ns },
    );
    for (at, curve) in curves.iter().enumerate() {
        body += &line(at, curve.iter().map(|(share, ns)| (x.place(tail(*share)), y.place(*ns))));
    }
    element("latency by percentile", &body)
}

/// Operations a second over the timed seconds, a line a repeat, a step a slice; stalls are dots. Points
/// are (end of the slice in seconds, rate).
#[must_use]
pub fn throughput(curves: &[Vec<(f64, f64)>]) -> String {
    let all = || curves.iter().flatten();
    let (_, last) = bounds(all().map(|point| point.0));
    let (_, high) = bounds(all().map(|point| point.1));
    let (x, y) = (Axis::linear_across(last), Axis::linear_up(high * 1.08));
    let mut body = frame(
        "Throughput over time, a line a repeat",
        &Legend { axis: &x, title: "time measured", words: &seconds_words(last) },
        &Legend { axis: &y, title: "operations a second", words: &short_count },
    );
    for (at, curve) in curves.iter().enumerate() {
        body += &line(at, steps(curve).map(|(when, rate)| (x.place(when), y.place(rate))));
        let rates: Vec<f64> = curve.iter().map(|point| point.1).collect();
        let slow = crate::stats::median(&rates).unwrap_or(0.0) * STALL_SHARE;
        for (when, rate) in curve.iter().filter(|(_, rate)| *rate < slow) {
            body += &format!(
                "<circle class=\"stall\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}/s</title></circle>",
                x.place(*when),
                y.place(*rate),
                count_words(*rate),
            );
        }
    }
    element("operations a second over time", &body)
}

/// A rate holds from the end of the slice before to the end of its own: two points each.
fn steps(curve: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let starts = std::iter::once(0.0).chain(curve.iter().map(|(end, _)| *end));
    starts.zip(curve).flat_map(|(start, (end, rate))| [(start, *rate), (*end, *rate)])
}

/// Width of a strip of repeats.
const STRIP_WIDTH: f64 = 120.0;

/// The repeats' figures as dots on a line from 0 to `most`, the median as a stroke: how far they spread.
#[must_use]
pub fn strip(values: &[f64], median: f64) -> String {
    let most = values.iter().copied().fold(median, f64::max).max(f64::MIN_POSITIVE) * 1.05;
    let place = |value: f64| 3.0 + (STRIP_WIDTH - 6.0) * (value / most).clamp(0.0, 1.0);
    let mut body = format!(
        "<line class=\"grid\" x1=\"3\" y1=\"8\" x2=\"{:.1}\" y2=\"8\"/>",
        STRIP_WIDTH - 3.0
    );
    for value in values {
        body += &format!("<circle class=\"dot\" cx=\"{:.1}\" cy=\"8\" r=\"3\"/>", place(*value));
    }
    let at = place(median);
    body += &format!("<line class=\"median\" x1=\"{at:.1}\" y1=\"1\" x2=\"{at:.1}\" y2=\"15\"/>");
    format!(
        "<svg class=\"strip\" viewBox=\"0 0 {STRIP_WIDTH} 16\" role=\"img\" aria-label=\"{} repeats\">{body}</svg>",
        values.len()
    )
}

/// Least and greatest of positive values; 1 and 10 when there are none.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut found = (f64::INFINITY, 0.0_f64);
    for value in values.filter(|value| value.is_finite() && *value > 0.0) {
        found = (found.0.min(value), found.1.max(value));
    }
    if found.1 > 0.0 { found } else { (1.0, 10.0) }
}

/// A round duration, as short as it can be said.
fn short_ns(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", round_words(value))
}

/// A round count, as short as it can be said.
fn short_count(count: f64) -> String {
    match count {
        count if count < 1e3 => round_words(count),
        count if count < 1e6 => format!("{} k", round_words(count / 1e3)),
        count => format!("{} M", round_words(count / 1e6)),
    }
}

/// At most two digits after the point, and none that say nothing.
fn round_words(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds in the unit that suits the whole axis, so that its labels are of one kind.
fn seconds_words(last: f64) -> impl Fn(f64) -> String {
    let (factor, unit) = match last {
        last if last < 2e-3 => (1e6, "µs"),
        last if last < 2.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    move |value| format!("{} {unit}", round_words(value * factor))
}

/// The percentile whose tail is one in `tail`: p50, p90, p99, p99.9.
fn percentile_words(tail: f64) -> String {
    let percent = 100.0 * (1.0 - 1.0 / tail);
    let digits = if percent < 99.5 { 0 } else { (tail.log10().round() as usize).saturating_sub(2) };
    format!("p{percent:.digits$}")
}

fn line(at: usize, points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polyline class=\"line c{}\" points=\"{}\"/>", at % COLOURS, points.join(" "))
}

fn element(description: &str, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{description}\">{body}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_survive_any_data() {
        type Curves = Vec<Vec<(f64, f64)>>;
        let curves: &[(&str, Curves)] = &[
            ("nothing", vec![]),
            ("an empty curve", vec![vec![]]),
            ("one point", vec![vec![(0.5, 10.0)]]),
            ("zeros", vec![vec![(0.0, 0.0), (1.0, 0.0)]]),
            ("many", vec![(0..300).map(|i| (f64::from(i) / 300.0, f64::from(i * i))).collect()]),
            ("infinite", vec![vec![(0.1, f64::INFINITY), (0.2, f64::NAN)]]),
        ];
        for (name, curves) in curves {
            for chart in [percentiles(curves), throughput(curves)] {
                assert!(chart.starts_with("<svg") && chart.ends_with("</svg>"), "{name}");
                assert!(!chart.contains("NaN") && !chart.contains("inf"), "{name}: {chart}");
            }
        }
        for bars in [vec![], vec![(1, 1)], vec![(10, 5), (20, 100_000)]] {
            let chart = histogram(&bars, &[("p50", 10.0), ("p99", 10.5)]);
            assert_eq!(chart.matches("class=\"bar\"").count(), bars.len());
            assert_eq!(chart.matches("class=\"mark\"").count(), 2);
            assert_eq!(chart.matches("class=\"label\"").count(), 1, "names do not touch");
            assert!(!chart.contains("NaN"), "{chart}");
        }
        assert_eq!(strip(&[1.0, 2.0, 3.0], 2.0).matches("class=\"dot\"").count(), 3);
    }

    #[test]
    fn stalls_are_marked() {
        let mut curve: Vec<(f64, f64)> = (1..=10).map(|i| (f64::from(i), 100.0)).collect();
        curve[4].1 = 10.0;
        assert_eq!(throughput(&[curve]).matches("class=\"stall\"").count(), 1);
    }

    #[test]
    fn labels_are_short() {
        for (ns, expected) in [(1.0, "1 ns"), (1500.0, "1.5 µs"), (2e6, "2 ms"), (1e9, "1 s")] {
            assert_eq!(short_ns(ns), expected);
        }
        for (tail, expected) in [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1000.0, "p99.9")] {
            assert_eq!(percentile_words(tail), expected);
        }
        assert_eq!(seconds_words(0.5)(0.2), "200 ms");
        assert_eq!(short_count(250_000.0), "250 k");
    }
}
