//! Latency histograms: made, encoded into a result file, and cut into bars for people.

use crate::error::{Error, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// A histogram of nanoseconds.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// Longest latency told apart: one minute. Longer ones count as one minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// A histogram with nothing in it; three digits are exact.
///
/// # Panics
/// Never: the bounds are in order.
#[must_use]
pub fn empty() -> Histogram {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are in order")
}

/// A histogram's bars for people: upper bound and count, four an octave, empty ones left out.
#[must_use]
pub fn bars(histogram: &Histogram) -> Vec<(u64, u64)> {
    let mut bars: Vec<(u64, u64)> = Vec::new();
    for value in histogram.iter_recorded() {
        let bound = bar_bound(value.value_iterated_to());
        match bars.last_mut() {
            Some(last) if last.0 == bound => last.1 += value.count_at_value(),
            _ => bars.push((bound, value.count_at_value())),
        }
    }
    bars
}

/// The upper bound of the bar that `value` falls in: 1, 2, 3, 4, then four steps an octave.
fn bar_bound(value: u64) -> u64 {
    if value <= 4 {
        return value.max(1);
    }
    let octave = (value - 1).ilog2();
    let step = 1_u64 << (octave - 2);
    value.div_ceil(step) * step
}

/// A histogram as HdrHistogram V2, base64.
///
/// # Errors
/// [`Error::Wrong`] if it cannot be encoded.
pub fn encode_histogram(histogram: &Histogram) -> Result<String> {
    let mut bytes = Vec::new();
    let encoded = V2Serializer::new().serialize(histogram, &mut bytes);
    encoded.map_err(|error| Error::wrong(format!("histogram not encoded: {error:?}")))?;
    Ok(BASE64.encode(bytes))
}

/// The histogram in `text`, as [`encode_histogram`] wrote it.
///
/// # Errors
/// [`Error::Wrong`] if it is none.
pub fn decode_histogram(text: &str) -> Result<Histogram> {
    let bytes = BASE64.decode(text).map_err(|error| Error::wrong(format!("histogram: {error}")))?;
    let decoded = Deserializer::new().deserialize(&mut bytes.as_slice());
    decoded.map_err(|error| Error::wrong(format!("histogram: {error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_rise_and_hold_every_count() {
        let mut histogram = empty();
        for value in [1, 2, 3, 5, 6, 100, 101, 1_000_000] {
            histogram.saturating_record(value);
        }
        let bars = bars(&histogram);
        assert!(bars.windows(2).all(|pair| pair[0].0 < pair[1].0), "{bars:?}");
        assert_eq!(bars.iter().map(|bar| bar.1).sum::<u64>(), 8);
        for value in [1, 4, 5, 8, 9, 15, 16, 17, 1000] {
            let bound = bar_bound(value);
            assert!(bound >= value && bound - value <= value / 4, "{value}: {bound}");
        }
    }
}
