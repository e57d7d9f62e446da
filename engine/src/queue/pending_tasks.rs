//! The cartridge `pending_tasks_by_type`: how many tasks of a type are ready, and which come first.
//!
//! Read from the ready index alone, whose keys hold all that is asked. Sections:
//! `spec/cartridge_v0.md`, pending tasks by type.

use super::key::{Layout, ReadyKey};
use super::row::bad_row;
use crate::cartridge::{Cartridge, CartridgeType, KeptRow, Section, expect_type};
use crate::error::{Place, Result};
use crate::format::field::layout;
use serde::Serialize;

/// Section of [`TypeEntry`], by type.
pub const SECTION_TYPES: u32 = 1;
/// Section of the types' names.
pub const SECTION_NAMES: u32 = 2;
/// Section of [`TaskEntry`], by type, in the order of claims.
pub const SECTION_TASKS: u32 = 3;

layout! {
    /// One task type.
    pub struct TypeEntry = 32, "type entry", "cartridge_v0#pending-tasks-by-type" {
        name_offset: u64 = "Where the type's name starts in the names section.",
        name_bytes: u32 = "Bytes of the name.",
        reserved: u32 = "Zero.",
        first: u64 = "Index of its first task in the tasks section.",
        count: u64 = "How many tasks it has.",
    }
}

layout! {
    /// One task.
    pub struct TaskEntry = 24, "task entry", "cartridge_v0#pending-tasks-by-type" {
        id: u64 = "The task.",
        due: u64 = "When it became due, ms.",
        priority: u64 = "Its priority, 0 to 255.",
    }
}

/// The type: the ready tasks of the queue under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTasks {
    layout: Layout,
}

impl Default for PendingTasks {
    fn default() -> Self {
        Self::with_prefix(super::DEFAULT_PREFIX)
    }
}

impl PendingTasks {
    /// Of the queue whose keys start with `prefix`.
    pub fn with_prefix(prefix: &[u8]) -> Self {
        Self { layout: Layout::new(prefix) }
    }
}

/// A ready task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PendingTask {
    /// Its id.
    pub id: u64,
    /// When it became due, ms.
    pub due: u64,
    /// 255 is claimed first.
    pub priority: u8,
}

impl CartridgeType for PendingTasks {
    const NAME: &'static str = "pending_tasks_by_type";
    const VERSION: u32 = 0;
    const SECTIONS: &'static [u32] = &[SECTION_TYPES, SECTION_NAMES, SECTION_TASKS];

    fn options(&self) -> Vec<u8> {
        self.layout.prefix().to_vec()
    }

    fn from_options(options: &[u8]) -> Option<Self> {
        Some(Self::with_prefix(options))
    }

    fn prefixes(&self) -> Vec<Vec<u8>> {
        vec![self.layout.all_ready()]
    }

    fn keep(&self, _key: &[u8], _value: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn sections(&self, rows: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<Vec<Section>> {
        let (mut types, mut names, mut tasks) = (Vec::<TypeEntry>::new(), Vec::new(), Vec::new());
        let mut current: Vec<u8> = Vec::new();
        let mut count = 0;
        for (key, _) in rows {
            let Some(ready) = self.layout.parse_ready(key) else {
                return Err(bad_row("QUEUE-2", "a ready index key", key.escape_ascii()));
            };
            if types.is_empty() || current != ready.task_type {
                types.push(TypeEntry {
                    name_offset: names.len() as u64,
                    name_bytes: ready.task_type.len() as u32,
                    reserved: 0,
                    first: count,
                    count: 0,
                });
                names.extend_from_slice(&ready.task_type);
                current.clone_from(&ready.task_type);
            }
            if let Some(last) = types.last_mut() {
                last.count += 1;
            }
            count += 1;
            let priority = u64::from(u8::MAX - ready.urgency);
            TaskEntry { id: ready.id, due: ready.due, priority }.encode(&mut tasks);
        }
        let mut bytes = Vec::with_capacity(types.len() * TypeEntry::BYTES);
        types.iter().for_each(|entry| entry.encode(&mut bytes));
        Ok(vec![
            Section { kind: SECTION_TYPES, count: types.len() as u64, bytes },
            Section { kind: SECTION_NAMES, count: names.len() as u64, bytes: names },
            Section { kind: SECTION_TASKS, count, bytes: tasks },
        ])
    }

    fn restore(&self, cartridge: &Cartridge) -> Result<Option<Vec<KeptRow>>> {
        let pending = Pending::new(cartridge)?;
        let mut rows = Vec::new();
        for index in 0..pending.type_count() {
            let (name, tasks) = pending.type_at(index)?;
            for task in tasks {
                let ready = ReadyKey {
                    task_type: name.to_vec(),
                    urgency: u8::MAX - task.priority,
                    due: task.due,
                    id: task.id,
                };
                rows.push((self.layout.ready_key(&ready), Vec::new()));
            }
        }
        Ok(Some(rows))
    }

    fn check(&self, cartridge: &Cartridge) -> Result<()> {
        let pending = Pending::new(cartridge)?;
        let bad = |expected: &str, found: String| {
            Err(cartridge.bad("CART-7", Place::File, expected, found))
        };
        let mut next = 0;
        let mut last_name: Option<&[u8]> = None;
        for index in 0..pending.type_count() {
            let entry = pending.type_entry(index)?;
            let (name, tasks) = pending.type_at(index)?;
            if entry.first != next || entry.count == 0 || entry.reserved != 0 {
                return bad("types that cover the tasks in order", format!("{entry:?}"));
            }
            // No overflow: `type_at` found that many tasks in the section.
            next += entry.count;
            if name.is_empty() || name.contains(&0) {
                return bad("names without zero bytes", name.escape_ascii().to_string());
            }
            if last_name.is_some_and(|last| last >= name) {
                return bad("type names that rise", name.escape_ascii().to_string());
            }
            last_name = Some(name);
            let rank = |task: &PendingTask| (u8::MAX - task.priority, task.due, task.id);
            if !tasks.is_sorted_by(|a, b| rank(a) < rank(b)) {
                return bad("tasks in the order of claims", name.escape_ascii().to_string());
            }
        }
        if next != (pending.tasks.len() / TaskEntry::BYTES) as u64
            || next != cartridge.header().input_rows
        {
            return bad("types that cover all tasks, each from one input row", next.to_string());
        }
        let priorities = pending.tasks.chunks_exact(TaskEntry::BYTES).filter_map(TaskEntry::decode);
        if let Some(entry) = priorities.into_iter().find(|entry| entry.priority > u8::MAX.into()) {
            return bad("priorities up to 255", format!("{entry:?}"));
        }
        Ok(())
    }
}

/// The pending tasks in a cartridge, ready to be asked. Look-ups copy nothing.
#[derive(Debug)]
pub struct Pending<'a> {
    cartridge: &'a Cartridge,
    types: &'a [u8],
    names: &'a [u8],
    tasks: &'a [u8],
}

impl<'a> Pending<'a> {
    /// Verifies the sections and reads nothing else.
    ///
    /// # Errors
    /// `InvalidArgument` for another type of cartridge; `Corrupt`.
    pub fn new(cartridge: &'a Cartridge) -> Result<Self> {
        expect_type::<PendingTasks>(cartridge)?;
        Ok(Self {
            cartridge,
            types: cartridge.entries(SECTION_TYPES, TypeEntry::BYTES)?,
            names: cartridge.section(SECTION_NAMES)?.0,
            tasks: cartridge.entries(SECTION_TASKS, TaskEntry::BYTES)?,
        })
    }

