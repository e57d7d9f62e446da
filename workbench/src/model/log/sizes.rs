//! How large commits are: their records counted by size, as they are read.

use northstar_engine::inspect::log::RecordView;
use std::collections::BTreeMap;

/// Commit records by size.
#[derive(Clone, Debug, Default)]
pub struct CommitSizes {
    /// Bytes of a record, and how many have so many.
    by_bytes: BTreeMap<u64, u64>,
    count: u64,
}

impl CommitSizes {
    /// Those of `records`.
    pub fn of(records: &[RecordView]) -> Self {
        let mut out = Self::default();
        for record in records.iter().filter(|record| record.is_commit()) {
            *out.by_bytes.entry(record_bytes(record)).or_default() += 1;
            out.count += 1;
        }
        out
    }

    /// How many commits.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The size that `percent` of the commits do not exceed; 0 when there is none.
    pub fn percentile(&self, percent: u64) -> u64 {
        let rank = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reaches = |(_, count): &(&u64, &u64)| {
            seen += **count;
            seen >= rank
        };
        self.by_bytes.iter().find(reaches).map_or(0, |(bytes, _)| *bytes)
    }

    /// The sizes there are, rising, each with how many commits have it.
    pub fn counted(&self) -> Vec<(u64, u64)> {
        self.by_bytes.iter().map(|(bytes, count)| (*bytes, *count)).collect()
    }
}

/// Bytes of a record, its header, padding and trailer included.
pub fn record_bytes(record: &RecordView) -> u64 {
    record.end_lsn.get().saturating_sub(record.lsn.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(counted: &[(u64, u64)]) -> CommitSizes {
        let by_bytes: BTreeMap<u64, u64> = counted.iter().copied().collect();
        let count = by_bytes.values().sum();
        CommitSizes { by_bytes, count }
    }

    /// A name, the sizes there are with their counts, and the percentiles 0, 50, 90 and 100.
    type Case<'a> = (&'a str, &'a [(u64, u64)], [u64; 4]);

    #[test]
    fn a_percentile_is_a_size_that_so_many_do_not_exceed() {
        let cases: &[Case<'_>] = &[
            ("none", &[], [0, 0, 0, 0]),
            ("one", &[(200, 1)], [200, 200, 200, 200]),
            ("two", &[(200, 1), (300, 1)], [200, 200, 300, 300]),
            ("one large among many", &[(200, 98), (9000, 2)], [200, 200, 200, 9000]),
            ("a tail", &[(8, 50), (16, 40), (32, 10)], [8, 8, 16, 32]),
        ];
        for (name, counted, want) in cases {
            let sizes = sizes(counted);
            assert_eq!([0, 50, 90, 100].map(|percent| sizes.percentile(percent)), *want, "{name}");
            assert_eq!(sizes.counted(), *counted, "{name}");
        }
    }
}
