//! northstar: its own task queue.

use super::{ClaimQueue, LEASE_UNTIL, NOW, TYPES};
use crate::error::Result;
use northstar_engine::{
    LogRetention, Options,
    queue::{ClaimRequest, NewTask, TaskQueue},
};
use std::path::Path;

pub(super) fn open(folder: &Path) -> Result<Box<dyn ClaimQueue>> {
    let options = Options::new().cache_bytes(1 << 30).log_retention(LogRetention::Recovery);
    Ok(Box::new(TaskQueue::new(options.open(folder.join("queue.ns"))?)))
}

fn type_name(task_type: u64) -> Vec<u8> {
    format!("type-{task_type:02}").into_bytes()
}

impl ClaimQueue for TaskQueue {
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()> {
        let types: Vec<_> = (0..TYPES).map(type_name).collect();
        let tasks: Vec<_> =
            ids.map(|id| NewTask::new(&types[(id % TYPES) as usize], payload)).collect();
        self.enqueue_all(NOW, &tasks)?;
        Ok(())
    }

    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let task_type = type_name(task_type);
        let request = ClaimRequest {
            lease: LEASE_UNTIL - NOW,
            ..ClaimRequest::of(owner.as_bytes(), &task_type)
        };
        Ok(TaskQueue::claim(self, NOW, &request)?.map(|claim| claim.id))
    }

    fn counts(&self) -> Result<(u64, u64)> {
        let read = self.db().begin_read()?;
        let count = |prefix: Vec<u8>| -> Result<u64> {
            let mut rows = 0;
            for row in read.prefix(prefix)? {
                row?;
                rows += 1;
            }
            Ok(rows)
        };
        Ok((count(self.layout().all_leases())?, count(self.layout().all_ready())?))
    }

    fn syncs(&self) -> Option<u64> {
        let stats = self.db().stats();
        Some(stats.log_syncs + stats.data_syncs)
    }
}
