//! A cartridge in lines: how it stands, what it holds, what it answers.

use super::super::sheet::Line;
use super::super::{Context, ScreenId};
use crate::model::cartridges::answer::{CountedPrefix, PendingType};
use crate::model::cartridges::{Answer, CartridgeView, Rebuilt};
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use northstar_engine::cartridge::{CartridgeType, Reason, Route, Staleness};
use northstar_engine::printable::Printable;
use northstar_engine::queue::key::Layout;
use northstar_engine::queue::pending_tasks::PendingTask;
use northstar_engine::shelf::Kind;

/// Everything about a cartridge.
pub(super) fn block(view: &CartridgeView, question: &[u8], context: &Context) -> Vec<Line> {
    let mut lines = vec![Line::head(format!("{}  {}", view.name, view.type_name))];
    if let Some(staleness) = &view.staleness {
        lines.extend(standing(view, staleness));
    }
    if let Some(why) = &view.unjudged {
        lines.push(Line::role(Role::Warn, format!("  ? {}", Printable::capped(why, 200).as_str())));
    }
    match &view.problem {
        Some(problem) => {
            let why = Printable::capped(problem, 200);
            lines.push(Line::role(Role::Bad, format!("  ✗ {}", why.as_str())));
        }
        None => lines.push(Line::role(Role::Good, "  ✓ header, sections and rules verify")),
    }
    if !view.source_uuid.is_empty() {
        lines.extend(header(view, context));
    }
    lines.push(Line::pair("size", text::bytes(view.bytes)));
    for section in &view.sections {
        let (entries, bytes) = (text::entries(section.count), text::bytes(section.bytes));
        let (offset, crc) = (section.offset, section.crc);
        let value = format!("{entries}, {bytes} at {offset:#x}, checksum {crc:08x}");
        lines.push(Line::pair(&format!("section {}", section.kind), value));
    }
    if let Some(answer) = &view.answer {
        lines.extend(answer_lines(view, answer, question));
    }
    lines
}

/// How it stands to the database, and why.
fn standing(view: &CartridgeView, staleness: &Staleness) -> Vec<Line> {
    let behind = staleness.now_at.get().saturating_sub(staleness.built_at.get());
    let answers = match behind {
        0 => format!("it answers for txn {}, the newest", view.source_txn),
        n => format!(
            "it answers for txn {}, {} ago",
            view.source_txn,
            text::plural(n, "transaction")
        ),
    };
    let at = |txn| Place::new(ScreenId::Log, At::Txn(txn));
    let (role, verdict) =
        if staleness.is_fresh() { (Role::Good, "● fresh") } else { (Role::Warn, "◐ stale") };
    let mut lines =
        vec![Line::role(role, format!("  {verdict}: {answers}")).to(at(view.source_txn))];
    for reason in &staleness.reasons {
        let line = Line::role(Role::Warn, format!("    {reason}"));
        lines.push(match reason {
            Reason::InputChanged { first, .. } => line.to(at(*first)),
            _ => line,
        });
    }
    lines
}

fn header(view: &CartridgeView, context: &Context) -> Vec<Line> {
    let whose = if view.source_uuid == context.summary.uuid.to_string() {
        "this database"
    } else {
        "another database"
    };
    let rows = text::plural(view.input_rows, "row");
    vec![
        Line::pair(
            "format",
            format!("version {}, type version {}", view.version, view.type_version),
        ),
        Line::pair("options", view.options.clone()),
        Line::pair("built from", format!("{whose}, {}", view.source_uuid)),
        Line::pair("made of", format!("{rows}, content hash {}", view.input_hash)),
    ]
}

/// What it answers, a line each; Enter leads on.
fn answer_lines(view: &CartridgeView, answer: &Answer, question: &[u8]) -> Vec<Line> {
    let asked = Printable::capped(question, 40);
    let (head, mut lines): (String, Vec<Line>) = match answer {
        Answer::Types { types, .. } => {
            ("ready tasks by type".to_owned(), types.iter().map(type_line).collect())
        }
        Answer::Tasks { total, tasks } => {
            let head =
                format!("{} of type \"{}\"", text::plural(*total, "ready task"), asked.as_str());
            (head, tasks.iter().map(|task| task_line(view, task)).collect())
        }
        Answer::Prefixes { prefixes, .. } => {
            let head = match question {
                b"" => "rows and bytes by key prefix".to_owned(),
                _ => format!("rows and bytes by key prefix under \"{}\"", asked.as_str()),
            };
            (head, prefixes.iter().map(prefix_line).collect())
        }
    };
    if lines.is_empty() {
        lines.push(Line::role(Role::Dim, "    none"));
    }
    if answer.unlisted() > 0 {
        let more = text::count(answer.unlisted());
        lines.push(Line::role(Role::Dim, format!("    and {more} more; / asks for fewer")));
    }
    lines.insert(0, Line::role(Role::Accent, format!("  {head}")));
    lines
}

fn type_line(found: &PendingType) -> Line {
    let first = found.first.map_or(String::new(), |task| {
        format!("  first: task {} of priority {}", task.id, task.priority)
    });
    let name = Printable::capped(&found.task_type, 24);
    let line = format!("    {:<24}{:>10}{first}", name.as_str(), text::count(found.pending));
    Line::text(line).to(Place::new(ScreenId::Cartridges, At::Key(found.task_type.clone())))
}

fn task_line(view: &CartridgeView, task: &PendingTask) -> Line {
    let line = format!("    task {:>8}  priority {:>3}  due {}", task.id, task.priority, task.due);
    match &view.kind {
        Some(Kind::PendingTasks(kind)) => {
            let key = Layout::new(&kind.options()).task(task.id);
            Line::text(line).to(Place::new(ScreenId::Rows, At::Key(key)))
        }
        _ => Line::text(line),
    }
}

fn prefix_line(found: &CountedPrefix) -> Line {
    let name = match &found.prefix[..] {
        b"" => "(all)".to_owned(),
        prefix => {
            let inner = usize::try_from(found.depth).unwrap_or(0).saturating_sub(1).min(8);
            format!("{}{}", "  ".repeat(inner), Printable::capped(prefix, 24).as_str())
        }
    };
    let line = format!(
        "    {name:<24}{:>11}, keys {}, values {}",
        text::plural(found.rows, "row"),
        text::bytes(found.key_bytes),
        text::bytes(found.value_bytes)
    );
    Line::text(line).to(Place::new(ScreenId::Rows, At::Key(found.prefix.clone())))
}

/// What came of a build, in a sentence.
pub(super) fn told(rebuilt: &Rebuilt) -> String {
    let report = &rebuilt.report;
    let from = match report.route {
        Route::Stream => format!("all {}", text::plural(report.commits, "commit")),
        Route::Snapshot => "a snapshot".to_owned(),
        Route::Incremental => {
            format!("the one before and {}", text::plural(report.commits, "commit"))
        }
    };
    format!(
        "built {} for txn {}: {}, {}, from {from}",
        rebuilt.name,
        report.txn_id,
        text::plural(report.rows, "row"),
        text::bytes(report.bytes)
    )
}
