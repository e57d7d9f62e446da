//! The demo's task queue: a little work about characters, some of it waiting, taken, put off, given up.
//!
//! The queue reads no clock: all of it happens in the first hour of a time of its own.

use northstar_engine::queue::{ClaimRequest, Failure, NewTask, TaskQueue};
use northstar_engine::{Db, Result};

/// Task types.
const NAME: &[u8] = b"check name";
const GLYPH: &[u8] = b"draw glyph";

/// A minute, in the queue's milliseconds.
const MINUTE: u64 = 60_000;

/// Stores tasks and works on some of them; each step is a transaction.
pub(super) fn fill(db: &Db) -> Result<()> {
    let queue = TaskQueue::new(db.clone());
    let names =
        ["char/0001A2", "char/002118", "char/00FE18"].map(|row| NewTask::new(NAME, row.as_bytes()));
    let glyphs = ["char/01F600", "char/01F980"].map(|row| NewTask::new(GLYPH, row.as_bytes()));
    let last_try = NewTask { attempts_max: 1, ..NewTask::new(GLYPH, b"char/0E0001") };
    queue.enqueue_all(0, &names)?;
    queue.enqueue_all(40 * MINUTE, &[&glyphs[..], &[last_try]].concat())?;
    // One is done; one is being worked on; one failed and will be tried again, one will not.
    let now = 45 * MINUTE;
    let claim = |owner: &[u8], task_type: &[u8]| {
        let request = ClaimRequest { lease: 10 * MINUTE, ..ClaimRequest::of(owner, task_type) };
        queue.claim(now, &request).map(|claim| claim.map_or(0, |claim| claim.id))
    };
    let done = claim(b"ada", NAME)?;
    claim(b"grace", NAME)?;
    let failed = claim(b"hal", GLYPH)?;
    claim(b"hal", GLYPH)?;
    let dead = claim(b"hal", GLYPH)?;
    let no_font = Failure { error: b"no font has it", retry_at: now + 60 * MINUTE };
    let invisible = Failure { error: b"an invisible character has no glyph", retry_at: 0 };
    // Each is its owner's: it was claimed a moment ago.
    queue.complete(now + MINUTE, done, b"ada").map(drop)?;
    queue.fail(now + MINUTE, failed, b"hal", no_font).map(drop)?;
    queue.fail(now + MINUTE, dead, b"hal", invisible).map(drop)
}
