//! Searching a node: prefix, hints, a few heads, one key.
//!
//! Called by `tree`, for one key at a time or for many side by side ([`Node::begin_search`]). Cost: the
//! header's two cache lines, the prefix's, about five slots, one key. Which slots is known once the
//! header has come, which key once the slots have: three waits for memory that is not near.

use super::super::field::Scalar;
use super::view::{HINTS_OFFSET, Node, head_of};
use super::{HINT_COUNT, HINTED_COUNT_MIN, SLOTS_OFFSET, Slot};
use std::cmp::Ordering;

/// Cache lines of [`Node::first_slots`].
pub const FIRST_SLOT_LINES: usize = 14;
const FIRST_SLOTS_BYTES: usize = FIRST_SLOT_LINES * 64;

/// A search under way in a node; see [`Node::begin_search`].
#[derive(Clone, Copy, Debug)]
pub struct Probe<'k> {
    suffix: &'k [u8],
    head: u32,
    low: usize,
    high: usize,
}

impl<'a> Node<'a> {
    /// Where `key` is in a leaf, or where it would be inserted.
    #[inline]
    pub fn search(self, key: &[u8]) -> Result<usize, usize> {
        match self.behind_prefix(key) {
            Ok(suffix) => self.search_suffix(suffix, 0),
            Err(Ordering::Less) => Err(0),
            Err(_) => Err(self.count()),
        }
    }

    /// The slot of an internal node whose subtree `key` belongs to.
    #[inline]
    pub fn find_child(self, key: &[u8]) -> usize {
        match self.behind_prefix(key) {
            Ok(suffix) => match self.search_suffix(suffix, 1) {
                Ok(index) => index,
                Err(index) => index.saturating_sub(1),
            },
            Err(Ordering::Less) => 0,
            Err(_) => self.count().saturating_sub(1),
        }
    }

    /// What of `key` is behind the prefix, or how `key` compares with the keys here when it does not
    /// start with it.
    #[inline]
    pub(super) fn behind_prefix(self, key: &[u8]) -> Result<&[u8], Ordering> {
        let prefix = self.prefix();
        // A key that is the front of the prefix is less, which is what comparing says too.
        key.strip_prefix(prefix).ok_or_else(|| key.cmp(prefix))
    }

    /// The slots that `head` can be in or in front of, from the hints alone: `low..=high`.
    #[inline]
    pub fn hinted(self, head: u32, low: usize) -> (usize, usize) {
        let count = self.count();
        if count < HINTED_COUNT_MIN {
            return (low.min(count), count);
        }
        let distance = count / (HINT_COUNT + 1);
        let (mut below, mut not_above) = (0, 0);
        let hints = self.bytes.get(HINTS_OFFSET..SLOTS_OFFSET).unwrap_or_default();
        // Counting instead of leaving early: no branch to mispredict, and it vectorises.
        for hint in hints.as_chunks::<4>().0 {
            let hint = u32::from_le_bytes(*hint);
            below += u32::from(hint < head);
            not_above += u32::from(hint <= head);
        }
        let (below, not_above) = (below as usize, not_above as usize);
        let start = below * distance;
        let end = if not_above < HINT_COUNT { (not_above + 1) * distance } else { count };
        (start.max(low), end)
    }

