//! Bars and sparklines in one row of characters.

/// Eight heights.
pub const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar of `columns`, filled by `part` of `whole`.
pub fn bar(part: u64, whole: u64, columns: usize) -> String {
    let columns64 = columns as u64;
    let filled = part.min(whole).saturating_mul(columns64).checked_div(whole).unwrap_or(0);
    let filled = usize::try_from(filled).unwrap_or(columns).min(columns);
    let mut out: String = std::iter::repeat_n('█', filled).collect();
    out.extend(std::iter::repeat_n('░', columns - filled));
    out
}

/// One character a value, the highest value full; a value of 0 is a blank.
pub fn spark(values: &[u64]) -> String {
    let top = values.iter().copied().max().unwrap_or(0);
    values
        .iter()
        .map(|value| match value.saturating_mul(8).checked_div(top) {
            None => ' ',
            Some(_) if *value == 0 => ' ',
            Some(step) => {
                STEPS[usize::try_from(step.saturating_sub(1)).unwrap_or(0).min(STEPS.len() - 1)]
            }
        })
        .collect()
}

/// `values` summed into `columns` groups of neighbours.
pub fn squeeze(values: &[u64], columns: usize) -> Vec<u64> {
    if values.len() <= columns || columns == 0 {
        return values.to_vec();
    }
    let mut out = vec![0_u64; columns];
    for (at, value) in values.iter().enumerate() {
        let group = at * columns / values.len();
        if let Some(sum) = out.get_mut(group) {
            *sum = sum.saturating_add(*value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_columns() {
        for (part, whole, want) in
            [(0, 10, "░░░░"), (5, 10, "██░░"), (10, 10, "████"), (99, 10, "████"), (1, 0, "░░░░")]
        {
            assert_eq!(bar(part, whole, 4), want, "{part} of {whole}");
        }
    }

    #[test]
    fn sparks_scale_to_the_highest() {
        assert_eq!(spark(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(spark(&[]), "");
        assert_eq!(spark(&[0, 0]), "  ");
        assert_eq!(squeeze(&[1, 1, 1, 1], 2), [2, 2]);
    }
}
