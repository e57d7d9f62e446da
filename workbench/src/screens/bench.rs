//! Benchmarks, run in a child process and watched live. Esc kills the worker; what crashes there is a
//! result here.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::bench::{BenchEntry, REPEATS, RunBench, catalog};
use crate::place::At;
use crate::theme::Role;
use crate::widgets::bar::{spark, squeeze};
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use northstar_bench::events::{Event, Phase, Sample, What};
use serde_json::{Value, json};
use std::any::Any;

const RUN: &str = "run";
/// Samples kept for the throughput line.
const SAMPLES_MAX: usize = 2000;

/// A repeat that is done.
#[derive(Clone, Debug)]
struct Repeat {
    params: String,
    number: u32,
    result: Result<(f64, u64, u64, Option<u64>), String>,
}

/// The screen.
#[derive(Debug, Default)]
pub struct BenchScreen {
    entries: Vec<BenchEntry>,
    cursor: Cursor,
    running: Option<&'static str>,
    phase: Option<Phase>,
    params: String,
    throughput: Vec<u64>,
    last: Option<Sample>,
    repeats: Vec<Repeat>,
    machine: String,
    ended: Option<String>,
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Setup => "setup (not timed)",
        Phase::WarmUp => "warm-up (not counted)",
        Phase::Measure => "measuring",
        Phase::Verify => "verifying the result",
    }
}

fn nanos(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 1e6 => format!("{:.2} M/s", r / 1e6),
        r if r >= 1e4 => format!("{:.1} k/s", r / 1e3),
        r => format!("{r:.0} /s"),
    }
}

impl BenchScreen {
    fn take(&mut self, event: Event) {
        match event.what {
            What::RunStarted { machine, .. } => self.machine = machine,
            What::RepeatStarted { subject, .. } => {
                self.params = subject.params;
                self.throughput.clear();
                self.last = None;
            }
            What::Phase { phase, .. } => self.phase = Some(phase),
            What::Sample { sample, .. } => {
                if self.throughput.len() < SAMPLES_MAX {
                    self.throughput.push(sample.ops_per_second as u64);
                }
                self.last = Some(sample);
            }
            What::RepeatDone { subject, ops_per_second, p50_ns, p99_ns, syncs, .. } => {
                self.repeats.push(Repeat {
                    params: subject.params,
                    number: subject.repeat,
                    result: Ok((ops_per_second, p50_ns, p99_ns, syncs)),
                });
            }
            What::RepeatFailed { subject, reason } => self.repeats.push(Repeat {
                params: subject.params,
                number: subject.repeat,
                result: Err(reason),
            }),
            What::RunDone { state, done, failed } => {
                self.phase = None;
                self.ended = Some(format!("{state:?}: {done} repeats done, {failed} failed"));
            }
            _ => {}
        }
    }

    fn repeat_line(repeat: &Repeat) -> (Role, String) {
        let Repeat { params, number, result } = repeat;
        match result {
            Ok((per_second, p50, p99, syncs)) => {
                let syncs = syncs.map(|syncs| format!("  syncs {syncs}")).unwrap_or_default();
                let line = format!(
                    "#{number} {params}  {}  p50 {}  p99 {}{syncs}",
                    rate(*per_second),
                    nanos(*p50),
                    nanos(*p99)
                );
                (Role::Text, line)
            }
            Err(why) => (Role::Bad, format!("#{number} {params}  ✗ {why}")),
        }
    }

    fn draw_live(&self, painter: &mut Painter<'_>) {
        let width = usize::from(painter.width());
        let Some(id) = self.running else {
            let hint =
                format!("Enter runs it: {REPEATS} repeats at the ci profile, in a child process.");
            for (y, line) in (0_u16..).zip(text::wrap(&hint, width)) {
                painter.put(0, y, &line, Role::Dim);
            }
            return;
        };
        let mut lines: Vec<(Role, String)> = Vec::new();
        lines.push((Role::Title, format!("{id}  {}", self.params)));
        lines.push((Role::Dim, self.machine.clone()));
        match (&self.ended, self.phase) {
            (Some(ended), _) => lines.push((Role::Accent, ended.clone())),
            (None, Some(phase)) => lines.push((Role::Accent, phase_name(phase).to_owned())),
            (None, None) => lines.push((Role::Accent, "starting the worker…".to_owned())),
        }
        if let Some(sample) = &self.last {
            let figures = squeeze(&self.throughput, width.saturating_sub(22).max(1));
            let now = rate(sample.ops_per_second);
            lines.push((Role::Text, format!("throughput {now:>10} {}", spark(&figures))));
            lines.push((
                Role::Text,
                format!(
                    "p50 {}  p95 {}  p99 {}  p99.9 {}  max {}",
                    nanos(sample.p50_ns),
                    nanos(sample.p95_ns),
                    nanos(sample.p99_ns),
                    nanos(sample.p999_ns),
                    nanos(sample.max_ns)
                ),
            ));
            let bars: Vec<u64> = sample.bars.iter().map(|(_, count)| *count).collect();
            if let (Some((low, _)), Some((high, _))) = (sample.bars.first(), sample.bars.last()) {
                let shape = spark(&squeeze(&bars, width.saturating_sub(30).max(1)));
                let line = format!("latency {} {shape} {}", nanos(*low), nanos(*high));
                lines.push((Role::Heat(5), line));
            }
        }
        lines.push((Role::Text, String::new()));
        lines.extend(self.repeats.iter().map(Self::repeat_line));
        for (y, (role, line)) in (0_u16..).zip(&lines) {
            painter.put(0, y, &text::cut(line, width), *role);
        }
    }
}

