//! `dump DB page N`: every field and gap of one page.

use super::fields;
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, json},
};
use color_eyre::eyre::Result;
use northstar_engine::{
    PageId,
    inspect::{self, Source},
};

pub(super) fn run(source: &Source, id: u64, as_json: bool, out: &mut Out) -> Result<Exit> {
    let count = source.page_count()?;
    if id >= count {
        return Err(Told::no(format!("there is no page {id}: the file has {count} pages")).into());
    }
    let id = PageId::new(id);
    let view = inspect::page(&source.read_page(id)?.bytes, id, source.uuid());
    if as_json {
        json::document(out, &view)?;
        return Ok(Exit::Done);
    }
    let kind = match view.page_type {
        Some(page_type) => page_type.name(),
        None if view.zero => "never written",
        None => "undecoded",
    };
    let verdict = if view.verified {
        "checksum good"
    } else if view.zero {
        "no checksum"
    } else {
        "DAMAGED"
    };
    out.line(format_args!(
        "page {id} at file offset {:#x}, {} bytes: {kind}, {verdict}",
        view.offset, view.bytes
    ))?;
    for problem in &view.problems {
        out.line(format_args!("  {}", Printable::message(problem.to_string(), 400)))?;
    }
    out.line("")?;
    fields::print(out, &view.fields, &view.gaps)?;
    Ok(Exit::Done)
}
