//! Fields as lines: offset, width, name, value, meaning; a wrong one says what was expected.

use crate::output::{Out, Printable};
use color_eyre::eyre::Result;
use northstar_engine::inspect::{FieldView, Gap};

/// Longest value shown.
const VALUE_CHARS_MAX: usize = 72;

/// A line of the listing and where it belongs.
enum Line<'a> {
    Field(&'a FieldView, usize),
    Gap(&'a Gap),
}

/// Prints fields and gaps in the order of their bytes, groups indented.
pub(super) fn print(out: &mut Out, fields: &[FieldView], gaps: &[Gap]) -> Result<()> {
    let mut lines: Vec<Line<'_>> = gaps.iter().map(Line::Gap).collect();
    let mut open: Vec<_> = fields.iter().rev().map(|field| (field, 0)).collect();
    while let Some((field, indent)) = open.pop() {
        lines.push(Line::Field(field, indent));
        open.extend(field.children.iter().rev().map(|child| (child, indent + 1)));
    }
    // Stable: a group stays before its first child.
    lines.sort_by_key(|line| match line {
        Line::Field(field, _) => field.range.start,
        Line::Gap(gap) => gap.range.start,
    });
    lines.iter().try_for_each(|line| match line {
        Line::Field(field, indent) => self::field(out, field, *indent),
        Line::Gap(gap) => self::gap(out, gap),
    })
}

fn field(out: &mut Out, field: &FieldView, indent: usize) -> Result<()> {
    let name =
        format!("{:indent$}{}", "", Printable::capped(&*field.name, 40), indent = indent * 2);
    let value = Printable::message(field.value.to_string(), VALUE_CHARS_MAX);
    let meaning = Printable::capped(&*field.meaning, 300);
    let (at, bytes) = (field.range.start, field.range.len());
    if field.children.is_empty() {
        out.line(format_args!("{at:#06x} {bytes:>5}  {name:22} {value}  # {meaning}"))?;
    } else {
        out.line(format_args!("{at:#06x} {bytes:>5}  {name}: {meaning}"))?;
    }
    match &field.verdict {
        Some(verdict) if !verdict.ok => {
            let (expected, found) = (
                Printable::message(&verdict.expected, 200),
                Printable::message(&verdict.found, 200),
            );
            let rule = verdict.rule;
            out.line(format_args!("{:16}WRONG {rule}: expected {expected}, found {found}", ""))
        }
        _ => Ok(()),
    }
}

fn gap(out: &mut Out, gap: &Gap) -> Result<()> {
    let (at, bytes) = (gap.range.start, gap.range.len());
    let zero = if gap.zero { "zero" } else { "not zero" };
    out.line(format_args!("{at:#06x} {bytes:>5}  ({}) {zero}  # {}", gap.name, gap.meaning))
}
