//! The metas once more, with a slot torn in memory: what would recovery do?

use crate::job::{Data, Desk, Job};
use northstar_engine::PageId;
use northstar_engine::format::page::check_root;
use northstar_engine::inspect::log::{Tail, explain_gap, records, segments};
use northstar_engine::inspect::{MetaJudgement, judge_pages};
use northstar_engine::{Corrupt, Lsn, inspect};

/// Records looked at in one go.
const BATCH: usize = 512;

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

/// What recovery finds in the log behind a meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct Replay {
    /// Sound commits, up to the end or to where it stops.
    pub commits: u64,
    /// Bytes that were durable once and are no record: recovery refuses the log.
    pub refused_at: Option<Lsn>,
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
        let replay = match judgement.meta() {
            Some(meta) => replay(&source, meta.log_lsn, desk),
            None => None,
        };
        Ok(Box::new(WhatIf { torn: self.torn, judgement, replay }))
    }
}

/// The commits behind a position, as far as recovery gets.
fn replay(source: &inspect::Source, from: Lsn, desk: &mut Desk<'_>) -> Option<Replay> {
    let log = segments(source).ok()?;
    let mut out = Replay::default();
    let mut end = from;
    loop {
        let part = records(source, &log, end, BATCH).ok()?;
        for record in &part.records {
            if let Some(gap) = log.gap(end, record.lsn) {
                let why = explain_gap(source, &log, gap.start).ok()?;
                out.refused_at = matches!(why, Some(Tail::Corrupt { .. })).then_some(gap.start);
                return Some(out);
            }
            out.commits += u64::from(record.is_commit());
            end = record.end_lsn;
        }
        if let Some(Tail::Corrupt { at, .. }) = part.tail {
            out.refused_at = Some(at);
        }
        match part.next {
            Some(next) if next >= end && !part.records.is_empty() && desk.wanted() => end = next,
            _ => return Some(out),
        }
    }
}
