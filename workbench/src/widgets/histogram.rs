//! A histogram over a logarithmic scale: bars side by side, several rows high.

use super::Painter;
use super::bar::STEPS;
use crate::theme::Role;

/// Bars in an octave of the scale.
const PER_OCTAVE: f64 = 4.0;

/// The place of a value on the scale.
fn notch(value: u64) -> u64 {
    ((value.max(1) as f64).log2() * PER_OCTAVE).round() as u64
}

/// `bars` (upper bound and count, rising) spread over `columns`, from the lowest bound to the highest;
/// what falls into one column is added up, and a bar fills the columns up to the next.
pub fn spread(bars: &[(u64, u64)], columns: usize) -> Vec<u64> {
    let mut out = vec![0_u64; columns];
    let (Some((low, _)), Some((high, _))) = (bars.first(), bars.last()) else { return out };
    let (low, high) = (notch(*low), notch(*high));
    let notches = usize::try_from(high - low.min(high)).unwrap_or(usize::MAX).saturating_add(1);
    for (bound, count) in bars {
        let at = usize::try_from(notch(*bound).saturating_sub(low)).unwrap_or(usize::MAX);
        let first = at.saturating_mul(columns) / notches;
        let behind = at.saturating_add(1).saturating_mul(columns) / notches;
        let wide = behind.saturating_sub(first).max(1);
        for column in out.iter_mut().skip(first).take(wide) {
            *column = column.saturating_add(*count);
        }
    }
    out
}

/// Draws the columns, the highest as high as the painter; what is there at all is seen.
pub fn draw(painter: &mut Painter<'_>, columns: &[u64], role: Role) {
    let rows = u64::from(painter.height());
    let top = columns.iter().copied().max().unwrap_or(0);
    let steps = rows * STEPS.len() as u64;
    for (x, count) in (0_u16..).zip(columns) {
        let Some(height) = count.saturating_mul(steps).checked_div(top) else { return };
        let height = if *count > 0 { height.max(1) } else { 0 };
        for row in 0..rows {
            let left = height.saturating_sub(row * STEPS.len() as u64);
            let step = usize::try_from(left.min(STEPS.len() as u64)).unwrap_or(0);
            let Some(glyph) = step.checked_sub(1).and_then(|at| STEPS.get(at)) else { break };
            let y = u16::try_from(rows - 1 - row).unwrap_or(u16::MAX);
            painter.put_char(x, y, *glyph, role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_spans_all_values_and_loses_none() {
        let bars = [(1000, 5), (1189, 7), (16_000_000, 1)];
        for columns in [1, 2, 10, 80] {
            let out = spread(&bars, columns);
            assert_eq!(out.len(), columns);
            assert!(out.first().is_some_and(|count| *count >= 5), "{columns}: {out:?}");
            assert!(out.last().is_some_and(|count| *count >= 1), "{columns}: {out:?}");
        }
        assert_eq!(spread(&[], 3), [0, 0, 0]);
        assert_eq!(spread(&[(8, 2)], 3), [2, 2, 2], "one value is one bar");
        assert!(spread(&bars, 0).is_empty());
    }
}
