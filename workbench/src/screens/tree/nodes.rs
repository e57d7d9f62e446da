//! Walking the nodes: the root, the child or the value under the cursor, a look-up.

use super::column::Column;
use super::{Effect, LOOKUP, NODE, ScreenId, TreeScreen, VALUE};
use crate::model::tree::{LoadNode, LoadValue, LoadedValue, LookUp};
use crate::place::{At, Place};
use northstar_engine::Pointer;
use northstar_engine::inspect::tree::{Entry, Root};

impl TreeScreen {
    pub(super) fn open_root(&mut self, root: Root) -> Vec<Effect> {
        let mut out = self.open_nodes(root);
        out.extend(self.walk_for_shape());
        out
    }

    pub(super) fn open_nodes(&mut self, root: Root) -> Vec<Effect> {
        self.root = Some(root);
        self.lookup = None;
        self.active = 0;
        self.columns.clear();
        if root.pointer.is_null() {
            return Vec::new();
        }
        if let Some(key) = self.wanted.take() {
            return self.look_up(key);
        }
        self.columns.push(Column::new(root.pointer));
        vec![self.load(root.pointer, root.level())]
    }

    pub(super) fn load(&self, pointer: Pointer, level: Option<u8>) -> Effect {
        Effect::Run(NODE, Box::new(LoadNode { pointer, level }))
    }

    pub(super) fn look_up(&mut self, key: Vec<u8>) -> Vec<Effect> {
        match self.root {
            Some(root) => vec![Effect::Run(LOOKUP, Box::new(LookUp { root, key }))],
            None => {
                self.wanted = Some(key);
                Vec::new()
            }
        }
    }

    /// Levels of the tree, once its root has been read.
    pub(super) fn levels(&self) -> Option<u32> {
        let read = self.columns.first().is_some_and(|column| column.view().is_some());
        self.root.filter(|_| read).map(|root| root.depth)
    }

    /// The cursor moved: what lay to the right belongs to another child.
    pub(super) fn moved(&mut self) -> Vec<Effect> {
        self.columns.truncate(self.active + 1);
        self.lookup = None;
        self.preview()
    }

    /// Loads what is under the cursor to the right: a child into its column, a row's value.
    pub(super) fn preview(&mut self) -> Vec<Effect> {
        self.value = None;
        let Some(column) = self.columns.get(self.active) else { return Vec::new() };
        let pointer = match (column.entry(), self.root) {
            (Some(Entry::Child { pointer, .. }), _) => *pointer,
            (Some(Entry::Row { key, .. }), Some(root)) => {
                return vec![Effect::Run(VALUE, Box::new(LoadValue { root, key: key.clone() }))];
            }
            _ => return Vec::new(),
        };
        let level = column.view().and_then(|node| node.level.checked_sub(1));
        if self.columns.len() == self.active + 1 {
            self.columns.push(Column::new(pointer));
        }
        vec![self.load(pointer, level)]
    }

    /// Loads the value of the row under the cursor, and no child: a look-up has all of its nodes.
    pub(super) fn preview_row(&mut self) -> Vec<Effect> {
        let entry = self.columns.get(self.active).and_then(Column::entry);
        match entry {
            Some(Entry::Row { .. }) => self.preview(),
            _ => Vec::new(),
        }
    }

    /// The value of the selected row, once it is there.
    pub(super) fn selected_value(&self) -> Option<&LoadedValue> {
        let entry = self.columns.get(self.active)?.entry()?;
        self.value
            .as_ref()
            .filter(|value| matches!(entry, Entry::Row { key, .. } if *key == value.key))
    }

    pub(super) fn open(&self) -> Vec<Effect> {
        let Some(column) = self.columns.get(self.active) else { return Vec::new() };
        let offset = match column.entry() {
            Some(Entry::Row { value, .. }) => Some(u32::from(value.offset)),
            _ => None,
        };
        let at = At::Page(column.pointer.page, offset);
        vec![Effect::Go(Place::new(ScreenId::Page, at))]
    }

    pub(super) fn selected_key(&self) -> Option<&[u8]> {
        match self.columns.get(self.active)?.entry()? {
            Entry::Row { key, .. } => Some(key),
            Entry::Child { separator, .. } => Some(separator),
        }
    }
}
