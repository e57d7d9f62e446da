//! Drawing the benchmarks: the list, and the run with its figures.

use super::figures::{figure, nanos, rate};
use super::{BenchScreen, Pane};
use crate::model::bench::{Axis, Figure, PAIRS, Repeat};
use crate::theme::Role;
use crate::widgets::bar::{bar, spark, squeeze};
use crate::widgets::{Painter, histogram, text};
use northstar_bench::events::{Phase, Sample};
use northstar_engine::printable::Printable;

/// From this width on list and run stand side by side.
const WIDE: u16 = 110;
/// Columns of the list beside a run: what the longest name and `gated` take where there is room for it.
const LIST: u16 = 40;
const LIST_WIDE: u16 = 50;
/// Columns that are left to the run at least.
const RUN_MIN: u16 = 70;
/// Rows of the latency histogram.
const HISTOGRAM_ROWS: u16 = 4;
/// Rows it takes on a high terminal.
const HISTOGRAM_ROWS_MAX: u16 = 10;
/// Most an observer may cost, in percent.
const OBSERVER_PERCENT_MAX: f64 = 1.0;

type Line = Vec<(Role, String)>;

fn line(role: Role, text: impl Into<String>) -> Line {
    vec![(role, text.into())]
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Setup => "setting up (not timed)",
        Phase::WarmUp => "warming up (not counted)",
        Phase::Measure => "measuring",
        Phase::Verify => "verifying the result",
    }
}

impl BenchScreen {
    pub(super) fn draw_all(&self, painter: &mut Painter<'_>) {
        let (width, height) = (painter.width(), painter.height());
        if width >= WIDE {
            let list = (width - RUN_MIN).clamp(LIST, LIST_WIDE);
            self.draw_list(&mut painter.part(0, 0, list, height), true);
            painter.fill(list, 0, 1, height, '│', Role::Border);
            self.draw_run(&mut painter.part(list + 2, 0, width - list - 3, height));
        } else if self.pane == Pane::List {
            self.draw_list(&mut painter.part(0, 0, width, height), false);
        } else {
            self.draw_run(&mut painter.part(1, 0, width.saturating_sub(2), height));
        }
    }

    fn draw_list(&self, painter: &mut Painter<'_>, beside: bool) {
        let (width, height) = (painter.width(), painter.height());
        let count = text::plural(self.found.len() as u64, "benchmark");
        let x = painter.put(1, 0, &count, Role::Title);
        let size = if self.profile.trimmed() { "trimmed" } else { "full size" };
        let x = painter.put(x + 2, 0, size, Role::Dim);
        if !self.filter.is_empty() {
            painter.put(x + 2, 0, &format!("with {}", self.filter), Role::Accent);
        }
        if self.found.is_empty() {
            painter.put(1, 1, "none has these letters; / changes them", Role::Dim);
            return;
        }
        // Beside a run that is not there yet stands what it would be.
        let elsewhere = beside && self.shown.is_none();
        let why = if elsewhere { Vec::new() } else { self.why_lines(width.saturating_sub(2)) };
        let below = u16::try_from(why.len()).unwrap_or(0).min(height / 3);
        let rows = usize::from(height.saturating_sub(below + 2));
        for (y, at) in (1_u16..).zip(self.cursor.window(self.found.len(), rows)) {
            let Some(entry) = self.found.get(at).and_then(|at| self.entries.get(*at)) else {
                break;
            };
            let running = self.going.as_ref().is_some_and(|going| going.id == entry.id);
            let measured = self.shown.as_deref() == Some(entry.id);
            let mark = match (running, measured) {
                (true, _) => "●",
                (_, true) => "○",
                _ => " ",
            };
            let mut row = painter.part(0, y, width, 1);
            row.put(1, 0, mark, Role::Accent);
            let gated = if entry.critical { "gated" } else { "" };
            let room = usize::from(width).saturating_sub(5 + gated.len());
            row.put(3, 0, &text::cut(entry.id, room), Role::Text);
            row.put_right(width.saturating_sub(1), 0, gated, Role::Dim);
            if at == self.cursor.at {
                row.mark(0, 0, width, 1, Role::Selected);
                row.put(0, 0, "▌", Role::Selected);
            }
        }
        let top = height.saturating_sub(below);
        for (y, line) in (top..height).zip(&why) {
            painter.put(1, y, line, Role::Dim);
        }
    }

