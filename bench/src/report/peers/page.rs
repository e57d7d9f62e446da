//! The table of engines in words: its parts as rows of text, and all of it as Markdown.
//!
//! Called by `bench peers` and by `write`. Nothing is left out: where another engine leads, its row stands
//! first.

use super::{Durability, EngineFacts, Lead, OURS, PeerRow, PeersFile, Workload};
use crate::{
    report::{count_words, ns_words, stability_name},
    result::{Better, RunState},
};

/// The columns of who leads in what.
pub const LEAD_TITLES: [&str; 7] =
    ["workload", "measure", "leader", "northstar", "best other", "ratio", "least to greatest"];
/// The columns of speed.
pub const SPEED_TITLES: [&str; 8] =
    ["workload", "engine", "rate", "of best", "spread", "p50", "p99", "a commit waits for"];
/// The columns of everything else that was measured.
pub const METRIC_TITLES: [&str; 4] = ["workload", "measure", "engine", "figure"];

impl EngineFacts {
    /// Syncs a durable commit: measured if it was, else documented.
    #[must_use]
    pub fn syncs_words(&self) -> String {
        match self.syncs_per_commit_measured {
            Some(measured) => format!("{measured:.2} syncs a commit, measured"),
            None => format!("{} syncs a commit, documented", self.syncs_per_commit_documented),
        }
    }
}

impl PeerRow {
    /// Spread of the repeats in words.
    #[must_use]
    pub fn spread_words(&self) -> String {
        match self.cv {
            Some(cv) => format!("{:.0} %", cv * 100.0),
            None => stability_name(self.stability).to_owned(),
        }
    }
}

impl PeersFile {
    /// Who leads in what: a row a measure, those where another engine leads first.
    #[must_use]
    pub fn lead_rows(&self) -> Vec<[String; 7]> {
        let all = || self.workloads.iter().flat_map(|w| w.leads.iter().map(move |lead| (w, lead)));
        let (ours, others): (Vec<_>, Vec<_>) = all().partition(|(_, lead)| lead.leader == OURS);
        others.into_iter().chain(ours).map(|(workload, lead)| lead_row(workload, lead)).collect()
    }

    /// Workloads whose engines computed different results, a line each: their rows compare nothing.
    #[must_use]
    pub fn wrong_lines(&self) -> Vec<String> {
        let wrong = self.workloads.iter().filter(|workload| !workload.same_result);
        wrong.map(|w| format!("{}: the engines computed different results", name(w))).collect()
    }

    /// Speed: a row an engine and workload.
    #[must_use]
    pub fn speed_rows(&self) -> Vec<[String; 8]> {
        let of = |workload: &Workload, row: &PeerRow| {
            [
                name(workload),
                row.engine.clone(),
                figure_words("rate", row.ops_per_second),
                format!("{:.2}", row.of_best),
                row.spread_words(),
                ns_words(row.p50_ns),
                ns_words(row.p99_ns),
                self.commit_words(workload.durability, &row.engine),
            ]
        };
        let all = |workload| move |row| of(workload, row);
        self.workloads.iter().flat_map(|w| w.rows.iter().map(all(w)).collect::<Vec<_>>()).collect()
    }

    /// What a commit waits for in a row of `engine`.
    fn commit_words(&self, durability: Durability, engine: &str) -> String {
        match durability {
            Durability::Reads => String::new(),
            Durability::Eventual => "nothing, one sync at the end".into(),
            Durability::Durable => self
                .engines
                .iter()
                .find(|facts| facts.name == engine)
                .map_or_else(|| "the device".into(), EngineFacts::syncs_words),
        }
    }

    /// Named metrics, and the memory of the loads: a row an engine and measure.
    #[must_use]
    pub fn metric_rows(&self) -> Vec<[String; 4]> {
        let mut rows = Vec::new();
        for workload in &self.workloads {
            let shown = |lead: &&Lead| !["rate", "p50_ns"].contains(&lead.measure.as_str());
            for lead in workload.leads.iter().filter(shown) {
                for row in &workload.rows {
                    let Some(figure) = row.figure(&lead.measure) else { continue };
                    let words = figure_words(&lead.measure, figure);
                    rows.push([name(workload), lead.measure.clone(), row.engine.clone(), words]);
                }
            }
        }
        rows
    }

    /// One line an engine: settings, durability, syncs.
    #[must_use]
    pub fn engine_lines(&self) -> Vec<String> {
        let line = |facts: &EngineFacts| {
            format!(
                "{}: {}. Durable: {} ({}; {} by its documentation). Eventual: {}.",
                facts.name,
                facts.settings,
                facts.durable,
                facts.syncs_words(),
                facts.syncs_per_commit_documented,
                facts.eventual
            )
        };
        self.engines.iter().map(line).collect()
    }

    /// The whole table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# northstar beside other engines, profile `{}`\n\n{}\n\n",
            self.profile, self.machine
        );
        if self.state != RunState::Complete {
            text += "The run is not complete: medians are those of the repeats there are.\n\n";
        }
        let lists = |text: &mut String, lines: &[String]| {
            lines.iter().for_each(|line| *text += &format!("- {line}\n"));
        };
        text += "## Who leads\n\nMedians of the repeats. The ratio is northstar's figure over that of the best \
                 other engine, repeat by repeat; where less is better, a ratio below 1 is.\n\n";
        text += &table(&LEAD_TITLES, "---|---|---|--:|--:|--:|--:", self.lead_rows());
        lists(&mut text, &self.wrong_lines());
        text += "\n## Speed\n\n";
        text += &table(&SPEED_TITLES, "---|---|--:|--:|--:|--:|--:|---", self.speed_rows());
        text += "\n## Space, memory and the rest\n\n";
        text += &table(&METRIC_TITLES, "---|---|---|--:", self.metric_rows());
        text += "\n## Engines\n\n";
        lists(&mut text, &self.engine_lines());
        text
    }
}

fn lead_row(workload: &Workload, lead: &Lead) -> [String; 7] {
    let figure = |figure: f64| figure_words(&lead.measure, figure);
    let better = match lead.better {
        Better::Lower => " (less is better)",
        Better::Higher | Better::Neither => "",
    };
    let peer = lead.peer.as_ref();
    let ratio = lead.ratio.as_ref();
    [
        name(workload),
        format!("{}{better}", lead.measure),
        lead.leader.clone(),
        lead.ours.map(figure).unwrap_or_default(),
        peer.map(|best| format!("{} {}", best.engine, figure(best.figure))).unwrap_or_default(),
        ratio.map(|ratio| format!("{:.2}", ratio.median)).unwrap_or_default(),
        ratio.map(|ratio| format!("{:.2} to {:.2}", ratio.low, ratio.high)).unwrap_or_default(),
    ]
}

fn figure_words(measure: &str, figure: f64) -> String {
    match measure {
        "rate" => format!("{}/s", count_words(figure)),
        name if name.ends_with("_ns") => ns_words(figure),
        name if name.ends_with("_bytes") => format!("{:.0} MiB", figure / f64::from(1 << 20)),
        _ => count_words(figure),
    }
}

/// A workload as the table calls it.
fn name(workload: &Workload) -> String {
    workload.bench.trim_start_matches("peers/").to_owned()
}

fn table<const COLUMNS: usize>(
    titles: &[&str; COLUMNS],
    rule: &str,
    rows: Vec<[String; COLUMNS]>,
) -> String {
    let mut text = format!("| {} |\n|{rule}|\n", titles.join(" | "));
    rows.iter().for_each(|row| text += &format!("| {} |\n", row.join(" | ")));
    text
}