impl Component for BenchScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Bench
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if !self.entries.is_empty() {
            works.push(Act::BenchRun);
            works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        works
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        if act == Act::BenchRun {
            let Some(id) = self.entries.get(self.cursor.at).map(|entry| entry.id) else {
                return Vec::new();
            };
            let entries = std::mem::take(&mut self.entries);
            let cursor = self.cursor.clone();
            *self = Self { entries, cursor, running: Some(id), ..Self::default() };
            return vec![Effect::Run(RUN, Box::new(RunBench { id }))];
        }
        self.cursor.go(act, self.entries.len());
        Vec::new()
    }

    fn show(&mut self, _: &At, _: &Context) -> Vec<Effect> {
        if self.entries.is_empty() {
            self.entries = catalog();
        }
        Vec::new()
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        Vec::new()
    }

    fn loaded(&mut self, _: &'static str, data: Box<dyn Any + Send>, _: &Context) -> Vec<Effect> {
        if let Ok(event) = data.downcast::<Event>() {
            self.take(*event);
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.ended = Some(why.to_owned());
    }

    fn click(&mut self, _: u16, y: u16, _: bool, _: &Context) -> Vec<Effect> {
        if let Some(at) = self.cursor.row_at(usize::from(y), self.entries.len()) {
            self.cursor.select(at, self.entries.len());
        }
        Vec::new()
    }

    fn draw(&self, painter: &mut Painter<'_>, _: &Context) {
        let (width, height) = (painter.width(), painter.height());
        let wide = width >= 90;
        let list_width = if wide { 40 } else { width };
        let list_height = if wide { height } else { height / 2 };
        let window = self.cursor.window(self.entries.len(), usize::from(list_height));
        for (y, at) in (0_u16..).zip(window) {
            let Some(entry) = self.entries.get(at) else { break };
            let mut list = painter.part(0, y, list_width, 1);
            let mark = if self.running == Some(entry.id) { "●" } else { " " };
            list.put(1, 0, mark, Role::Accent);
            list.put(3, 0, entry.id, Role::Text);
            if at == self.cursor.at {
                list.mark(0, 0, list_width, 1, Role::Selected);
                list.put(0, 0, "▌", Role::Selected);
            }
        }
        let (x, top) = if wide { (list_width + 1, 0) } else { (1, list_height + 1) };
        let mut right =
            painter.part(x, top, width.saturating_sub(x + 1), height.saturating_sub(top));
        let why = self.entries.get(self.cursor.at).map_or("", |entry| entry.why);
        let lines = text::wrap(why, usize::from(right.width()));
        let mut y = 0;
        for line in lines.iter().take(3) {
            right.put(0, y, line, Role::Dim);
            y += 1;
        }
        let (w, h) = (right.width(), right.height());
        self.draw_live(&mut right.part(0, y + 1, w, h.saturating_sub(y + 1)));
    }

    fn text(&self, _: &Context) -> Vec<String> {
        let mut lines: Vec<String> =
            self.entries.iter().map(|entry| format!("{:<36} {}", entry.id, entry.why)).collect();
        lines.extend(self.repeats.iter().map(|repeat| Self::repeat_line(repeat).1));
        lines.extend(self.ended.clone());
        lines
    }

    fn json(&self, _: &Context) -> Value {
        let repeats: Vec<Value> = self
            .repeats
            .iter()
            .map(|repeat| match &repeat.result {
                Ok((ops_per_second, p50_ns, p99_ns, syncs)) => json!({
                    "params": repeat.params,
                    "repeat": repeat.number,
                    "ops_per_second": ops_per_second,
                    "p50_ns": p50_ns,
                    "p99_ns": p99_ns,
                    "syncs": syncs,
                }),
                Err(why) => {
                    json!({ "params": repeat.params, "repeat": repeat.number, "failed": why })
                }
            })
            .collect();
        json!({ "screen": "bench", "catalog": self.entries, "repeats": repeats })
    }
}
