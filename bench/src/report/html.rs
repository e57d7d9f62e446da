//! The HTML report: one file, no script, nothing loaded from anywhere, light and dark.
//!
//! Called by `bench report --html`. Reads the repeats, so that the charts show every one of them.

mod card;

use crate::{
    error::Result,
    report::{
        Outcome, Row, TotalsFile, charts, count_words, known_words, ns_words, outcome_name,
        stability_name, totals,
    },
    result::{BenchSummary, RunFile, RunState, store::Store},
    stats::Stability,
};

const STYLE: &str = include_str!("html/page.css");

/// The page of a result folder.
///
/// # Errors
/// What reading says.
pub fn page(store: &Store) -> Result<String> {
    let run = store.read_run()?;
    let file = totals(store, &run)?;
    let summaries = store.read_summaries()?;
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>northstar benchmarks, {profile}</title>\n<style>\n{STYLE}</style></head><body>\n\
         <h1>northstar benchmarks, profile {profile}</h1>\n",
        profile = escape(&file.profile)
    );
    text += &preface(&run);
    text += &counts(&file);
    text += &failures(&run);
    text += "<h2>All benchmarks</h2>\n";
    text += "<p class=\"soft\">Rates are medians of the repeats, each a process of its own; the strip \
             shows every repeat on a line from 0, the stroke is the median. Timings of a shared machine \
             are not stable: compare them in pairs only.</p>\n";
    text += &table(&file, |folder| summaries.get(folder));
    text += "<h2>Charts</h2>\n";
    for row in &file.rows {
        let folder = format!("{}/{}", row.bench, row.params);
        text += &card::card(row, &store.read_repeats(&folder)?);
    }
    text += "</body></html>\n";
    Ok(text)
}

fn preface(run: &RunFile) -> String {
    let machine = &run.machine;
    let state = match run.state {
        RunState::Complete => "complete",
        RunState::Failed => "complete, with failures",
        RunState::Cancelled => "stopped before its end",
        RunState::Running => "not finished",
    };
    format!(
        "<p>{}</p>\n<p class=\"soft\">kernel {} · mount {} · governor {} · fingerprint <code>{}</code></p>\n\
         <p class=\"soft\">commit <code>{}</code> ({}) · {} · lock <code>{}</code> · seed {} · {} repeats · {state}</p>\n",
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

/// The counts of the whole run, large.
fn counts(file: &TotalsFile) -> String {
    let sum = |count: fn(&super::SuiteCounts) -> u32| file.suites.iter().map(count).sum::<u32>();
    let boxes = [
        ("planned", "", sum(|s| s.planned)),
        ("passed", "passed", sum(|s| s.passed)),
        ("failed", "failed", sum(|s| s.failed)),
        ("unfinished", "unfinished", sum(|s| s.unfinished)),
    ];
    let one = |(name, class, count): (&str, &str, u32)| {
        let class = if count > 0 { class } else { "soft" };
        format!("<div><b class=\"{class}\">{count}</b>{name}</div>")
    };
    format!("<div class=\"counts\">{}</div>\n", boxes.map(one).concat())
}

fn failures(run: &RunFile) -> String {
    if run.failures.is_empty() {
        return String::new();
    }
    let mut text = String::from("<h2 class=\"failed\">Failures</h2><ul>\n");
    for failure in &run.failures {
        text += &format!(
            "<li>{} {} repeat {}: {}</li>\n",
            escape(&failure.bench),
            escape(&failure.params),
            failure.repeat,
            escape(&failure.reason)
        );
    }
    text + "</ul>\n"
}

/// Every benchmark in a row, under a row of counts for its suite.
fn table<'a>(file: &TotalsFile, summary: impl Fn(&str) -> Option<&'a BenchSummary>) -> String {
    let mut text = String::from(
        "<div class=\"wide\"><table><tr><th class=\"left\">benchmark</th><th>rate</th>\
         <th class=\"left\">repeats</th><th>variation</th><th>p50</th><th>p99</th><th>CPU/op</th>\
         <th>syncs/op</th><th>bytes written/op</th><th>pages/op</th><th>allocs/op</th>\
         <th class=\"left\">outcome</th></tr>\n",
    );
    for suite in &file.suites {
        text += &format!(
            "<tr class=\"suite\"><td colspan=\"12\">{} <span class=\"soft\">{} planned, {} passed, {} failed, {} unfinished</span></td></tr>\n",
            escape(&suite.suite),
            suite.planned,
            suite.passed,
            suite.failed,
            suite.unfinished
        );
        let mine = |row: &&Row| row.bench.split('/').next() == Some(suite.suite.as_str());
        for row in file.rows.iter().filter(mine) {
            text += &table_row(row, summary(&format!("{}/{}", row.bench, row.params)));
        }
    }
    text + "</table></div>\n"
}

fn table_row(row: &Row, summary: Option<&BenchSummary>) -> String {
    let timing = summary.and_then(|summary| summary.timing.as_ref());
    let strip = timing
        .map(|timing| charts::strip(&timing.ops_per_second.values, timing.ops_per_second.median));
    let outcome = outcome_name(row.outcome);
    let trimmed = if row.trimmed { ", trimmed" } else { "" };
    let unstable = if row.stability == Stability::Unstable { " class=\"unstable\"" } else { "" };
    let cpu = row.cpu_ns_per_op.map_or_else(|| "unknown".to_owned(), ns_words);
    format!(
        "<tr><td class=\"left\"><a href=\"#{id}\">{}</a><small>{}{trimmed}</small></td><td>{}/s</td><td class=\"left\">{}</td><td{unstable}>{}</td><td>{}</td><td>{}</td><td>{cpu}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"left {outcome}\">{outcome}</td></tr>\n",
        escape(row.bench.split_once('/').map_or(row.bench.as_str(), |(_, name)| name)),
        escape(&row.params.replace(',', ", ")),
        count_words(row.ops_per_second),
        strip.unwrap_or_default(),
        spread_words(row),
        ns_words(row.p50_ns),
        ns_words(row.p99_ns),
        known_words(row.syncs_per_op),
        known_words(row.bytes_written_per_op),
        known_words(row.pages_touched_per_op),
        known_words(row.allocs_per_op),
        id = anchor(row),
    )
}

/// Variation over the repeats, and below it whether that is stable.
fn spread_words(row: &Row) -> String {
    let mark = stability_name(row.stability);
    match row.cv {
        Some(cv) => format!("{:.1} %<small>{mark}</small>", cv * 100.0),
        None => format!("<small>{mark}</small>"),
    }
}

/// Where the card of a row is on the page.
fn anchor(row: &Row) -> String {
    escape(&format!("{}/{}", row.bench, row.params))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a row is worth a warning colour.
fn is_bad(row: &Row) -> bool {
    row.outcome != Outcome::Passed
}
