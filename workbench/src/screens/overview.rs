//! The state of everything on one screen: what the file is, how it stands, where to look next.

use super::sheet::{Line, SheetContent};
use super::tree::{chosen_root, roots};
use super::{Context, ScreenId};
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use crate::widgets::bar::bar;
use northstar_engine::limits::PAGE_BYTES;
use serde_json::{Value, json};

/// What the screen shows.
#[derive(Debug, Default)]
pub struct OverviewSheet;

fn go(screen: ScreenId) -> Place {
    Place::new(screen, At::Here)
}

impl SheetContent for OverviewSheet {
    const ID: ScreenId = ScreenId::Overview;

    fn lines(&self, context: &Context) -> Vec<Line> {
        let summary = &context.summary;
        let mut lines = vec![Line::head("file")];
        lines.push(Line::pair("path", summary.path.clone()));
        if let Some(error) = &summary.error {
            lines.push(Line::role(Role::Bad, format!("  {error}")));
        }
        if !summary.loaded {
            return lines;
        }
        let size =
            format!("{}, {}", text::bytes(summary.bytes), text::plural(summary.pages, "page"));
        lines.push(Line::pair("size", size).to(go(ScreenId::Map)));
        lines.push(Line::pair("identity", summary.uuid.to_string()));
        lines.push(Line::head("state"));
        let pages =
            summary.checkpoint.map_or("no valid meta".to_owned(), |txn| format!("txn {txn}"));
        lines.push(Line::pair("in the pages", pages).to(go(ScreenId::Metas)));
        if let Some(log) = summary.log_end {
            let behind = log.get().saturating_sub(summary.checkpoint.map_or(0, |txn| txn.get()));
            let tail = match behind {
                0 => "nothing to replay".to_owned(),
                n => format!("{} only in the log", text::plural(n, "commit")),
            };
            lines
                .push(Line::pair("in the log", format!("txn {log}, {tail}")).to(go(ScreenId::Log)));
        }
        if let Some(metas) = &summary.metas {
            lines.push(Line::pair("recovery", metas.reason.clone()).to(go(ScreenId::Metas)));
        }
        if let Some(root) = chosen_root(context) {
            let rows = format!("{} in {} levels", text::plural(root.key_count, "row"), root.depth);
            lines.push(Line::pair("tree", rows).to(go(ScreenId::Tree)));
        }
        let states = roots(context).len();
        if states > 1 {
            let what = format!("{states} states have pages of their own");
            lines.push(Line::pair("history", what).to(go(ScreenId::Time)));
        }
        lines.push(Line::head("space"));
        match &context.survey {
            Some(survey) => {
                let total = survey.file_pages;
                let retired: u64 = survey.retired_rows.iter().map(|row| u64::from(row.count)).sum();
                for (name, count) in [
                    ("live", survey.live_pages()),
                    ("older states", survey.kept_pages()),
                    ("bookkeeping", survey.chain_pages() + 2),
                    ("retired", retired),
                ] {
                    let bytes = text::bytes(count.saturating_mul(PAGE_BYTES as u64));
                    let value = format!("{} {count:>6} pages  {bytes}", bar(count, total, 16));
                    lines.push(Line::pair(name, value).to(go(ScreenId::Space)));
                }
            }
            None => lines.push(Line::role(Role::Dim, "  checking everything…")),
        }
        lines.push(Line::head("health"));
        match (&context.survey, summary.errors, summary.warnings) {
            (None, ..) => lines.push(Line::role(Role::Dim, "  not checked yet")),
            (Some(_), 0, 0) => lines.push(Line::role(Role::Good, "  ✓ nothing is wrong")),
            (Some(_), errors, warnings) => {
                let role = if errors > 0 { Role::Bad } else { Role::Warn };
                let errors = text::plural(errors, "error");
                let line = format!("  {errors}, {}", text::plural(warnings, "warning"));
                lines.push(Line::role(role, line).to(go(ScreenId::Problems)));
            }
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let summary = &context.summary;
        json!({
            "screen": "overview",
            "bytes": summary.bytes,
            "pages": summary.pages,
            "uuid": summary.uuid.to_string(),
            "checkpoint_txn": summary.checkpoint,
            "log_txn": summary.log_end,
            "key_count": chosen_root(context).map(|root| root.key_count),
            "states": roots(context).len(),
            "errors": summary.errors,
            "warnings": summary.warnings,
            "checked": summary.checked,
        })
    }
}