    /// What is below the list: why the benchmark exists, what a comparison is worth, what went wrong.
    fn why_lines(&self, width: u16) -> Vec<String> {
        let width = usize::from(width);
        let mut lines = text::wrap(self.selected().map_or("", |entry| entry.why), width);
        let axes = self.axes_line(width).into_iter();
        lines.extend(axes.map(|line| line.into_iter().map(|(_, piece)| piece).collect::<String>()));
        lines.extend(self.error.iter().map(|why| format!("✗ {why}")));
        lines
    }

    fn draw_run(&self, painter: &mut Painter<'_>) {
        let width = usize::from(painter.width());
        let mut y = 0;
        let show = |painter: &mut Painter<'_>, y: &mut u16, lines: Vec<Line>| {
            for line in lines {
                painter.spans(0, *y, &line);
                *y = y.saturating_add(1);
            }
        };
        show(painter, &mut y, self.head_lines(width));
        if let Some(sample) = &self.live.last {
            show(painter, &mut y, self.throughput_lines(width, sample));
            // The shape of the latencies where there is room for it and the figures below.
            let high = (painter.height() / 5).clamp(HISTOGRAM_ROWS, HISTOGRAM_ROWS_MAX);
            let rows = high.min(painter.height().saturating_sub(y + 8));
            if rows > 1 {
                let columns = histogram::spread(&sample.bars, width);
                histogram::draw(
                    &mut painter.part(0, y, painter.width(), rows),
                    &columns,
                    Role::Heat(5),
                );
                y += rows;
            }
            show(painter, &mut y, latency_lines(width, sample, rows <= 1));
        }
        let results = self.result_lines(width).into_iter().skip(self.scroll).collect();
        show(painter, &mut y, results);
    }

    /// Everything about the run as lines, its histogram squeezed into one.
    pub(super) fn run_lines(&self, width: usize) -> Vec<Line> {
        let mut lines = self.head_lines(width);
        if let Some(sample) = &self.live.last {
            lines.extend(self.throughput_lines(width, sample));
            lines.extend(latency_lines(width, sample, true));
        }
        lines.extend(self.result_lines(width));
        lines
    }

    fn head_lines(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let Some(shown) = &self.shown else {
            let hint = "Enter runs the selected benchmark in child processes, one a repeat. b takes a \
                folder of results to compare with, o replays a stored run, w measures what watching costs.";
            if let Some(entry) = self.selected() {
                lines.push(line(Role::Title, entry.id));
                lines.extend(
                    text::wrap(entry.why, width).into_iter().map(|why| line(Role::Text, why)),
                );
                let gate =
                    if entry.critical { "a regression of it fails the gate" } else { "not gated" };
                lines.push(line(Role::Dim, gate));
                lines.push(Line::new());
            }
            lines.extend(text::wrap(hint, width).into_iter().map(|hint| line(Role::Dim, hint)));
            lines.extend(self.axes_line(width));
            lines.extend(self.error.iter().map(|why| line(Role::Bad, format!("✗ {why}"))));
            return lines;
        };
        let params = self.live.subject.as_ref().map_or("", |subject| &subject.params);
        let room = width.saturating_sub(text::width(shown) + 2);
        lines.push(vec![
            (Role::Title, shown.clone()),
            (Role::Dim, format!("  {}", text::cut(params, room))),
        ]);
        lines.push(line(Role::Dim, text::cut(&self.live.machine, width)));
        lines.extend(self.axes_line(width));
        lines.push(self.state_line());
        lines.extend(self.error.iter().map(|why| line(Role::Bad, format!("✗ {why}"))));
        lines
    }

    /// What a comparison with the baseline is worth, axis by axis.
    fn axes_line(&self, width: usize) -> Vec<Line> {
        let Some(baseline) = &self.baseline else { return Vec::new() };
        // The end of a path says more than its begin.
        let parts: Vec<_> = baseline.path.iter().rev().take(2).collect();
        let name: Vec<_> = parts.iter().rev().map(|part| part.to_string_lossy()).collect();
        let name = Printable::capped(name.join("/"), 28).into_string();
        let mut head = line(Role::Dim, format!("against {name}  "));
        if self.axes.is_empty() {
            head.push((Role::Warn, "it has no such benchmark".to_owned()));
            return vec![head];
        }
        for Axis { name, same, .. } in &self.axes {
            head.push(match same {
                Some(true) => (Role::Good, format!("✓ {name}  ")),
                Some(false) => (Role::Bad, format!("✗ {name}  ")),
                None => (Role::Warn, format!("? {name}  ")),
            });
        }
        let mut lines = vec![head];
        for axis in self.axes.iter().filter(|axis| axis.same != Some(true)) {
            let why = format!("  {}: {}", axis.name, axis.why);
            lines.push(line(Role::Dim, text::cut(&why, width)));
        }
        lines
    }

    fn state_line(&self) -> Line {
        let mut state = Vec::new();
        if let Some(recording) = &self.recording {
            let (at, all, ms) = recording.position();
            let when = ms as f64 / 1000.0;
            state.push((Role::Accent, format!("replay {at}/{all} at {when:.1} s  ← → step  ")));
        }
        let paused = self.going.as_ref().is_some_and(|going| going.control.is_paused());
        match (&self.live.ended, self.live.phase) {
            (Some(ended), _) => state.push((Role::Accent, ended.clone())),
            (None, _) if paused => {
                state.push((Role::Warn, "held before the next repeat; p goes on".to_owned()));
            }
            (None, Some(phase)) => state.push((Role::Accent, phase_name(phase).to_owned())),
            (None, None) if self.going.is_some() => {
                state.push((Role::Accent, "starting the worker…".to_owned()));
            }
            (None, None) => {}
        }
        if let (Some((done, total)), None) = (self.live.progress(), &self.live.ended) {
            state.push((Role::Text, format!("  {} ", bar(done, total, 16))));
            state.push((Role::Text, format!("{} %", text::percent(done, total))));
        }
        if let Some(subject) = self.live.subject.as_ref().filter(|_| self.live.ended.is_none()) {
            let total = self.live.repeats_total;
            state.push((Role::Dim, format!("  repeat {} of {total}", subject.repeat + 1)));
        }
        state
    }

    fn throughput_lines(&self, width: usize, sample: &Sample) -> Vec<Line> {
        let head = format!("throughput {:>10} ", rate(sample.ops_per_second));
        let columns = width.saturating_sub(text::width(&head)).max(1);
        let rates = self.live.rates_shown();
        let shown = spark(&squeeze(&rates, columns));
        let stalls = self.live.stalls();
        let mut marks = vec![' '; columns];
        for stall in &stalls {
            let at =
                if rates.len() <= columns { stall.at } else { stall.at * columns / rates.len() };
            if let Some(mark) = marks.get_mut(at) {
                *mark = '^';
            }
        }
        let mut lines = vec![vec![(Role::Text, head.clone()), (Role::Heat(4), shown)]];
        if let Some(worst) = stalls.iter().map(|stall| stall.slowest_ns).max() {
            let words = text::plural(stalls.len() as u64, "stall");
            let marks: String = marks.into_iter().collect();
            lines.push(vec![
                (Role::Warn, text::fit(&format!("^ {words}"), text::width(&head))),
                (Role::Warn, marks),
            ]);
            let worst = format!(
                "  less than half the median rate; the slowest batch {} an operation",
                nanos(worst as f64)
            );
            lines.push(line(Role::Dim, text::cut(&worst, width)));
        }
        lines
    }

    pub(super) fn result_lines(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        match &self.outcome {
            Some(outcome) => {
                lines.extend(self.verdict_lines(width));
                lines.push(line(Role::Title, figures_head(outcome.passed.is_some(), width)));
                let shown = outcome.figures.iter().filter(|figure| worth_showing(figure));
                lines.extend(shown.map(|figure| figure_line(figure, width)));
            }
            None => lines.extend(self.live.repeats.iter().map(|repeat| repeat_line(repeat, width))),
        }
        lines.extend(self.cost_line());
        lines
    }

    fn verdict_lines(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let Some(outcome) = &self.outcome else { return lines };
        let counts: Vec<String> =
            outcome.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        match outcome.passed {
            Some(true) => lines.push(vec![
                (Role::Good, "✓ gate: pass  ".to_owned()),
                (Role::Dim, counts.join(", ")),
            ]),
            Some(false) => lines.push(vec![
                (Role::Bad, "✗ gate: FAIL  ".to_owned()),
                (Role::Dim, counts.join(", ")),
            ]),
            None => {}
        }
        for reason in &outcome.reasons {
            lines.push(line(Role::Warn, text::cut(&format!("  {reason}"), width)));
        }
        for Repeat { result, .. } in &self.live.repeats {
            if let Err(why) = result {
                lines.push(line(
                    Role::Bad,
                    text::cut(&format!("✗ a repeat gave no result: {why}"), width),
                ));
            }
        }
        lines
    }

    fn cost_line(&self) -> Vec<Line> {
        let Some(cost) = &self.cost else { return Vec::new() };
        let (Some(percent), Some((watched, unseen))) = (cost.percent(), cost.medians()) else {
            return Vec::new();
        };
        let done = cost.pairs.len();
        let share = cost.share_percent();
        // The share is the most that watching can cost; without it the pairs have to tell.
        let role = match share.unwrap_or(percent) {
            _ if done < PAIRS => Role::Accent,
            most if most <= OBSERVER_PERCENT_MAX => Role::Good,
            _ => Role::Warn,
        };
        let in_words = |value: f64, range: Option<(f64, f64)>| {
            let range = range.map(|(low, high)| format!(" [{low:+.2}, {high:+.2}]"));
            format!("{value:+.2} %{}", range.unwrap_or_default())
        };
        let share = share.map_or_else(String::new, |share| {
            format!("{} of a processor at most; ", in_words(share, cost.share_interval()))
        });
        let head =
            format!("cost of watching: {share}{} in pairs", in_words(percent, cost.interval()));
        let rest = format!(
            "  {done} of {PAIRS} pairs; watched {}, unseen {}",
            rate(watched),
            rate(unseen)
        );
        vec![line(role, head), line(Role::Dim, rest)]
    }
}

