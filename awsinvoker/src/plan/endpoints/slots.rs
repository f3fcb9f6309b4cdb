//! How often each entry of the endpoints file is called in a round, and in which order.

use std::cmp::Ordering;

/// The entries of one round, each as often as its weight says, and spread evenly. Entries of equal weight follow one
/// another as in the file.
pub(super) fn interleaved(weights: &[u64]) -> Vec<usize> {
    let mut slots: Vec<(usize, u64)> = weights
        .iter()
        .enumerate()
        .flat_map(|(entry, weight)| (0..*weight).map(move |nth| (entry, nth)))
        .collect();
    // Time n of an entry of weight w lies at (2n + 1) / 2w of the round.
    let position = |(entry, nth): &(usize, u64)| (2 * nth + 1, weights[*entry]);
    slots.sort_by(|a, b| by_fraction(position(a), position(b)).then(a.0.cmp(&b.0)));
    slots.into_iter().map(|(entry, _)| entry).collect()
}

fn by_fraction(a: (u64, u64), b: (u64, u64)) -> Ordering {
    (a.0 * b.1).cmp(&(b.0 * a.1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_spread_evenly() {
        assert_eq!(interleaved(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(interleaved(&[4, 1]), [0, 0, 1, 0, 0]);
        assert_eq!(interleaved(&[3, 2, 1]), [0, 1, 0, 2, 1, 0]);
        assert_eq!(interleaved(&[2, 2]), [0, 1, 0, 1]);
    }

    proptest! {
        #[test]
        fn each_entry_has_its_share_of_every_part_of_a_round(weights in prop::collection::vec(1_u64..50, 1..6)) {
            let slots = interleaved(&weights);
            let total: u64 = weights.iter().sum();
            prop_assert_eq!(slots.len() as u64, total);
            let mut seen = vec![0_u64; weights.len()];
            for (called, entry) in (1_u64..).zip(&slots) {
                seen[*entry] += 1;
                for (seen, weight) in seen.iter().zip(&weights) {
                    let exact = *weight as f64 * called as f64 / total as f64;
                    prop_assert!((*seen as f64 - exact).abs() <= weights.len() as f64, "{slots:?}");
                }
            }
            prop_assert_eq!(seen, weights);
        }
    }
}
