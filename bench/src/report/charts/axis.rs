//! An axis: where a value lies, which values get a line and a label, and the frame around a chart.

/// Size of a chart and its margins, in the units of its `viewBox`.
pub(super) const WIDTH: f64 = 440.0;
pub(super) const HEIGHT: f64 = 230.0;
pub(super) const LEFT: f64 = 58.0;
pub(super) const RIGHT: f64 = 22.0;
pub(super) const TOP: f64 = 34.0;
pub(super) const BOTTOM: f64 = 44.0;

/// Most labels on an axis: more would touch each other.
const TICKS_MAX: usize = 6;

/// Maps values to places, in a straight line or by factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Across the chart, by factors.
    pub(super) fn log_across(low: f64, high: f64) -> Self {
        Self::log(low, high, LEFT, WIDTH - RIGHT)
    }

    /// Up the chart, by factors.
    pub(super) fn log_up(low: f64, high: f64) -> Self {
        Self::log(low, high, HEIGHT - BOTTOM, TOP)
    }

    /// Across the chart, from 0.
    pub(super) fn linear_across(high: f64) -> Self {
        Self::linear(high, LEFT, WIDTH - RIGHT)
    }

    /// Up the chart, from 0.
    pub(super) fn linear_up(high: f64) -> Self {
        Self::linear(high, HEIGHT - BOTTOM, TOP)
    }

    fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low * 2.0 };
        Self { log: true, low, high, from, to }
    }

    fn linear(high: f64, from: f64, to: f64) -> Self {
        Self { log: false, low: 0.0, high: if high > 0.0 { high } else { 1.0 }, from, to }
    }

    /// Where `value` lies; values beyond an end lie on it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if value.is_nan() { self.low } else { value.clamp(self.low, self.high) };
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + (self.to - self.from) * share
    }

    /// Round values within the axis, at most [`TICKS_MAX`]: 1, 2 and 5 times powers of ten if they fit,
    /// else powers of ten, else every second of these, and so on.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return self.linear_ticks();
        }
        let within = |tick: &f64| *tick >= self.low * 0.999 && *tick <= self.high * 1.001;
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let steps: [&[f64]; 3] = [&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0]];
        for factors in steps {
            let ticks: Vec<f64> = (first..=last)
                .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
                .filter(within)
                .collect();
            if ticks.len() <= TICKS_MAX {
                return ticks;
            }
        }
        let step = ((last - first) as usize).div_ceil(TICKS_MAX).max(1);
        (first..=last).step_by(step).map(|power| 10_f64.powi(power)).filter(within).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let rough = self.high / (TICKS_MAX - 1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= rough).unwrap_or(10.0);
        let step = factor * power;
        (0..=TICKS_MAX)
            .map(|at| at as f64 * step)
            .filter(|tick| *tick <= self.high * 1.001)
            .collect()
    }
}

/// What an axis says: its title with the unit, and the words of a value.
pub(super) struct Legend<'a> {
    pub(super) axis: &'a Axis,
    pub(super) title: &'a str,
    pub(super) words: &'a dyn Fn(f64) -> String,
}

/// Title, grid, labels of both axes.
pub(super) fn frame(title: &str, x: &Legend<'_>, y: &Legend<'_>) -> String {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let mut body = format!("<text class=\"name\" x=\"{LEFT}\" y=\"14\">{title}</text>");
    for tick in x.axis.ticks() {
        let at = x.axis.place(tick);
        body += &format!(
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            bottom + 14.0,
            (x.words)(tick),
        );
    }
    for tick in y.axis.ticks() {
        let at = y.axis.place(tick);
        body += &format!(
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 6.0,
            at + 3.5,
            (y.words)(tick),
        );
    }
    let middle = f64::midpoint(TOP, bottom);
    body += &format!(
        "<text class=\"axis\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text class=\"axis\" text-anchor=\"middle\" transform=\"translate(11 {middle:.1}) rotate(-90)\">{}</text>\
         <path class=\"edge\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>",
        f64::midpoint(LEFT, right),
        HEIGHT - 10.0,
        x.title,
        y.title,
    );
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_few_and_within() {
        let cases = [
            ("a decade and a half", Axis::log_across(900.0, 40_000.0), 3),
            ("a narrow hill", Axis::log_across(1_000.0, 1_400.0), 1),
            ("nine decades", Axis::log_across(1.0, 1e9), 4),
            ("half a second", Axis::linear_across(0.5), 4),
            ("millions", Axis::linear_up(3_456_789.0), 3),
        ];
        for (name, axis, least) in cases {
            let ticks = axis.ticks();
            assert!((least..=TICKS_MAX).contains(&ticks.len()), "{name}: {ticks:?}");
            let inside = |tick: &f64| *tick >= axis.low * 0.999 && *tick <= axis.high * 1.001;
            assert!(ticks.iter().all(inside), "{name}: {ticks:?}");
            let places: Vec<f64> = ticks.iter().map(|tick| axis.place(*tick)).collect();
            let apart = |pair: &[f64]| (pair[1] - pair[0]).abs() >= 20.0;
            assert!(places.windows(2).all(apart), "{name}: labels touch: {places:?}");
        }
    }
}
