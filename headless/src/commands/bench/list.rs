//! `bench --list`: every benchmark with its reason.

use crate::{
    exit::Exit,
    output::{Out, json, table::Table},
};
use color_eyre::eyre::Result;
use northstar_bench::{
    catalog::{self, Entry},
    profile::Profile,
    result::Class,
};
use serde::Serialize;

/// One entry of the list as JSON.
#[derive(Serialize)]
struct Listed {
    id: &'static str,
    suite: &'static str,
    version: u32,
    critical: bool,
    class: Class,
    unit: &'static str,
    why: &'static str,
    parameters: Vec<Parameter>,
    ops_ci: u64,
    ops_dev_nvme: u64,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    unit: &'static str,
    values_ci: Vec<String>,
    values_dev_nvme: Vec<String>,
}

pub(super) fn run(as_json: bool, out: &mut Out) -> Result<Exit> {
    let entries = catalog::all();
    if as_json {
        json::document(out, &entries.iter().map(listed).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["id", "class", "gate", "ops ci", "ops full", "why"]).right(&[3, 4]);
    for entry in entries.iter().map(listed) {
        let class = match entry.class {
            Class::Exact => "exact",
            Class::Threaded => "threaded",
        };
        table.row([
            entry.id.into(),
            class.into(),
            if entry.critical { "critical" } else { "shown" }.into(),
            entry.ops_ci.to_string(),
            entry.ops_dev_nvme.to_string(),
            entry.why.into(),
        ]);
    }
    table.print(out)?;
    Ok(Exit::Done)
}

fn listed(entry: &Entry) -> Listed {
    let ops = |profile| {
        let params = entry.parameter_sets(profile, None).into_iter().next().unwrap_or_default();
        entry.ops(profile, &params)
    };
    let mut parameters: Vec<Parameter> = entry
        .parameters
        .iter()
        .map(|parameter| Parameter {
            name: parameter.name,
            unit: parameter.unit,
            values_ci: vec![parameter.ci.to_string()],
            values_dev_nvme: vec![parameter.full.to_string()],
        })
        .collect();
    if let Some((name, words)) = entry.words {
        let values: Vec<String> = words.iter().map(ToString::to_string).collect();
        parameters.push(Parameter {
            name,
            unit: "",
            values_ci: values.clone(),
            values_dev_nvme: values,
        });
    }
    Listed {
        id: entry.id,
        suite: entry.suite(),
        version: entry.version,
        critical: entry.critical,
        class: entry.class,
        unit: entry.unit,
        why: entry.why,
        parameters,
        ops_ci: ops(Profile::Ci),
        ops_dev_nvme: ops(Profile::DevNvme),
    }
}
