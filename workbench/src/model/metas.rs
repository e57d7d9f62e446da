//! The metas once more, with a slot torn in memory: what would recovery do?

use crate::job::{Data, Desk, Job};
use northstar_engine::PageId;
use northstar_engine::format::page::check_root;
use northstar_engine::inspect::{MetaJudgement, judge_pages};
use northstar_engine::{Corrupt, Error, inspect};

/// Which slots are torn in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Torn {
    /// Slot A.
    pub a: bool,
    /// Slot B.
    pub b: bool,
}

impl Torn {
    /// The next thing to try: the chosen slot, the other, both, none.
    #[must_use]
    pub const fn next(self) -> Self {
        match (self.a, self.b) {
            (false, false) => Self { a: false, b: true },
            (false, true) => Self { a: true, b: false },
            (true, false) => Self { a: true, b: true },
            (true, true) => Self { a: false, b: false },
        }
    }
}

/// The judgement with slots torn.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// What was torn.
    pub torn: Torn,
    /// What recovery would do.
    pub judgement: MetaJudgement,
    /// What would be replayed, when a meta is left.
    pub replay: Option<Replay>,
}

/// What recovery makes of the log behind a meta.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct Replay {
    /// Commits that it replays.
    pub commits: u64,
    /// Why it refuses the log, if it does.
    pub refused: Option<String>,
}

/// Asks what if.
#[derive(Debug)]
pub struct AskWhatIf {
    /// What is torn.
    pub torn: Torn,
}

/// A torn sector: the write got half through the meta.
const TORN_FROM: usize = 64;
const TORN_TO: usize = 512;

impl Job for AskWhatIf {
    fn name(&self) -> String {
        "judge the metas".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let read = |page| source.read_page(PageId::new(page)).map(|page| page.bytes);
        let mut slots = [0, 1].map(|page| read(page).unwrap_or_default());
        for (slot, torn) in slots.iter_mut().zip([self.torn.a, self.torn.b]) {
            if torn {
                for byte in slot.iter_mut().take(TORN_TO).skip(TORN_FROM) {
                    *byte = !*byte;
                }
            }
        }
        let [a, b] = &slots;
        let judgement = judge_pages([a.as_slice(), b.as_slice()], &mut |meta| {
            let page = source.read_page(meta.root.page).map_err(|error| {
                Corrupt::page(meta.root.page, "META-9", "a readable root", error)
            })?;
            check_root(&page.bytes, meta.uuid, meta.root, meta.depth).map(|_| ())
        });
        let replay = judgement.meta().map(|_| match inspect::recovery(&source, &judgement) {
            Ok(found) => Replay { commits: found.map_or(0, |found| found.commits), refused: None },
            Err(error) => Replay { commits: 0, refused: Some(why(&error)) },
        });
        Ok(Box::new(WhatIf { torn: self.torn, judgement, replay }))
    }
}

/// Why recovery refuses, without the path that the screen is about.
fn why(error: &Error) -> String {
    match error {
        Error::Corrupt(corrupt) => {
            let Corrupt { place, rule, expected, found, .. } = &**corrupt;
            format!("{place}: {rule}: expected {expected}, found {found}")
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
