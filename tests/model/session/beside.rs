//! Steps with a second database: a copy of this one, and a handle that only reads beside the writer.

use super::Session;
use northstar_engine::{
    Error, Options, WriteTxn,
    disk::{ManualClock, SeededEntropy},
};
use std::sync::Arc;

impl Session<'_> {
    pub(super) fn backup(&mut self) {
        // Through the engine's own storage: the copy is another file of it.
        let path = format!("/d/copy-{}.ns", self.step);
        self.db().backup(&path).unwrap_or_else(|e| panic!("{}: backup: {e}", self.place()));
        let copy = Options::new().background(false).cache_bytes(0).read_only(true).open_on(
            Arc::new(self.storage.clone()),
            Arc::new(SeededEntropy::new(self.step)),
            Arc::new(ManualClock::new()),
            &path,
        );
        let copy = copy.unwrap_or_else(|e| panic!("{}: backup opens: {e}", self.place()));
        assert_eq!(copy.begin_read().unwrap().txn_id().get(), self.latest_id());
        self.check(&copy.begin_read().unwrap(), &Arc::clone(self.latest()));
        drop(copy);
        // The copy is a database of its own: it goes on where its source was.
        let copy = self.open_with(self.options(), &path);
        let copy = copy.unwrap_or_else(|e| panic!("{}: backup opens to write: {e}", self.place()));
        let mut w = copy.begin_write().unwrap();
        w.put(b"of the copy", b"alone").unwrap();
        assert_eq!(w.commit().unwrap().get(), self.latest_id() + 1, "{}", self.place());
        assert!(copy.verify().unwrap().problems.is_empty(), "{}: of the copy", self.place());
        copy.close().unwrap();
        for file in [path.clone(), path + ".log"] {
            northstar_engine::disk::Storage::unlink(&self.storage, file.as_ref()).unwrap();
        }
    }

    /// Opens the database a second time, to read beside the writer (rules 22 and 23).
    pub(super) fn open_beside(&mut self) {
        self.close_beside();
        let options = self.options().read_only(true);
        let db = self.open_with(options, "/d/model.ns");
        let db = db.unwrap_or_else(|e| panic!("{}: read-only: {e}", self.place()));
        let id = db.begin_read().unwrap().txn_id().get();
        let stored = self.db().stats().checkpoint_txn;
        assert!(
            (stored..=self.latest_id()).contains(&id),
            "{}: sees {id}, behind the checkpoint at {stored}",
            self.place()
        );
        for refused in [
            db.begin_write().map(WriteTxn::abort),
            db.checkpoint(),
            db.sync(),
            db.compact().map(drop),
        ] {
            assert!(matches!(refused, Err(Error::ReadOnly)), "{}: {refused:?}", self.place());
        }
        self.beside = Some((db, id));
    }

    /// Whatever the writer did meanwhile, it still sees the state it opened with.
    pub(super) fn close_beside(&mut self) {
        let Some((db, id)) = self.beside.take() else { return };
        let rows = Arc::clone(&self.states[id as usize]);
        let r = db.begin_read().unwrap();
        assert_eq!(r.txn_id().get(), id, "{}", self.place());
        self.check(&r, &rows);
        drop(r);
        let report = db.verify().unwrap();
        assert!(report.problems.is_empty(), "{}: beside: {:#?}", self.place(), report.problems);
        db.close().unwrap();
    }
}
