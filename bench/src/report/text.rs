//! The rows of a run as CSV for spreadsheets and as Markdown for people.

use super::{
    Row, TotalsFile, count_words, known_words, ns_words, outcome_name, stability_name,
    variation_words,
};
use crate::error::{Error, Result};

/// The rows as CSV, with the units in the header.
///
/// # Errors
/// [`Error::Wrong`] should the writer refuse a row.
pub fn csv(file: &TotalsFile) -> Result<String> {
    let fail = |error: csv::Error| Error::wrong(format!("CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "bench",
        "params",
        "outcome",
        "trimmed",
        "repeats",
        "ops",
        "ops_per_second",
        "ops_per_second_mad",
        "cv",
        "stability",
        "p50_ns",
        "p99_ns",
        "cpu_ns_per_op",
        "peak_rss_bytes",
        "syncs_per_op",
        "bytes_written_per_op",
        "pages_touched_per_op",
        "allocs_per_op",
        "reasons",
    ];
    writer.write_record(header).map_err(fail)?;
    for row in &file.rows {
        let known = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let record = [
            row.bench.clone(),
            row.params.clone(),
            outcome_name(row.outcome).into(),
            row.trimmed.to_string(),
            row.repeats.to_string(),
            row.ops.to_string(),
            row.ops_per_second.to_string(),
            row.ops_per_second_mad.to_string(),
            known(row.cv),
            stability_name(row.stability).into(),
            row.p50_ns.to_string(),
            row.p99_ns.to_string(),
            known(row.cpu_ns_per_op),
            known(row.peak_rss_bytes),
            known(row.syncs_per_op),
            known(row.bytes_written_per_op),
            known(row.pages_touched_per_op),
            known(row.allocs_per_op),
            row.reasons.join("; "),
        ];
        writer.write_record(record).map_err(fail)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::wrong(format!("CSV: {error}")))?;
    String::from_utf8(bytes).map_err(|error| Error::wrong(format!("CSV: {error}")))
}

/// The rows as Markdown tables, one a suite.
#[must_use]
pub fn markdown(file: &TotalsFile) -> String {
    let mut text = format!(
        "# Benchmarks, profile `{}`\n\n{}\n\n| suite | planned | passed | failed | unfinished |\n|---|--:|--:|--:|--:|\n",
        file.profile, file.machine
    );
    for suite in &file.suites {
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            suite.suite, suite.planned, suite.passed, suite.failed, suite.unfinished
        );
    }
    for suite in &file.suites {
        text += &format!(
            "\n## {}\n\n| benchmark | parameters | rate | variation | p50 | p99 | syncs/op | bytes written/op | allocs/op | outcome |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
            suite.suite
        );
        let mine = |row: &&Row| row.bench.split('/').next() == Some(suite.suite.as_str());
        for row in file.rows.iter().filter(mine) {
            text += &format!(
                "| {} | {} | {}/s | {} | {} | {} | {} | {} | {} | {} |\n",
                row.bench,
                row.params,
                count_words(row.ops_per_second),
                variation_words(row),
                ns_words(row.p50_ns),
                ns_words(row.p99_ns),
                known_words(row.syncs_per_op),
                known_words(row.bytes_written_per_op),
                known_words(row.allocs_per_op),
                outcome_name(row.outcome),
            );
        }
    }
    text
}