    /// How many types have ready tasks.
    pub fn type_count(&self) -> usize {
        self.types.len() / TypeEntry::BYTES
    }

    /// The type at `index`, in name order, and its tasks in the order of claims.
    ///
    /// # Errors
    /// `Corrupt` when an entry points outside its sections.
    pub fn type_at(&self, index: usize) -> Result<(&'a [u8], Tasks<'a>)> {
        let entry = self.type_entry(index)?;
        let slices = || {
            let name_start = usize::try_from(entry.name_offset).ok()?;
            let name_end = name_start.checked_add(entry.name_bytes as usize)?;
            let start = usize::try_from(entry.first).ok()?.checked_mul(TaskEntry::BYTES)?;
            let bytes = usize::try_from(entry.count).ok()?.checked_mul(TaskEntry::BYTES)?;
            let tasks = self.tasks.get(start..start.checked_add(bytes)?)?;
            Some((self.names.get(name_start..name_end)?, Tasks { bytes: tasks }))
        };
        slices().ok_or_else(|| {
            let expected = format_args!("type entry {index} inside the other sections");
            self.cartridge.bad("CART-7", Place::File, expected, format_args!("{entry:?}"))
        })
    }

    /// How many tasks of `task_type` are ready. Cost: a binary search over the types.
    ///
    /// # Errors
    /// As [`Pending::type_at`].
    pub fn count(&self, task_type: &[u8]) -> Result<u64> {
        Ok(self.tasks(task_type)?.len() as u64)
    }

    /// The ready tasks of `task_type` in the order of claims.
    ///
    /// # Errors
    /// As [`Pending::type_at`].
    pub fn tasks(&self, task_type: &[u8]) -> Result<Tasks<'a>> {
        let (mut low, mut high) = (0, self.type_count());
        while low < high {
            let middle = low + (high - low) / 2;
            let (name, tasks) = self.type_at(middle)?;
            match name.cmp(task_type) {
                std::cmp::Ordering::Equal => return Ok(tasks),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(Tasks { bytes: &[] })
    }

    fn type_entry(&self, index: usize) -> Result<TypeEntry> {
        let bytes = index.checked_mul(TypeEntry::BYTES).and_then(|start| self.types.get(start..));
        bytes.and_then(TypeEntry::decode).ok_or_else(|| {
            self.cartridge.bad(
                "CART-7",
                Place::File,
                format_args!("type {index}"),
                self.type_count(),
            )
        })
    }
}

/// Tasks of one type in the order of claims.
#[derive(Clone, Debug)]
pub struct Tasks<'a> {
    bytes: &'a [u8],
}

impl Iterator for Tasks<'_> {
    type Item = PendingTask;

    fn next(&mut self) -> Option<PendingTask> {
        let entry = TaskEntry::decode(self.bytes)?;
        self.bytes = self.bytes.get(TaskEntry::BYTES..)?;
        // A priority over 255 can only come from a damaged file: CART-7 of `check`.
        let priority = u8::try_from(entry.priority).unwrap_or(u8::MAX);
        Some(PendingTask { id: entry.id, due: entry.due, priority })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.bytes.len() / TaskEntry::BYTES;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Tasks<'_> {}
