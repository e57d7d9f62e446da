//! `dump DB meta`: the two slots, rule by rule, as recovery judges them.

use super::fields;
use crate::{
    exit::Exit,
    output::{Out, Printable, json, table::Table},
};
use color_eyre::eyre::Result;
use northstar_engine::{
    format::meta::StepResult,
    inspect::{self, Source},
};

pub(super) fn run(source: &Source, as_json: bool, out: &mut Out) -> Result<Exit> {
    let metas = inspect::metas(source);
    if as_json {
        json::document(out, &metas)?;
        return Ok(Exit::Done);
    }
    for slot in &metas.slots {
        let verdict = if slot.valid { "valid" } else { "not valid" };
        out.line(format_args!("slot {}, page {}: {verdict}", slot.slot.name(), slot.page))?;
        if let Some(problem) = &slot.problem {
            out.line(format_args!("  {}", Printable::message(problem.to_string(), 400)))?;
        }
        fields::print(out, &slot.fields, &[])?;
        out.line("")?;
    }
    let mut table = Table::new(["rule", "what is asked", "A", "B"]);
    for step in &metas.rules {
        let [a, b] = step.slots.each_ref().map(shown);
        table.row([step.rule.to_owned(), step.name.to_owned(), a, b]);
    }
    table.print(out)?;
    let chosen = metas.chosen.map_or("none", |slot| slot.name());
    out.line(format_args!("chosen: {chosen}; {}", Printable::message(&metas.reason, 400)))?;
    Ok(Exit::Done)
}

fn shown(result: &StepResult) -> String {
    match result {
        StepResult::Holds { found } => Printable::message(found, 60).into_string(),
        StepResult::Broken { expected, found } => {
            let [expected, found] = [expected, found].map(|text| Printable::message(text, 60));
            format!("NO: {found}, not {expected}")
        }
        StepResult::NotReached => String::from("-"),
    }
}
