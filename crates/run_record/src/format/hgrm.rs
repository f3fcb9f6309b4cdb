//! `NAME.hgrm`: HdrHistogram's percentile distribution in milliseconds, as its plotters read it.

use std::fmt;
use std::str::FromStr;

use super::FormatError;
use crate::histogram::Histogram;
use crate::units;

/// How many rows there are while the distance to 100 % halves.
const TICKS_PER_HALF_DISTANCE: f64 = 5.0;
/// Steps in each power of two of a histogram with three digits.
const SUB_BUCKETS: u64 = 2048;

/// A percentile distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// From the smallest value to the greatest.
    pub rows: Vec<Row>,
    /// Mean in milliseconds.
    pub mean_ms: f64,
    /// Standard deviation in milliseconds.
    pub deviation_ms: f64,
    /// Greatest value in milliseconds.
    pub max_ms: f64,
    /// How many values there are.
    pub count: u64,
    /// How many powers of two the histogram covers.
    pub buckets: u64,
}

/// The smallest value that this share of all values does not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The value in milliseconds.
    pub value_ms: f64,
    /// The share, from 0 to 1.
    pub share: f64,
    /// How many values do not exceed it.
    pub count: u64,
}

impl Distribution {
    /// The distribution of a histogram; `None` if it has no value.
    pub fn new(histogram: &Histogram) -> Option<Self> {
        let histogram = histogram.recorded()?;
        Some(Self {
            rows: rows(histogram),
            mean_ms: histogram.mean() / units::NS_PER_MS as f64,
            deviation_ms: histogram.stdev() / units::NS_PER_MS as f64,
            max_ms: units::ms(histogram.max()),
            count: histogram.len(),
            buckets: u64::from(histogram.buckets()),
        })
    }
}

/// The rows as the original implementation in Java makes them. The library's own iterator counts in fractions instead of
/// percents, whose rounding moves some rows to the next value.
fn rows(histogram: &hdrhistogram::Histogram<u64>) -> Vec<Row> {
    let (mut rows, mut percent, mut count) = (Vec::new(), 0.0, 0);
    for recorded in histogram.iter_recorded() {
        count += recorded.count_at_value();
        let value_ms = units::ms(recorded.value_iterated_to());
        let reached = 100.0 * count as f64 / histogram.len() as f64;
        while reached >= percent {
            rows.push(Row { value_ms, share: percent / 100.0, count });
            percent = next_percent(percent);
            if count == histogram.len() {
                rows.push(Row { value_ms, share: 1.0, count });
                return rows;
            }
        }
    }
    rows
}

/// The percentage of the next row: the closer to 100, the smaller the step.
fn next_percent(percent: f64) -> f64 {
    let halvings = (100.0 / (100.0 - percent)).log2().floor() + 1.0;
    percent + 100.0 / (TICKS_PER_HALF_DISTANCE * halvings.exp2())
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>12} {:>14} {:>10} {:>14}\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        )?;
        for Row { value_ms, share, count } in &self.rows {
            write!(f, "{value_ms:12.3} {share:2.12} {count:10}")?;
            if *share < 1.0 {
                write!(f, " {:14.2}", 1.0 / (1.0 - share))?;
            }
            writeln!(f)?;
        }
        let Self { mean_ms, deviation_ms, max_ms, count, buckets, .. } = self;
        writeln!(f, "#[Mean    = {mean_ms:12.3}, StdDeviation   = {deviation_ms:12.3}]")?;
        writeln!(f, "#[Max     = {max_ms:12.3}, Total count    = {count:12}]")?;
        writeln!(f, "#[Buckets = {buckets:12}, SubBuckets     = {SUB_BUCKETS:12}]")
    }
}

impl FromStr for Distribution {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let mut rows = Vec::new();
        let mut statistics = Vec::new();
        let lines = || text.lines().enumerate();
        if lines().next().is_none_or(|(_, head)| head.split_whitespace().next() != Some("Value")) {
            return Err(FormatError::line(
                1,
                "expected the head of a percentile distribution: Value Percentile ...",
            ));
        }
        for (index, line) in lines().skip(2) {
            let invalid =
                || FormatError::line(index + 1, format!("it is {line:?}; expected a row of a distribution"));
            match line.strip_prefix("#[") {
                Some(rest) => statistics.extend(pair(rest).ok_or_else(invalid)?),
                None => rows.push(row(line).ok_or_else(invalid)?),
            }
        }
        let [mean_ms, deviation_ms, max_ms, count, buckets, _] = statistics[..] else {
            return Err(FormatError::line(
                lines().count(),
                "the lines with mean, maximum and buckets are missing",
            ));
        };
        Ok(Self {
            rows,
            mean_ms,
            deviation_ms,
            max_ms,
            count: units::rounded(count),
            buckets: units::rounded(buckets),
        })
    }
}

/// The two numbers of a line such as `Max = 1, Total count = 2]`.
fn pair(line: &str) -> Option<[f64; 2]> {
    let (first, second) = line.strip_suffix(']')?.split_once(',')?;
    let value = |text: &str| text.split_once('=')?.1.trim().parse().ok();
    Some([value(first)?, value(second)?])
}

fn row(line: &str) -> Option<Row> {
    let mut words = line.split_whitespace();
    let row = Row {
        value_ms: words.next()?.parse().ok()?,
        share: words.next()?.parse().ok()?,
        count: words.next()?.parse().ok()?,
    };
    (row.value_ms.is_finite() && (0.0..=1.0).contains(&row.share)).then_some(row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distribution(values_ns: impl IntoIterator<Item = u64>) -> Option<Distribution> {
        let mut histogram = Histogram::default();
        values_ns.into_iter().for_each(|value| _ = histogram.record(value));
        Distribution::new(&histogram)
    }

    #[test]
    fn four_columns_that_end_at_all() {
        let text = distribution((1..=10).map(|ms| ms * 1_000_000)).unwrap().to_string();
        insta::assert_snapshot!(text, @"
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
        assert_eq!(distribution([]), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<Distribution>().unwrap_err().to_string();
        for line in ["1.0 x 3", "NaN 0.5 3", "1.0 1.5 3"] {
            let expected = format!("line 3: it is {line:?}; expected a row of a distribution");
            assert_eq!(error(&format!("Value\n\n{line}\n")), expected);
        }
        assert_eq!(error(""), "line 1: expected the head of a percentile distribution: Value Percentile ...");
        assert_eq!(error("Value\n\n"), "line 2: the lines with mean, maximum and buckets are missing");
    }

    proptest! {
        /// The file holds rounded numbers, so the text of what was read is compared.
        #[test]
        fn distributions_read_back(values in prop::collection::vec(1..3_600_000_000_000_u64, 1..200)) {
            let text = distribution(values).unwrap().to_string();
            let read: Distribution = text.parse().unwrap();
            // The last column follows from the share, of which the file holds twelve decimals.
            let stable = |text: &str| -> Vec<String> {
                text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect()
            };
            prop_assert_eq!(stable(&read.to_string()), stable(&text));
            prop_assert_eq!(read.rows.last().unwrap().count, read.count);
        }
    }
}
