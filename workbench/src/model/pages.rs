//! Pages: a few words about each for the map, and one page taken apart for the inspector.

use crate::job::{Data, Desk, Job};
use northstar_engine::PageId;
use northstar_engine::inspect::find::{PageSummary, SummaryDepth, summaries};
use northstar_engine::inspect::{self, PageView};

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
        let page = source.read_page(self.id).map_err(|error| error.to_string())?;
        let view = inspect::page(&page.bytes, self.id, source.uuid());
        Ok(Box::new(LoadedPage { bytes: page.bytes, moved: page.moved, view }))
    }
}
