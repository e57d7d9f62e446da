//! The HTML report: one file, no script, nothing loaded from anywhere.
//!
//! Called by `bench report --html`. Reads the repeats, so that the charts show every one of them.

use crate::{
    error::Result,
    recorder::{bars, decode_histogram},
    report::{Row, count_words, ns_words, outcome_name, svg, totals, variation_words},
    result::{RepeatFile, RunFile, store::Store},
};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2433;--soft:#5b6475;--grid:#d9dde5;--fill:#3b7dd8;--paper:#fff;--card:#f6f7f9;--bad:#b3261e;--good:#1b7f4b}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7ef;--soft:#98a2b5;--grid:#333b4a;--fill:#6ea8f7;--paper:#12161e;--card:#1a202b;--bad:#ff8a80;--good:#6fd3a0}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1360px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--grid)}h3{font-size:1.05rem;margin:0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
.wide{overflow-x:auto}.soft{color:var(--soft)}.failed{color:var(--bad);font-weight:600}.passed{color:var(--good)}
.card{background:var(--card);border-radius:8px;padding:1rem;margin:1rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:1rem}
svg{width:100%;height:auto}.bar,.dot{fill:var(--fill)}.line{fill:none;stroke:var(--fill);stroke-width:1.6;opacity:.75}
.grid{stroke:var(--grid);stroke-width:.7}.tick{font-size:10px;fill:var(--soft)}.name{font-size:12px;fill:var(--ink)}
";

/// The page of a result folder.
///
/// # Errors
/// What reading says.
pub fn page(store: &Store) -> Result<String> {
    let run = store.read_run()?;
    let file = totals(store, &run)?;
    let mut text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>northstar benchmarks, {profile}</title><style>{STYLE}</style></head><body><h1>northstar benchmarks, profile {profile}</h1>",
        profile = escape(&file.profile)
    );
    text += &preface(&run);
    text += "<h2>Suites</h2><table><tr><th>suite</th><th></th><th>planned</th><th>passed</th><th>failed</th><th>unfinished</th></tr>";
    for suite in &file.suites {
        text += &format!(
            "<tr><td>{}</td><td></td><td>{}</td><td class=\"passed\">{}</td><td class=\"{}\">{}</td><td>{}</td></tr>",
            escape(&suite.suite),
            suite.planned,
            suite.passed,
            if suite.failed > 0 { "failed" } else { "soft" },
            suite.failed,
            suite.unfinished
        );
    }
    text += "</table>";
    text += &failures(&run);
    text += "<h2>All benchmarks</h2><div class=\"wide\"><table><tr><th>benchmark</th><th>parameters</th><th>rate</th><th>variation</th><th>p50</th><th>p99</th><th>CPU/op</th><th>syncs/op</th><th>written/op</th><th>allocs/op</th><th>outcome</th></tr>";
    for row in &file.rows {
        text += &table_row(row);
    }
    text += "</table></div><h2>Charts</h2>";
    for row in &file.rows {
        let folder = format!("{}/{}", row.bench, row.params);
        text += &card(row, &store.read_repeats(&folder)?);
    }
    text += "</body></html>\n";
    Ok(text)
}

fn preface(run: &RunFile) -> String {
    let machine = &run.machine;
    format!(
        "<p>{}</p><p class=\"soft\">kernel {} · mount {} · governor {} · fingerprint {} · commit {} ({}) · {} · lock {} · seed {} · {} repeats, each a process of its own</p>",
        escape(&machine.in_words()),
        escape(&machine.kernel),
        escape(&machine.data_folder.mount_options),
        escape(&machine.governor),
        escape(&machine.fingerprint),
        escape(&run.source.git_commit),
        escape(&run.source.git_tree),
        escape(&run.source.rustc),
        escape(&run.source.lock_hash),
        run.seed,
        run.repeats,
    )
}

fn failures(run: &RunFile) -> String {
    if run.failures.is_empty() {
        return String::new();
    }
    let mut text = String::from("<h2 class=\"failed\">Failures</h2><ul>");
    for failure in &run.failures {
        text += &format!(
            "<li>{} {} repeat {}: {}</li>",
            escape(&failure.bench),
            escape(&failure.params),
            failure.repeat,
            escape(&failure.reason)
        );
    }
    text + "</ul>"
}

fn table_row(row: &Row) -> String {
    let known = |value: Option<f64>, words: fn(f64) -> String| {
        value.map_or_else(|| "unknown".to_owned(), words)
    };
    let outcome = outcome_name(row.outcome);
    let trimmed = if row.trimmed { " <span class=\"soft\">trimmed</span>" } else { "" };
    format!(
        "<tr><td>{}{trimmed}</td><td class=\"soft\">{}</td><td>{}/s</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"{outcome}\">{outcome}</td></tr>",
        escape(&row.bench),
        escape(&row.params),
        count_words(row.ops_per_second),
        variation_words(row),
        ns_words(row.p50_ns),
        ns_words(row.p99_ns),
        known(row.cpu_ns_per_op, ns_words),
        known(row.syncs_per_op, count_words),
        known(row.bytes_written_per_op, count_words),
        known(row.allocs_per_op, count_words),
    )
}

fn card(row: &Row, repeats: &[RepeatFile]) -> String {
    let mut merged: Option<hdrhistogram::Histogram<u64>> = None;
    let mut curves = Vec::new();
    for repeat in repeats {
        let Ok(histogram) = decode_histogram(&repeat.measured.latency.histogram) else { continue };
        let shares = (0..=50).map(|at| 1.0 - 10_f64.powf(-f64::from(at) / 10.0));
        // A share beyond the last sample says nothing.
        let known = |share: &f64| (1.0 - share) * histogram.len() as f64 >= 1.0;
        curves.push(
            shares
                .filter(known)
                .map(|share| (share, histogram.value_at_quantile(share) as f64))
                .collect::<Vec<_>>(),
        );
        let fits = merged.as_mut().is_some_and(|all| all.add(&histogram).is_ok());
        if !fits && merged.is_none() {
            merged = Some(histogram);
        }
    }
    let series: Vec<Vec<(f64, f64)>> = repeats.iter().map(rates).collect();
    let notes: Vec<String> = repeats
        .first()
        .map(|repeat| repeat.measured.notes.iter().map(|note| escape(note)).collect())
        .unwrap_or_default();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!("<p class=\"soft\">{}</p>", notes.join("<br>"))
    };
    format!(
        "<div class=\"card\"><h3>{}</h3><p class=\"soft\">{} · {} operations a repeat · {}/s · p50 {} · p99 {}</p>{notes}<div class=\"charts\">{}{}{}</div></div>",
        escape(&row.bench),
        escape(&row.params),
        row.ops,
        count_words(row.ops_per_second),
        ns_words(row.p50_ns),
        ns_words(row.p99_ns),
        svg::histogram(&merged.as_ref().map(bars).unwrap_or_default()),
        svg::percentiles(&curves),
        svg::throughput(&series),
    )
}

/// Operations a second at the end of each slice.
fn rates(repeat: &RepeatFile) -> Vec<(f64, f64)> {
    let mut last = 0;
    let slices = repeat.measured.series.iter();
    let rate = |slice: &crate::result::Slice| {
        let seconds = slice.at_ns.saturating_sub(last) as f64 / 1e9;
        last = slice.at_ns;
        (slice.at_ns as f64 / 1e9, if seconds > 0.0 { slice.ops as f64 / seconds } else { 0.0 })
    };
    slices.map(rate).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
