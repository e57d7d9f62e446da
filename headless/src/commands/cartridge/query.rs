//! `cartridge query`: the questions a cartridge answers.

use super::{Kind, open};
use crate::{
    commands::Form,
    exit::Exit,
    output::{Out, hex::Hex, json, json::Bytes, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::{
    cartridge::{
        Cartridge,
        prefix_counts::{PrefixCount, PrefixTable},
    },
    queue::pending_tasks::{Pending, PendingTask},
};
use serde::Serialize;
use std::{ffi::OsString, path::PathBuf};

/// Ask a cartridge
///
/// pending_tasks_by_type: without KEY how many tasks each type has, with KEY the tasks of that type, the
/// first to be claimed first. prefix_counts: without KEY all prefixes, with KEY that one. Exit status 1
/// when KEY is not in it.
#[derive(Args, Debug)]
pub(super) struct Query {
    /// The cartridge
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// A task type, or a key prefix
    key: Option<OsString>,
    /// At most so many answers
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct TypeJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_hex: Option<Hex<'a>>,
    pending: u64,
}

#[derive(Debug, Serialize)]
struct PrefixJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_hex: Option<Hex<'a>>,
    depth: u32,
    rows: u64,
    key_bytes: u64,
    value_bytes: u64,
}

impl Query {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let cartridge = open(&self.file)?;
        let key = self.key.as_ref().map(|key| self.form.bytes("KEY", key)).transpose()?;
        match (Kind::of(&cartridge)?, key) {
            (Kind::PendingTasks(_), None) => self.types(&cartridge, out),
            (Kind::PendingTasks(_), Some(task_type)) => self.tasks(&cartridge, &task_type, out),
            (Kind::PrefixCounts(_), key) => self.prefixes(&cartridge, key.as_deref(), out),
        }
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    fn types(&self, cartridge: &Cartridge, out: &mut Out) -> Result<Exit> {
        let pending = Pending::new(cartridge)?;
        let mut table = Table::new(["type", "pending"]).right(&[1]);
        for index in 0..pending.type_count().min(self.limit()) {
            let (name, tasks) = pending.type_at(index)?;
            let count = tasks.len() as u64;
            if self.json {
                let name = Bytes(name);
                let line = TypeJson { r#type: name.text(), type_hex: name.hex(), pending: count };
                json::line(out, &line)?;
            } else {
                table.row([self.form.show(name, 60).into_string(), count.to_string()]);
            }
        }
        self.print(&table, out)
    }

    fn tasks(&self, cartridge: &Cartridge, task_type: &[u8], out: &mut Out) -> Result<Exit> {
        let pending = Pending::new(cartridge)?;
        let tasks = pending.tasks(task_type)?;
        let found = tasks.len() > 0;
        let mut table = Table::new(["id", "priority", "due"]).right(&[0, 1, 2]);
        for task in tasks.take(self.limit()) {
            if self.json {
                json::line(out, &task)?;
            } else {
                let PendingTask { id, due, priority } = task;
                table.row([id.to_string(), priority.to_string(), due.to_string()]);
            }
        }
        self.print(&table, out)?;
        Ok(if found { Exit::Done } else { Exit::No })
    }

    fn prefixes(&self, cartridge: &Cartridge, key: Option<&[u8]>, out: &mut Out) -> Result<Exit> {
        let prefixes = PrefixTable::new(cartridge)?;
        let mut table =
            Table::new(["prefix", "rows", "key bytes", "value bytes"]).right(&[1, 2, 3]);
        let mut found = false;
        let mut answer = |count: PrefixCount<'_>| {
            found = true;
            let PrefixCount { prefix, depth, rows, key_bytes, value_bytes } = count;
            if self.json {
                let prefix = Bytes(prefix);
                let (prefix, prefix_hex) = (prefix.text(), prefix.hex());
                let line = PrefixJson { prefix, prefix_hex, depth, rows, key_bytes, value_bytes };
                return json::line(out, &line);
            }
            let shown = match prefix {
                b"" => String::from("(all)"),
                prefix => self.form.show(prefix, 60).into_string(),
            };
            table.row([shown, rows.to_string(), key_bytes.to_string(), value_bytes.to_string()]);
            Ok(())
        };
        match key {
            Some(key) => prefixes.get(key)?.map(&mut answer).transpose().map(|_| ())?,
            None => prefixes.iter().take(self.limit()).try_for_each(|count| answer(count?))?,
        }
        self.print(&table, out)?;
        Ok(if found || key.is_none() { Exit::Done } else { Exit::No })
    }

    fn print(&self, table: &Table, out: &mut Out) -> Result<Exit> {
        if !self.json {
            table.print(out)?;
        }
        Ok(Exit::Done)
    }
}
