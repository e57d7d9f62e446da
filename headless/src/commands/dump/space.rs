//! `dump DB freelist` and `dump DB stats`: what each page is used for, from a walk of everything.

use crate::{
    exit::Exit,
    output::{Out, json, progress::Progress, table::Table},
};
use color_eyre::eyre::Result;
use northstar_engine::{
    PageId,
    format::chain::RetiredRow,
    inspect::{
        Source,
        find::{LevelStats, PageState, Survey, survey},
        log,
    },
};
use serde::Serialize;

/// A run of pages.
#[derive(Debug, Serialize)]
struct Run {
    first: u64,
    count: u64,
}

/// What `dump freelist --json` prints.
#[derive(Debug, Serialize)]
struct FreelistJson {
    txn_id: Option<u64>,
    page_count: u64,
    free: u64,
    runs: Vec<Run>,
    retired: Vec<RetiredJson>,
    orphans: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct RetiredJson {
    first: u64,
    count: u64,
    birth: u64,
    retired_by: u64,
}

/// What `dump stats --json` prints.
#[derive(Debug, Serialize)]
struct StatsJson {
    txn_id: Option<u64>,
    rows: u64,
    file_bytes: u64,
    file_pages: u64,
    page_count: u64,
    pages: Vec<StateJson>,
    levels: Vec<LevelStats>,
    overflow_pages: u64,
    states: usize,
    log_segments: usize,
    log_bytes: u64,
}

#[derive(Debug, Serialize)]
struct StateJson {
    state: PageState,
    pages: u64,
}

fn walked(source: &Source) -> Survey {
    let bar = Progress::pages();
    survey(source, &mut |done, total| {
        bar.of(done, total);
        true
    })
}

pub(super) fn freelist(source: &Source, as_json: bool, out: &mut Out) -> Result<Exit> {
    let survey = walked(source);
    let free = runs(&survey, PageState::Free);
    let retired = survey.retired_rows.iter().map(RetiredJson::from);
    let document = FreelistJson {
        txn_id: survey.txn_id.map(|txn_id| txn_id.get()),
        page_count: survey.page_count,
        free: free.iter().map(|run| run.count).sum(),
        runs: free,
        retired: retired.collect(),
        orphans: runs(&survey, PageState::Orphan),
    };
    if as_json {
        json::document(out, &document)?;
        return Ok(Exit::Done);
    }
    out.line(format_args!("{} of {} pages are free", document.free, document.page_count))?;
    for Run { first, count } in &document.runs {
        out.line(format_args!("  free     {}", span(*first, *count)))?;
    }
    for RetiredJson { first, count, birth, retired_by } in &document.retired {
        let pages = span(*first, *count);
        out.line(format_args!(
            "  retired  {pages}, in use from transaction {birth} to {retired_by}"
        ))?;
    }
    for Run { first, count } in &document.orphans {
        out.line(format_args!("  orphaned {}", span(*first, *count)))?;
    }
    Ok(Exit::Done)
}

fn span(first: u64, count: u64) -> String {
    match count {
        1 => format!("page {first}"),
        _ => {
            format!("pages {first} to {} ({count})", first.saturating_add(count).saturating_sub(1))
        }
    }
}

/// Runs of pages in one state, in order.
fn runs(survey: &Survey, state: PageState) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for id in 0..survey.page_count {
        if survey.state(PageId::new(id)) != state {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.first + run.count == id => run.count += 1,
            _ => runs.push(Run { first: id, count: 1 }),
        }
    }
    runs
}

pub(super) fn stats(source: &Source, as_json: bool, out: &mut Out) -> Result<Exit> {
    let survey = walked(source);
    let log = log::segments(source)?;
    let mut pages: Vec<StateJson> = Vec::new();
    for id in 0..survey.file_pages {
        let state = survey.state(PageId::new(id));
        match pages.iter_mut().find(|row| row.state == state) {
            Some(row) => row.pages += 1,
            None => pages.push(StateJson { state, pages: 1 }),
        }
    }
    pages.sort_by_key(|row| row.state);
    let document = StatsJson {
        txn_id: survey.txn_id.map(|txn_id| txn_id.get()),
        rows: survey.report.rows,
        file_bytes: source.bytes()?,
        file_pages: survey.file_pages,
        page_count: survey.page_count,
        pages,
        levels: survey.levels,
        overflow_pages: survey.overflow_pages,
        states: survey.roots.len(),
        log_segments: log.segments.len(),
        log_bytes: log.bytes(),
    };
    if as_json {
        json::document(out, &document)?;
    } else {
        document.print(out)?;
    }
    Ok(Exit::Done)
}

impl StatsJson {
    fn print(&self, out: &mut Out) -> Result<()> {
        let txn_id = self.txn_id.map_or(String::from("none"), |txn_id| txn_id.to_string());
        let facts = [
            ("transaction", txn_id),
            ("rows", self.rows.to_string()),
            ("file bytes", self.file_bytes.to_string()),
            ("file pages", self.file_pages.to_string()),
            ("overflow pages", self.overflow_pages.to_string()),
            ("states on pages", self.states.to_string()),
            ("log segments", self.log_segments.to_string()),
            ("log bytes", self.log_bytes.to_string()),
        ];
        for (name, value) in facts {
            out.line(format_args!("{name:18}{value:>12}"))?;
        }
        out.line("")?;
        let mut table = Table::new(["pages", "count", "bytes"]).right(&[1, 2]);
        for StateJson { state, pages } in &self.pages {
            let bytes = pages.saturating_mul(northstar_engine::limits::PAGE_BYTES as u64);
            table.row([state.name().to_owned(), pages.to_string(), bytes.to_string()]);
        }
        table.print(out)?;
        out.line("")?;
        let mut table = Table::new(["level", "nodes", "entries", "full"]).right(&[0, 1, 2, 3]);
        for (level, stats) in self.levels.iter().enumerate() {
            let percent = stats.bytes_used.saturating_mul(100) / stats.bytes_room.max(1);
            let (nodes, entries) = (stats.nodes.to_string(), stats.entries.to_string());
            table.row([level.to_string(), nodes, entries, format!("{percent} %")]);
        }
        table.print(out)
    }
}

impl From<&RetiredRow> for RetiredJson {
    fn from(row: &RetiredRow) -> Self {
        Self {
            first: row.page.get(),
            count: row.count.into(),
            birth: row.birth.get(),
            retired_by: row.retired.get(),
        }
    }
}
