//! The chart of latencies: a bar for each doubling of time, percentiles, and what the selected bar holds.

use crate::model::latency::{Bucket, Latencies};
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use crate::widgets::bar::bar;
use crate::widgets::list::Cursor;
use serde_json::{Value, json};

/// Percentiles that are shown: their names, in thousandths.
const PERCENTILES: [(&str, usize); 4] = [("p50", 500), ("p90", 900), ("p99", 990), ("max", 1000)];

pub(super) fn draw(latencies: &Latencies, bars: &Cursor, painter: &mut Painter<'_>) {
    let (width, height) = (painter.width(), painter.height());
    let count = latencies.samples().len() as u64;
    let head = format!("{}  {}", text::plural(count, "commit"), summary(latencies));
    painter.put(1, 0, &text::cut(&head, usize::from(width.saturating_sub(2))), Role::Title);
    let buckets = latencies.buckets();
    let story = buckets.get(bars.at).map(story).unwrap_or_default();
    let story = text::wrap(&story, usize::from(width.saturating_sub(2)));
    let below = u16::try_from(story.len()).unwrap_or(1).saturating_add(1);
    let rows = height.saturating_sub(2).saturating_sub(below);
    let most = buckets.iter().map(|bucket| bucket.samples.len()).max().unwrap_or(0) as u64;
    let columns = usize::from(width.saturating_sub(34));
    for (y, at) in (2_u16..).zip(bars.window(buckets.len(), usize::from(rows))) {
        let Some(bucket) = buckets.get(at) else { break };
        let x = painter.put(1, y, &text::fit(&range(bucket), 22), Role::Dim);
        let count = bucket.samples.len() as u64;
        // What is there is seen: a bar of one sample among hundreds has a cell of its own.
        let filled =
            if count == 0 { 0 } else { count.saturating_mul(columns as u64).div_ceil(most.max(1)) };
        let role = if bucket.samples.iter().any(|sample| sample.checkpoint) {
            Role::Warn
        } else {
            Role::Heat(5)
        };
        let drawn = bar(filled, columns as u64, columns).replace('░', " ");
        let x = painter.put(x, y, drawn.trim_end(), role);
        painter.put(x + 1, y, &count.to_string(), Role::Text);
        if at == bars.at {
            painter.mark(0, y, width, 1, Role::Selected);
            painter.put(0, y, "▌", Role::Selected);
        }
    }
    for (y, line) in (height.saturating_sub(below)..height).zip(&story) {
        painter.put(1, y, line, Role::Accent);
    }
}

fn summary(latencies: &Latencies) -> String {
    let percentiles = PERCENTILES
        .map(|(name, permille)| format!("{name} {}", time(latencies.permille(permille))))
        .join("  ");
    format!("{percentiles}  mean {}", time(latencies.mean()))
}

fn range(bucket: &Bucket) -> String {
    format!("{} to {}", time(bucket.from_nanoseconds), time(bucket.to_nanoseconds))
}

/// What is in a bar, in a sentence.
fn story(bucket: &Bucket) -> String {
    let count = bucket.samples.len() as u64;
    let with = bucket.samples.iter().filter(|sample| sample.checkpoint).count() as u64;
    let share = match (count, with) {
        (0, _) => "nothing took so long".to_owned(),
        (_, 0) => "none of them made a checkpoint".to_owned(),
        (count, with) if count == with => "each of them also made a checkpoint".to_owned(),
        (_, with) => format!("{with} of them also made a checkpoint"),
    };
    let some: Vec<String> =
        bucket.samples.iter().take(6).map(|sample| format!("#{}", sample.number)).collect();
    let which = if some.is_empty() { String::new() } else { format!(" ({}…)", some.join(" ")) };
    format!("{}: {}; {share}{which}", range(bucket), text::plural(count, "commit"))
}

/// A time with three digits or so.
fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000 => format!("{nanoseconds} ns"),
        10_000..10_000_000 => format!("{} µs", text::count(nanoseconds / 1000)),
        _ => format!("{} ms", text::count(nanoseconds / 1_000_000)),
    }
}

pub(super) fn text(latencies: &Latencies) -> Vec<String> {
    let mut lines = vec![String::new(), format!("latencies: {}", summary(latencies))];
    lines.extend(latencies.buckets().iter().map(story));
    lines
}

pub(super) fn json(latencies: &Latencies) -> Value {
    let percentiles: Value = PERCENTILES
        .iter()
        .map(|(name, permille)| ((*name).to_owned(), json!(latencies.permille(*permille))))
        .collect::<serde_json::Map<String, Value>>()
        .into();
    let buckets: Vec<Value> = latencies
        .buckets()
        .iter()
        .map(|bucket| {
            let checkpoints = bucket.samples.iter().filter(|sample| sample.checkpoint).count();
            json!({
                "from_ns": bucket.from_nanoseconds,
                "to_ns": bucket.to_nanoseconds,
                "count": bucket.samples.len(),
                "with_checkpoint": checkpoints,
            })
        })
        .collect();
    json!({ "percentiles_ns": percentiles, "mean_ns": latencies.mean(), "buckets": buckets })
}