fn latency_lines(width: usize, sample: &Sample, squeezed: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    if let (Some((low, _)), Some((high, _))) = (sample.bars.first(), sample.bars.last()) {
        let (low, high) = (nanos(*low as f64), nanos(*high as f64));
        let room = width.saturating_sub(text::width(&low) + text::width(&high) + 10);
        let middle = match squeezed {
            true => spark(&histogram::spread(&sample.bars, room.max(1))),
            false => text::fit(" log scale", room.max(1)),
        };
        lines.push(vec![
            (Role::Dim, format!("latency {low} ")),
            (if squeezed { Role::Heat(5) } else { Role::Dim }, middle),
            (Role::Dim, format!(" {high}")),
        ]);
    }
    let percentiles = [
        ("p50", sample.p50_ns),
        ("p95", sample.p95_ns),
        ("p99", sample.p99_ns),
        ("p99.9", sample.p999_ns),
        ("max", sample.max_ns),
    ];
    let mut figures = Vec::new();
    for (name, ns) in percentiles {
        figures.push((Role::Dim, format!("{name} ")));
        figures.push((Role::Text, format!("{}  ", nanos(ns as f64))));
    }
    lines.push(figures);
    let mut counted = format!("operations {}", text::count(sample.ops_done));
    if let Some(syncs) = sample.syncs {
        let each = syncs as f64 / sample.ops_done.max(1) as f64;
        counted += &format!("  syncs {} ({each:.3} an operation)", text::count(syncs));
    }
    if let Some(written) = sample.bytes_written {
        counted += &format!("  written {}", text::bytes(written));
    }
    lines.push(line(Role::Dim, text::cut(&counted, width)));
    lines
}

