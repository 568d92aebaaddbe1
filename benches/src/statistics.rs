//! Medians, nearest ranks and an interval around a median, all of values that were measured and nothing else.

/// Ranks on each side of a median that hold it in 95 of 100 cases, times the root of how many values there are.
const RANKS_95: f64 = 0.98;

/// The values in order.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The smallest value that at least `part` of all do not exceed (nearest rank); 0 of nothing.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The median of values in any order.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&sorted(values.into_iter().collect()), 0.5)
}

/// A median and the 95 % interval around it by order statistics, which assumes nothing about how the values spread
/// but that they do not depend on each other. Few values give the whole range.
pub fn median_interval(values: impl IntoIterator<Item = f64>) -> (f64, f64, f64) {
    let sorted = sorted(values.into_iter().collect());
    let (count, reach) = (sorted.len() as f64, RANKS_95 * (sorted.len() as f64).sqrt());
    let low = ((count / 2.0 - reach).floor().max(0.0)) as usize;
    let high = ((count / 2.0 + reach).ceil() as usize).min(sorted.len().saturating_sub(1));
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    (percentile(&sorted, 0.5), at(low), at(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 500.0);
        assert_eq!(percentile(&values, 0.99), 990.0);
        assert_eq!(percentile(&values, 0.999), 999.0);
        assert_eq!(percentile(&values[..1], 0.999), 1.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
        assert_eq!(median([9.0, 1.0, 5.0]), 5.0);
    }

    #[test]
    fn an_interval_holds_its_median_and_narrows_with_more_values() {
        let spread = |count: u32| median_interval((0..count).map(|n| f64::from(n) / f64::from(count)));
        let ((few, low, high), (many, lower, higher)) = (spread(20), spread(2000));
        assert!(low <= few && few <= high && lower <= many && many <= higher);
        assert!(
            higher - lower < (high - low) / 5.0,
            "{lower} .. {higher} is no narrower than {low} .. {high}"
        );
        assert_eq!(median_interval([]), (0.0, 0.0, 0.0));
        assert_eq!(median_interval([7.0]), (7.0, 7.0, 7.0));
    }
}
