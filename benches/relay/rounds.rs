//! Samples: taken in turns (A B C A B C), told as a median with its spread.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;

use crate::peers::Kind;

/// No single sample takes longer, or the bench stops.
const SAMPLE_WITHIN: Duration = Duration::from_secs(120);

/// What each way reached, round by round.
pub type Samples = BTreeMap<Kind, Vec<f64>>;

/// One sample, bounded in time.
pub async fn sample<T>(what: Kind, work: impl Future<Output = std::io::Result<T>>) -> T {
    match timeout(SAMPLE_WITHIN, work).await {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => panic!("{}: {error}", what.name()),
        Err(_) => panic!("{}: no end within {SAMPLE_WITHIN:?}", what.name()),
    }
}

pub fn note(samples: &mut Samples, kind: Kind, value: f64) {
    samples.entry(kind).or_default().push(value);
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (None, _) => f64::NAN,
        (Some(upper), 1) => *upper,
        (Some(upper), _) => (upper + sorted[sorted.len() / 2 - 1]) / 2.0,
    }
}

pub fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// The median of the ratios of each round: what disturbed one round disturbed both.
pub fn ratio(of: &[f64], to: &[f64]) -> f64 {
    median(&of.iter().zip(to).map(|(of, to)| of / to).collect::<Vec<_>>())
}

/// The part of sorted durations below which `share` of them are, in microseconds.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * share).round() as usize].as_secs_f64() * 1e6
}
