//! One benchmark on the page: its figures, and three charts of every repeat.

use super::{anchor, escape, is_bad};
use crate::{
    recorder::{bars, decode_histogram, histogram::Histogram},
    report::{Row, charts, count_words, ns_words, outcome_name, variation_words},
    result::{RepeatFile, Slice},
};

/// The card of `row`.
pub(super) fn card(row: &Row, repeats: &[RepeatFile]) -> String {
    let histograms: Vec<Histogram> = repeats
        .iter()
        .filter_map(|repeat| decode_histogram(&repeat.measured.latency.histogram).ok())
        .filter(|histogram| !histogram.is_empty())
        .collect();
    // All were made with the same bounds; one of a stranger's making that does not fit is left out.
    let add = |mut all: Histogram, other: Histogram| all.add(other).map_or(None, |()| Some(all));
    let merged =
        histograms.iter().cloned().map(Some).reduce(|all, other| add(all?, other?)).flatten();
    let at = |quantile| merged.as_ref().map_or(0.0, |all| all.value_at_quantile(quantile) as f64);
    let marks = [("p50", at(0.5)), ("p99", at(0.99)), ("p99.9", at(0.999))];
    let curves: Vec<_> = histograms.iter().map(curve).collect();
    let series: Vec<_> = repeats.iter().map(rates).collect();
    let outcome = outcome_name(row.outcome);
    let reasons = if is_bad(row) && !row.reasons.is_empty() {
        format!("<p class=\"failed\">{}</p>", escape(&row.reasons.join("; ")))
    } else {
        String::new()
    };
    format!(
        "<section class=\"card\" id=\"{}\"><header><h3>{}</h3><span class=\"{outcome}\">{outcome}</span></header>\
         <p class=\"soft\">{}</p>{}{reasons}{}<div class=\"charts\">{}{}{}</div></section>\n",
        anchor(row),
        escape(&row.bench),
        escape(&row.params.replace(',', ", ")),
        figures(row, at(0.999), merged.as_ref().map_or(0, |all| all.max())),
        notes(repeats),
        charts::histogram(&merged.as_ref().map(bars).unwrap_or_default(), &marks),
        charts::percentiles(&curves),
        charts::throughput(&series),
    )
}

fn figures(row: &Row, p999_ns: f64, max_ns: u64) -> String {
    let figures = [
        ("rate", format!("{}/s", count_words(row.ops_per_second))),
        ("variation", variation_words(row)),
        ("p50", ns_words(row.p50_ns)),
        ("p99", ns_words(row.p99_ns)),
        ("p99.9", ns_words(p999_ns)),
        ("longest", ns_words(max_ns as f64)),
        ("operations a repeat", row.ops.to_string()),
        ("repeats", row.repeats.to_string()),
    ];
    let one = |(name, value): (&str, String)| format!("<span>{name} <b>{value}</b></span>");
    format!("<div class=\"figures\">{}</div>", figures.map(one).concat())
}

fn notes(repeats: &[RepeatFile]) -> String {
    let Some(first) = repeats.first().filter(|repeat| !repeat.measured.notes.is_empty()) else {
        return String::new();
    };
    let notes: Vec<String> = first.measured.notes.iter().map(|note| escape(note)).collect();
    format!("<p class=\"soft\">{}</p>", notes.join("<br>"))
}

/// Points of the percentile curve: ten a factor of ten, as far as there are samples.
fn curve(histogram: &Histogram) -> Vec<(f64, f64)> {
    let shares = (0..=50).map(|at| 1.0 - 10_f64.powf(-f64::from(at) / 10.0));
    // A share beyond the last sample says nothing.
    let known = |share: &f64| (1.0 - share) * histogram.len() as f64 >= 1.0;
    shares.filter(known).map(|share| (share, histogram.value_at_quantile(share) as f64)).collect()
}

/// Operations a second at the end of each slice. A slice without operations is the sync that closes a
/// load: it belongs to the slice before, and is no stall.
fn rates(repeat: &RepeatFile) -> Vec<(f64, f64)> {
    let mut slices: Vec<Slice> = Vec::with_capacity(repeat.measured.series.len());
    for slice in &repeat.measured.series {
        match slices.last_mut().filter(|_| slice.ops == 0) {
            Some(last) => last.at_ns = slice.at_ns,
            None => slices.push(*slice),
        }
    }
    let starts = std::iter::once(0).chain(slices.iter().map(|slice| slice.at_ns));
    let rate = |(start, slice): (u64, &Slice)| {
        let seconds = slice.at_ns.saturating_sub(start) as f64 / 1e9;
        (slice.at_ns as f64 / 1e9, if seconds > 0.0 { slice.ops as f64 / seconds } else { 0.0 })
    };
    starts.zip(&slices).map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::store::tests::repeat_file;

    #[test]
    fn the_sync_that_closes_a_load_is_no_stall() {
        let mut repeat = repeat_file(0);
        let slice = |at_ns, ops| Slice { at_ns, ops };
        repeat.measured.series =
            vec![slice(1_000_000_000, 100), slice(2_000_000_000, 100), slice(4_000_000_000, 0)];
        assert_eq!(rates(&repeat), [(1.0, 100.0), (4.0, 100.0 / 3.0)]);
        repeat.measured.series = vec![slice(1_000_000_000, 0)];
        assert_eq!(rates(&repeat), [(1.0, 0.0)], "nothing before it");
    }
}