    /// The first third of a search, for look-ups that go on side by side: prefix and hints.
    #[inline]
    pub fn begin_search<'k>(self, key: &'k [u8]) -> Probe<'k> {
        let first = usize::from(!self.is_leaf());
        match self.behind_prefix(key) {
            Ok(suffix) => {
                let head = head_of(suffix);
                let (low, high) = self.hinted(head, first);
                Probe { suffix, head, low, high }
            }
            Err(order) => {
                let at = if order.is_lt() { first } else { self.count() };
                Probe { suffix: &[], head: 0, low: at, high: at }
            }
        }
    }

    /// Where slots are before it is known how many there are: asking for them does not wait for the
    /// header. As many as a leaf of rows of some 150 bytes has.
    #[inline]
    pub fn first_slots(self) -> &'a [u8] {
        self.bytes.get(SLOTS_OFFSET..SLOTS_OFFSET + FIRST_SLOTS_BYTES).unwrap_or_default()
    }

    /// The bytes that the second third looks at.
    #[inline]
    pub fn slots_near(self, probe: &Probe<'_>) -> &'a [u8] {
        let place = |slot: usize| slot.wrapping_mul(Slot::BYTES).wrapping_add(SLOTS_OFFSET);
        self.bytes.get(place(probe.low)..place(probe.high)).unwrap_or_default()
    }

    /// The second third: heads. What is left begins with the first slot whose head is not below.
    #[inline]
    pub fn narrow(self, probe: &mut Probe<'_>) {
        probe.low = self.first_head_not_below(probe.head, probe.low, probe.high);
    }

    /// The bytes that the last third looks at first: the cell of the likely slot.
    #[inline]
    pub fn cell_near(self, probe: &Probe<'_>) -> &'a [u8] {
        let found = probe.low < probe.high && self.head(probe.low) == probe.head;
        let likely = if found { probe.low } else { probe.low.saturating_sub(1) };
        self.cell(likely).from_suffix_on()
    }

    /// The last third: whole keys. As [`Self::search`].
    #[inline]
    pub fn end_search(self, probe: &Probe<'_>) -> Result<usize, usize> {
        self.search_from(probe.suffix, probe.head, probe.low, probe.high)
    }

    /// The last third in an internal node. As [`Self::find_child`].
    #[inline]
    pub fn end_find_child(self, probe: &Probe<'_>) -> usize {
        self.end_search(probe).unwrap_or_else(|index| index.saturating_sub(1))
    }

    /// Hint `index`.
    #[inline]
    pub fn hint(self, index: usize) -> u32 {
        self.bytes.get(HINTS_OFFSET + 4 * index..).and_then(u32::read).unwrap_or(0)
    }

    #[inline]
    fn search_suffix(self, suffix: &[u8], low: usize) -> Result<usize, usize> {
        let head = head_of(suffix);
        let (low, high) = self.hinted(head, low);
        let low = self.first_head_not_below(head, low, high);
        self.search_from(suffix, head, low, high)
    }

    /// The first slot of `low..high` whose head is `head` or above; `high` when there is none. Steps
    /// without branches: which way a step goes is a coin toss, and a wrong guess costs more than all
    /// steps together.
    #[inline]
    fn first_head_not_below(self, head: u32, mut low: usize, high: usize) -> usize {
        let mut left = high.saturating_sub(low);
        while left > 1 {
            let half = left / 2;
            let is_below = self.head(low.wrapping_add(half).wrapping_sub(1)) < head;
            low = low.wrapping_add(usize::from(is_below).wrapping_neg() & half);
            left -= half;
        }
        low.wrapping_add(usize::from(left == 1 && self.head(low) < head))
    }

    /// Searches for `suffix`, which starts with `head`, in the slots `low..high` or behind them.
    /// Slots before `low` have lower heads; the one at `low` decides nearly always.
    #[inline]
    fn search_from(
        self,
        suffix: &[u8],
        head: u32,
        low: usize,
        high: usize,
    ) -> Result<usize, usize> {
        if low >= high || self.head(low) != head {
            return Err(low);
        }
        match self.suffix(low).cmp(suffix) {
            Ordering::Equal => Ok(low),
            Ordering::Greater => Err(low),
            Ordering::Less => self.search_between(suffix, head, low + 1, high),
        }
    }

    /// As [`Self::search_from`], among slots that may have any head.
    fn search_between(
        self,
        suffix: &[u8],
        head: u32,
        mut low: usize,
        mut high: usize,
    ) -> Result<usize, usize> {
        while low < high {
            let middle = low.midpoint(high);
            let order = match self.head(middle).cmp(&head) {
                Ordering::Equal => self.suffix(middle).cmp(suffix),
                unequal => unequal,
            };
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }
}
