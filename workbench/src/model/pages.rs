//! Pages: a few words about each for the map, and one page taken apart for the inspector.

use crate::job::{Data, Desk, Job};
use crate::text;
use northstar_engine::inspect::find::{PageSummary, SummaryDepth, summaries};
use northstar_engine::inspect::tree::{Root, lookup, row_keys};
use northstar_engine::inspect::{self, FieldValue, FieldView, PageView, Source};
use northstar_engine::{FileUuid, PageId, TxnId};

/// Pages in one batch of a scan.
const BATCH: u64 = 512;

/// A part of a scan: the pages from `first` on.
#[derive(Debug)]
pub struct Scanned {
    /// The first of them.
    pub first: u64,
    /// They.
    pub pages: Vec<PageSummary>,
}

/// The end of a scan.
#[derive(Debug)]
pub struct ScanDone;

/// Reads every page of the file, in batches.
#[derive(Debug)]
pub struct ScanPages;

impl Job for ScanPages {
    fn name(&self) -> String {
        "scan pages".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let total = source.page_count().map_err(|error| error.to_string())?;
        let mut first = 0;
        while first < total {
            let end = (first + BATCH).min(total);
            let pages = summaries(&source, first..end, SummaryDepth::Whole, None, None);
            desk.part(Box::new(Scanned { first, pages }));
            first = end;
            if !desk.progress(first, total) {
                return Err("scan stopped".to_owned());
            }
        }
        Ok(Box::new(ScanDone))
    }
}

/// One page: bytes and meaning.
#[derive(Clone, Debug)]
pub struct LoadedPage {
    /// Its bytes, as many as the file has.
    pub bytes: Vec<u8>,
    /// Changed while it was read.
    pub moved: bool,
    /// Its fields, gaps and problems.
    pub view: PageView,
}

impl LoadedPage {
    /// The same page with a bit of byte `at` flipped in memory, judged anew.
    #[must_use]
    pub fn with_flip(&self, at: usize, uuid: FileUuid) -> Self {
        let mut bytes = self.bytes.clone();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        let view = inspect::page(&bytes, self.view.id, uuid);
        Self { bytes, moved: self.moved, view }
    }
}

/// Fields at the front of every page, which say nothing of what is in this one.
const PAGE_HEADER: &str = "page header";
/// The groups of a node's rows or children, and of what their keys have in common.
const CELLS: &str = "cells";
const PREFIX: &str = "prefix";

impl LoadedPage {
    /// What the page holds, in up to `limit` lines: the keys of a node with their children or values, else
    /// its fields.
    pub fn contents(&self, limit: usize) -> Vec<String> {
        let group = |name: &str| self.view.fields.iter().find(|field| field.name == name);
        if let Some(cells) = group(CELLS) {
            let prefix = group(PREFIX).map(|field| text_of(&field.value)).unwrap_or_default();
            return cells
                .children
                .iter()
                .take(limit)
                .map(|cell| cell_line(&prefix, cell))
                .collect();
        }
        let groups = self.view.fields.iter().filter(|field| field.name != PAGE_HEADER);
        let inner = groups.flat_map(|group| match group.children.is_empty() {
            true => std::slice::from_ref(group),
            false => group.children.as_slice(),
        });
        inner.take(limit).map(field_line).collect()
    }
}

impl LoadedPage {
    /// The first and the last key of a node.
    pub fn key_range(&self) -> Option<(String, String)> {
        let group = |name: &str| self.view.fields.iter().find(|field| field.name == name);
        let prefix = group(PREFIX).map(|field| text_of(&field.value)).unwrap_or_default();
        let cells = &group(CELLS)?.children;
        Some((key_of(&prefix, cells.first()?), key_of(&prefix, cells.last()?)))
    }
}

/// A value without the quotes around bytes.
fn text_of(value: &FieldValue) -> String {
    value.to_string().trim_matches('"').to_owned()
}

/// A field in a line: its name and its value, those of its parts one behind the other.
pub fn field_line(field: &FieldView) -> String {
    match &field.value {
        FieldValue::Group => {
            let inner = field.children.iter().map(|child| child.value.to_string());
            format!("{:<17} {}", field.name, inner.collect::<Vec<_>>().join(" "))
        }
        value => format!("{:<17} {value}", field.name),
    }
}

/// A key, and where it leads or how long its value is.
fn cell_line(prefix: &str, cell: &FieldView) -> String {
    let link = cell.children.iter().find_map(|field| field.link.as_ref()?.page());
    let bytes = cell.children.iter().find(|field| field.name == "value");
    let behind = match (link, bytes) {
        (Some(page), _) => format!("→ p{page}"),
        (None, Some(value)) => text::bytes(value.range.len() as u64),
        (None, None) => String::new(),
    };
    format!("{} {behind}", text::fit(&key_of(prefix, cell), KEY_COLUMNS))
}

/// The whole key of a cell; the empty key of a first child stands for everything below the next.
fn key_of(prefix: &str, cell: &FieldView) -> String {
    let key = cell.children.iter().find(|field| field.name == "key");
    let key = key.map(|field| text_of(&field.value)).unwrap_or_default();
    match prefix.is_empty() && key.is_empty() {
        true => "-∞".to_owned(),
        false => format!("{prefix}{key}"),
    }
}

/// Columns of a key among the contents.
const KEY_COLUMNS: usize = 36;

/// Where the keys of a leaf are in an older state.
#[derive(Clone, Debug)]
pub struct OlderVersion {
    /// The leaf that was asked about.
    pub of: PageId,
    /// The state and its leaf; none when every older state has the same one, or has none.
    pub found: Option<(TxnId, PageId)>,
}

/// Looks for the version of a leaf before this one: the leaf that has its first key in the newest older
/// state where that is another page.
#[derive(Debug)]
pub struct FindOlder {
    /// The leaf.
    pub page: PageId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The states with pages, newest first.
    pub roots: Vec<Root>,
}

impl Job for FindOlder {
    fn name(&self) -> String {
        format!("look for older versions of p{}", self.page)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut found = None;
        let mut seen = false;
        if let Some(key) = row_keys(&self.bytes).into_iter().next() {
            for root in &self.roots {
                let leaf = lookup(&source, root, &key).last().map(|step| step.pointer.page);
                // Newer states come first: what differs before the page itself is not older.
                if leaf == Some(self.page) {
                    seen = true;
                } else if let Some(leaf) = leaf.filter(|_| seen) {
                    found = Some((root.txn_id, leaf));
                    break;
                }
            }
        }
        Ok(Box::new(OlderVersion { of: self.page, found }))
    }
}

/// Reads one page.
#[derive(Debug)]
pub struct LoadPage {
    /// Which.
    pub id: PageId,
}

impl Job for LoadPage {
    fn name(&self) -> String {
        format!("read p{}", self.id)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        Ok(Box::new(load(&source, self.id)?))
    }
}

/// Reads page `id` and takes it apart.
///
/// # Errors
/// A sentence: the file cannot be read.
pub(super) fn load(source: &Source, id: PageId) -> Result<LoadedPage, String> {
    let page = source.read_page(id).map_err(|error| error.to_string())?;
    let view = inspect::page(&page.bytes, id, source.uuid());
    Ok(LoadedPage { bytes: page.bytes, moved: page.moved, view })
}
