//! Three small charts as inline SVG, by hand: histogram, percentile curve, throughput over time.
//!
//! Called by `html`. Each returns a whole `<svg>` element with a title, axis labels and units; colours
//! come from the page's style sheet, so that both light and dark work.

use crate::report::{count_words, ns_words};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

/// Latencies as bars: upper bound in nanoseconds and count. Both axes grow by factors.
#[must_use]
pub fn histogram(bars: &[(u64, u64)]) -> String {
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or(1).max(1) as f64;
    let (low, high) = bounds(bars.iter().map(|bar| bar.0 as f64));
    let x = Axis::log(low * 0.85, high * 1.15, LEFT, WIDTH - RIGHT);
    let y = Axis::log(0.5, most, HEIGHT - BOTTOM, TOP);
    let mut body = frame("latency, counts", &x, &y, ns_words, count_words);
    for (bound, count) in bars {
        let right = x.place(*bound as f64);
        let left = x.place(*bound as f64 * 0.82);
        let top = y.place(*count as f64);
        body += &format!(
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>up to {}: {count}</title></rect>",
            (right - left).max(1.0),
            (HEIGHT - BOTTOM - top).max(0.0),
            ns_words(*bound as f64),
        );
    }
    element(&body)
}

/// Latency by percentile, the percentiles spread towards the tail (90, 99, 99.9 equally far apart).
/// Points are (share from 0 to 1, nanoseconds).
#[must_use]
pub fn percentiles(curves: &[Vec<(f64, f64)>]) -> String {
    let tail = |share: f64| 1.0 / (1.0 - share.min(0.99999));
    let all = || curves.iter().flatten();
    let (low, high) = bounds(all().map(|point| point.1));
    let (_, last) = bounds(all().map(|point| tail(point.0)));
    let x = Axis::log(1.0, last.max(10.0), LEFT, WIDTH - RIGHT);
    let y = Axis::log(low * 0.8, high * 1.25, HEIGHT - BOTTOM, TOP);
    let share_words = |tail: f64| {
        let percent = 100.0 * (1.0 - 1.0 / tail);
        let digits =
            if percent < 90.0 { 0 } else { (tail.log10().round() as usize).saturating_sub(2) };
        format!("{percent:.digits$} %")
    };
    let mut body = frame("latency by percentile, a line a repeat", &x, &y, share_words, ns_words);
    for curve in curves {
        body += &line(curve.iter().map(|(share, ns)| (x.place(tail(*share)), y.place(*ns))));
    }
    element(&body)
}

/// Operations a second over the timed seconds; one line a repeat.
#[must_use]
pub fn throughput(curves: &[Vec<(f64, f64)>]) -> String {
    let all = || curves.iter().flatten();
    let (_, last) = bounds(all().map(|point| point.0));
    let (_, high) = bounds(all().map(|point| point.1));
    let x = Axis::linear(0.0, last, LEFT, WIDTH - RIGHT);
    let y = Axis::linear(0.0, high * 1.1, HEIGHT - BOTTOM, TOP);
    let seconds = |value: f64| ns_words(value * 1e9);
    let mut body = frame("operations a second over time", &x, &y, seconds, count_words);
    for curve in curves {
        body += &line(curve.iter().map(|(at, rate)| (x.place(*at), y.place(*rate))));
    }
    element(&body)
}

/// Least and greatest of positive values; 1 and 10 when there are none.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut found = (f64::INFINITY, 0.0_f64);
    for value in values.filter(|value| value.is_finite() && *value > 0.0) {
        found = (found.0.min(value), found.1.max(value));
    }
    if found.1 > 0.0 { found } else { (1.0, 10.0) }
}

/// Maps values to places, in a straight line or by factors.
struct Axis {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low * 2.0 };
        Self { log: true, low, high, from, to }
    }

    fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { log: false, low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + (self.to - self.from) * share
    }

    /// Powers of ten within a factor axis (or three places when there are fewer than two), four equal
    /// steps of a straight one.
    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return (0..=4)
                .map(|at| self.low + (self.high - self.low) * f64::from(at) / 4.0)
                .collect();
        }
        let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
        let step = ((last - first) / 6).max(0) + 1;
        let powers: Vec<f64> =
            (first..=last).step_by(step as usize).map(|power| 10_f64.powi(power)).collect();
        if powers.len() >= 2 {
            return powers;
        }
        vec![self.low, (self.low * self.high).sqrt(), self.high]
    }
}

fn frame(
    title: &str,
    x: &Axis,
    y: &Axis,
    x_words: impl Fn(f64) -> String,
    y_words: impl Fn(f64) -> String,
) -> String {
    let mut body = format!("<text class=\"name\" x=\"{LEFT}\" y=\"15\">{title}</text>");
    let bottom = HEIGHT - BOTTOM;
    for tick in x.ticks() {
        let at = x.place(tick);
        body += &format!(
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>"
        );
        body += &format!(
            "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.clamp(LEFT + 8.0, WIDTH - 24.0),
            bottom + 15.0,
            x_words(tick),
        );
    }
    for tick in y.ticks() {
        let at = y.place(tick);
        let right = WIDTH - RIGHT;
        body += &format!(
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>"
        );
        body += &format!(
            "<text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 5.0,
            at + 4.0,
            y_words(tick),
        );
    }
    body
}

fn line(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polyline class=\"line\" points=\"{}\"/>", points.join(" "))
}

fn element(body: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">{body}</svg>")
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
                assert!(!chart.contains("NaN") || *name == "infinite", "{name}: {chart}");
            }
        }
        for bars in [vec![], vec![(1, 1)], vec![(10, 5), (20, 100_000)]] {
            let chart = histogram(&bars);
            assert_eq!(chart.matches("class=\"bar\"").count(), bars.len());
            assert!(!chart.contains("NaN"), "{chart}");
        }
    }
}
