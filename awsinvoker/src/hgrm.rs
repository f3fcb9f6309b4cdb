//! HdrHistogram's percentile distribution, as its plotters read it.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Rows while the distance to 100 % halves.
const TICKS_PER_HALF_DISTANCE: f64 = 5.0;
const NS_PER_MS: f64 = 1e6;
/// Steps in each power of two of a histogram with three digits.
const SUB_BUCKETS: u32 = 2048;

/// The distribution of a histogram of nanoseconds, in milliseconds.
pub fn percentile_distribution(histogram: &Histogram<u64>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for Row { value_ns, level, count } in rows(histogram) {
        let (value, quantile) = (ms(value_ns), level / 100.0);
        let _ = if level < 100.0 {
            writeln!(text, "{value:12.3} {quantile:2.12} {count:10} {:14.2}", 1.0 / (1.0 - quantile))
        } else {
            writeln!(text, "{value:12.3} {quantile:2.12} {count:10}")
        };
    }
    let (mean, deviation) = (histogram.mean() / NS_PER_MS, histogram.stdev() / NS_PER_MS);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ =
        writeln!(text, "#[Max     = {:12.3}, Total count    = {:12}]", ms(histogram.max()), histogram.len());
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {:12}]", histogram.buckets(), SUB_BUCKETS);
    text
}

/// The least value that so many percent of all do not exceed.
struct Row {
    value_ns: u64,
    level: f64,
    count: u64,
}

/// The rows as the original implementation in Java makes them. The crate's own iterator counts in fractions instead of
/// percents, whose rounding moves a row to the next value here and there.
fn rows(histogram: &Histogram<u64>) -> Vec<Row> {
    let (mut rows, mut level, mut count) = (Vec::new(), 0.0, 0);
    for recorded in histogram.iter_recorded() {
        count += recorded.count_at_value();
        let value_ns = recorded.value_iterated_to();
        let reached = 100.0 * count as f64 / histogram.len() as f64;
        while reached >= level {
            rows.push(Row { value_ns, level, count });
            level = next_level(level);
            if count == histogram.len() {
                rows.push(Row { value_ns, level: 100.0, count });
                return rows;
            }
        }
    }
    rows
}

/// The next level in percent: the closer to 100, the smaller the step.
fn next_level(level: f64) -> f64 {
    let halvings = (100.0 / (100.0 - level)).log2().floor() + 1.0;
    level + 100.0 / (TICKS_PER_HALF_DISTANCE * halvings.exp2())
}

fn ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_columns_that_end_at_all() {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        (1..=10_u64).for_each(|ms| histogram.record(ms * 1_000_000).unwrap());
        insta::assert_snapshot!(percentile_distribution(&histogram), @"
               Value     Percentile TotalCount 1/(1-Percentile)

               1.000 0.000000000000          1           1.00
               1.000 0.100000000000          1           1.11
               2.001 0.200000000000          2           1.25
               3.000 0.300000000000          3           1.43
               4.002 0.400000000000          4           1.67
               5.001 0.500000000000          5           2.00
               6.001 0.550000000000          6           2.22
               6.001 0.600000000000          6           2.50
               7.000 0.650000000000          7           2.86
               7.000 0.700000000000          7           3.33
               8.004 0.750000000000          8           4.00
               8.004 0.775000000000          8           4.44
               8.004 0.800000000000          8           5.00
               9.003 0.825000000000          9           5.71
               9.003 0.850000000000          9           6.67
               9.003 0.875000000000          9           8.00
               9.003 0.887500000000          9           8.89
               9.003 0.900000000000          9          10.00
              10.002 0.912500000000         10          11.43
              10.002 1.000000000000         10
        #[Mean    =        5.500, StdDeviation   =        2.872]
        #[Max     =       10.002, Total count    =           10]
        #[Buckets =           32, SubBuckets     =         2048]
        ");
    }
}
