//! A histogram of births that follows the newest without looking at a page twice.

/// Bins; the range doubles when a birth lies outside.
const BINS: usize = 64;

/// Births by equal parts of a range that starts at 0 and is a power of two long.
#[derive(Debug)]
pub(super) struct Ages {
    bins: [u64; BINS],
    /// Births of one bin: 1 << shift.
    shift: u32,
    newest: u64,
}

impl Default for Ages {
    fn default() -> Self {
        Self { bins: [0; BINS], shift: 0, newest: 0 }
    }
}

impl Ages {
    /// Counts a birth, or takes it back.
    pub(super) fn count(&mut self, birth: u64, in_: bool) {
        while birth >> self.shift >= BINS as u64 {
            self.widen();
        }
        self.newest = self.newest.max(birth);
        let at = usize::try_from(birth >> self.shift).unwrap_or(BINS - 1);
        if let Some(bin) = self.bins.get_mut(at) {
            *bin = if in_ { bin.saturating_add(1) } else { bin.saturating_sub(1) };
        }
    }

    fn widen(&mut self) {
        for at in 0..BINS {
            let pair = self.bins.get(at * 2..at * 2 + 2);
            self.bins[at] = pair.map_or(0, |pair| pair.iter().sum());
        }
        self.shift += 1;
    }

    /// The newest birth counted, taken back or not.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// From 0 to the newest, in at most `columns` equal parts.
    pub(super) fn columns(&self, columns: usize) -> Vec<u64> {
        let used = usize::try_from(self.newest >> self.shift).map_or(BINS, |at| at + 1);
        let used = &self.bins[..used.min(BINS)];
        let columns = columns.clamp(1, used.len().max(1));
        let mut out = vec![0_u64; columns];
        for (at, count) in used.iter().enumerate() {
            out[at * columns / used.len()] += count;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn births_keep_their_place_when_the_range_grows() {
        let mut ages = Ages::default();
        for birth in [0, 1, 63, 64, 1000, 1023] {
            ages.count(birth, true);
        }
        assert_eq!(ages.newest(), 1023);
        assert_eq!(ages.columns(2), [4, 2], "below and above the middle");
        assert_eq!(ages.columns(64).iter().sum::<u64>(), 6);
        ages.count(1000, false);
        assert_eq!(ages.columns(2), [4, 1]);
        ages.count(u64::MAX, true);
        assert_eq!(ages.columns(64).iter().sum::<u64>(), 6);
        assert_eq!(ages.columns(0).len(), 1);
    }
}
