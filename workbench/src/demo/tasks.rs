//! The demo's task queue: a little work about characters, some of it waiting, taken, put off, given up.
//!
//! The queue reads no clock: all of it happens in the first minute of a time of its own.

use northstar_engine::queue::{ClaimRequest, Failure, NewTask, TaskQueue};
use northstar_engine::{Db, Result};

/// Task types.
const NAME: &[u8] = b"check name";
const GLYPH: &[u8] = b"draw glyph";

/// Stores tasks and works on some of them; each step is a transaction.
pub(super) fn fill(db: &Db) -> Result<()> {
    let queue = TaskQueue::new(db.clone());
    let names =
        ["char/0001A2", "char/002118", "char/00FE18"].map(|row| NewTask::new(NAME, row.as_bytes()));
    let glyphs = ["char/01F600", "char/01F980"].map(|row| NewTask::new(GLYPH, row.as_bytes()));
    let last_try = NewTask { attempts_max: 1, ..NewTask::new(GLYPH, b"char/0E0001") };
    queue.enqueue_all(0, &names)?;
    queue.enqueue_all(1_000, &[&glyphs[..], &[last_try]].concat())?;
    // One is done; one is being worked on; one failed and will be tried again, one will not.
    work(&queue, NAME, b"ada", |queue, id| queue.complete(12_000, id, b"ada").map(drop))?;
    work(&queue, NAME, b"grace", |_, _| Ok(()))?;
    let no_font = Failure { error: b"no font has it", retry_at: 3_600_000 };
    work(&queue, GLYPH, b"hal", |queue, id| queue.fail(20_000, id, b"hal", no_font).map(drop))?;
    work(&queue, GLYPH, b"hal", |_, _| Ok(()))?;
    let invisible = Failure { error: b"an invisible character has no glyph", retry_at: 0 };
    work(&queue, GLYPH, b"hal", |queue, id| queue.fail(40_000, id, b"hal", invisible).map(drop))
}

/// Claims a task of a type and does something with it.
fn work(
    queue: &TaskQueue,
    task_type: &[u8],
    owner: &[u8],
    settle: impl FnOnce(&TaskQueue, u64) -> Result<()>,
) -> Result<()> {
    let request = ClaimRequest { lease: 600_000, ..ClaimRequest::of(owner, task_type) };
    match queue.claim(10_000, &request)? {
        Some(claim) => settle(queue, claim.id),
        None => Ok(()),
    }
}