/// Timing always; a counter when it counted something or moved.
fn worth_showing(figure: &Figure) -> bool {
    figure.now != 0.0 || figure.base.is_some_and(|base| base != 0.0)
}

fn figures_head(compared: bool, width: usize) -> String {
    let head = match compared {
        true => format!("{:<22}{:>12}{:>12}{:>9}  verdict", "figure", "now", "baseline", "change"),
        false => format!("{:<22}{:>12}", "figure", "now"),
    };
    text::cut(&head, width)
}

fn figure_line(figure: &Figure, width: usize) -> Line {
    let Figure { metric, unit, now, base, change_percent, verdict, reason, .. } = figure;
    let value = |value: f64| self::figure(value, unit);
    let base = base.map(value).unwrap_or_default();
    let change = change_percent.map(|change| format!("{change:+.1} %")).unwrap_or_default();
    let head = format!("{metric:<22}{:>12}{base:>12}{change:>9}  ", value(*now));
    let (role, verdict) = match *verdict {
        Some("pass") => (Role::Good, "✓ pass".to_owned()),
        Some("fail" | "missing") => (Role::Bad, format!("✗ {reason}")),
        Some(name) => (Role::Warn, name.to_owned()),
        None => (Role::Dim, String::new()),
    };
    let room = width.saturating_sub(text::width(&head));
    vec![(Role::Text, head), (role, text::cut(&verdict, room))]
}

fn repeat_line(repeat: &Repeat, width: usize) -> Line {
    let Repeat { subject, result } = repeat;
    let number = subject.repeat + 1;
    match result {
        Ok(figures) => {
            let syncs = figures.syncs.map(|syncs| format!("  syncs {}", text::count(syncs)));
            let figures = format!(
                "repeat {number}  {:>10}  p50 {}  p99 {}{}",
                rate(figures.ops_per_second),
                nanos(figures.p50_ns as f64),
                nanos(figures.p99_ns as f64),
                syncs.unwrap_or_default()
            );
            line(Role::Text, text::cut(&figures, width))
        }
        Err(why) => line(Role::Bad, text::cut(&format!("repeat {number}  ✗ {why}"), width)),
    }
}
