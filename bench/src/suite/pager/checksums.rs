//! Checksums of whole pages.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    rng::KeyOrder,
    suite::support::{FILLED, Filled},
};
use northstar_engine::{
    FileUuid, PageId,
    disk::{OpenMode, Storage},
    format::verify_page,
    limits::PAGE_BYTES,
};

/// Verifies real pages that lie in memory.
pub(super) struct Checksums {
    pages: Vec<u8>,
    uuid: FileUuid,
    next: usize,
    verified: u64,
}

impl Checksums {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let Filled { db, .. } = Filled::new(context, context.options(), KeyOrder::Scattered)?;
        let uuid = db.uuid();
        let file = context.storage.open(&context.path(FILLED), OpenMode::Read)?;
        let bytes = usize::try_from(file.len()?).map_err(Error::wrong)?;
        let mut pages = vec![0; bytes / PAGE_BYTES * PAGE_BYTES];
        file.read_at(&mut pages, 0)?;
        // Free pages of the file may hold anything; only sound ones are measured.
        let sound: Vec<u8> = pages
            .chunks_exact(PAGE_BYTES)
            .enumerate()
            .filter(|(id, page)| verify_page(page, uuid, PageId::new(*id as u64)).is_ok())
            .flat_map(|(_, page)| page.iter().copied())
            .collect();
        drop(db);
        if sound.len() < 16 * PAGE_BYTES {
            return Err(Error::wrong("fewer than 16 sound pages in the file"));
        }
        Ok(Box::new(Self { pages: sound, uuid, next: 0, verified: 0 }))
    }

    fn id_of(page: &[u8]) -> PageId {
        northstar_engine::format::page::PageHeader::decode(page)
            .map_or(PageId::new(u64::MAX), |header| header.page_id)
    }
}

impl Bench for Checksums {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { pages, uuid, next, verified } = self;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let page = &pages[*next..*next + PAGE_BYTES];
                let found = lane.op(|| verify_page(page, *uuid, Self::id_of(page)));
                *verified += u64::from(found.is_ok());
                *next = (*next + PAGE_BYTES) % pages.len();
            }
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        // A benchmark of a check that never fails would measure nothing: each damaged page is refused.
        for page in self.pages.chunks_exact_mut(PAGE_BYTES).take(16) {
            let id = Self::id_of(page);
            page[PAGE_BYTES - 1] ^= 1;
            let refused = verify_page(page, self.uuid, id).is_err();
            page[PAGE_BYTES - 1] ^= 1;
            if !refused {
                return Err(Error::wrong(format!("a flipped bit in page {id} was not noticed")));
            }
        }
        report.checksum.add_number(self.verified);
        Ok(())
    }
}
