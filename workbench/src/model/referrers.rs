//! Who points to a page: every page is read and its references are looked at.

use crate::job::{Data, Desk, Job};
use crate::place::{At, Place};
use crate::screen_id::ScreenId;
use crate::text;
use northstar_engine::PageId;
use northstar_engine::inspect::find::{Referrer, ReferrerKind, path_to, referrers};
use northstar_engine::inspect::metas;

/// What was found.
#[derive(Clone, Debug)]
pub struct Referrers {
    /// The page asked about.
    pub page: PageId,
    /// Fields that name it.
    pub found: Vec<Referrer>,
}

impl Referrers {
    /// A heading.
    pub fn title(&self) -> String {
        format!("{} to p{}", text::plural(self.found.len() as u64, "reference"), self.page)
    }

    /// As choices.
    pub fn items(&self) -> Vec<(String, Place)> {
        self.found.iter().map(|referrer| (describe(referrer), Place::page(referrer.page))).collect()
    }
}

fn describe(referrer: &Referrer) -> String {
    let how = match referrer.kind {
        ReferrerKind::MetaRoot => "the meta's root",
        ReferrerKind::MetaBitmap => "the meta's bitmap",
        ReferrerKind::MetaHistory => "the meta's history rows",
        ReferrerKind::MetaRetired => "the meta's retired rows",
        ReferrerKind::Child => "child",
        ReferrerKind::Value => "value of a row",
        ReferrerKind::NextExtent => "next extent of a value",
        ReferrerKind::NextInChain => "next page of a chain",
        ReferrerKind::HistoryRoot => "root of a past state",
        ReferrerKind::Retired => "retired row",
        ReferrerKind::RightSibling => "right sibling, a hint",
    };
    let index = referrer.index.map(|index| format!("[{index}]")).unwrap_or_default();
    let txn = referrer.pointer.map(|pointer| format!("  written by txn {}", pointer.birth));
    format!("p{}{index}  {how}{}", referrer.page, txn.unwrap_or_default())
}

/// Looks for them.
#[derive(Debug)]
pub struct FindReferrers {
    /// The page asked about.
    pub page: PageId,
}

impl Job for FindReferrers {
    fn name(&self) -> String {
        format!("look for references to p{}", self.page)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let found = referrers(&source, self.page, &mut |done, total| desk.progress(done, total))
            .map_err(|error| error.to_string())?;
        if !desk.wanted() {
            return Err("stopped".to_owned());
        }
        Ok(Box::new(Referrers { page: self.page, found }))
    }
}

/// The node above a page, or nothing.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The page asked about.
    pub page: PageId,
    /// Where its parent is.
    pub place: Option<Place>,
}

/// Looks for the node above a page: down the current tree by a key of the page, else by its
/// referrers.
#[derive(Debug)]
pub struct FindParent {
    /// The page asked about.
    pub page: PageId,
}

impl Job for FindParent {
    fn name(&self) -> String {
        format!("look for the parent of p{}", self.page)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let page = self.page;
        let judgement = metas(&source);
        let chosen = judgement.chosen.and_then(|slot| judgement.slots.get(slot.index()));
        if let Some(root) = chosen.and_then(|slot| slot.root)
            && let Some(path) = path_to(&source, &root, page)
        {
            let above = path.len().checked_sub(2).and_then(|at| path.get(at));
            let id = match (above, judgement.chosen) {
                (Some(step), _) => Some(step.pointer.page),
                // The root itself: the meta names it.
                (None, chosen) => chosen.map(|slot| PageId::new(slot.index() as u64)),
            };
            let place = id.map(Place::page);
            return Ok(Box::new(Parent { page, place }));
        }
        let found = referrers(&source, page, &mut |done, total| desk.progress(done, total))
            .map_err(|error| error.to_string())?;
        let real = found.iter().find(|referrer| referrer.kind != ReferrerKind::RightSibling);
        let place = real.map(|referrer| Place::new(ScreenId::Page, At::Page(referrer.page, None)));
        Ok(Box::new(Parent { page, place }))
    }
}
