//! The classes of ImageNet, and the best of them.

use std::sync::LazyLock;

use serde::Serialize;

/// How many classes the network tells apart.
pub const COUNT: usize = 1000;
/// How many classes an answer names.
pub const TOP: usize = 5;

/// A class of ImageNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Class {
    /// WordNet id, such as `n02124075`.
    pub wnid: &'static str,
    /// Name as Keras prints it, such as `Egyptian_cat`.
    pub name: &'static str,
}

/// A class and how sure the network is of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// Probability, 0 to 1.
    pub score: f32,
}

/// The most probable classes, best first. Equal scores come in the order of Keras: the later class first.
pub fn top(probabilities: &[f32; COUNT]) -> [Prediction; TOP] {
    let mut indices: [usize; COUNT] = std::array::from_fn(|index| index);
    let better = |a: &usize, b: &usize| probabilities[*b].total_cmp(&probabilities[*a]).then(b.cmp(a));
    indices.select_nth_unstable_by(TOP - 1, better);
    indices[..TOP].sort_unstable_by(better);
    std::array::from_fn(|rank| {
        let index = indices[rank];
        Prediction { class: CLASSES[index], score: probabilities[index] }
    })
}

/// Line N of the file is class N - 1; `model/README.md` says where the names come from.
static CLASSES: LazyLock<Vec<Class>> = LazyLock::new(|| {
    let lines = include_str!("../data/imagenet_labels.tsv").lines();
    lines.filter_map(|line| line.split_once('\t')).map(|(wnid, name)| Class { wnid, name }).collect()
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_class_has_an_id_and_a_name() {
        assert_eq!(CLASSES.len(), COUNT);
        for class in CLASSES.iter() {
            let digits = class.wnid.strip_prefix('n').unwrap();
            assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit()), "{class:?}");
            assert!(!class.name.is_empty());
        }
        assert_eq!(CLASSES[285], Class { wnid: "n02124075", name: "Egyptian_cat" });
        assert_eq!(CLASSES[999].name, "toilet_tissue");
    }

    /// The answer is built without a JSON library, which is right only for names that need no escapes.
    #[test]
    fn names_need_no_escapes_in_json() {
        for Class { wnid, name } in CLASSES.iter() {
            assert_eq!(serde_json::to_string(name).unwrap(), format!("\"{name}\""));
            assert_eq!(serde_json::to_string(wnid).unwrap(), format!("\"{wnid}\""));
            assert!(name.is_ascii(), "Python would escape {name}");
        }
    }

    #[test]
    fn equal_scores_come_last_class_first() {
        let names = top(&[0.001; COUNT]).map(|prediction| prediction.class);
        assert_eq!(names.to_vec(), CLASSES.iter().rev().take(TOP).copied().collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn top_is_the_head_of_the_sorted_list(scores in proptest::collection::vec(0f32..1.0, COUNT)) {
            let top = top(scores.as_slice().try_into().unwrap());
            let mut sorted = scores;
            sorted.sort_by(|a, b| b.total_cmp(a));
            prop_assert_eq!(top.map(|prediction| prediction.score).to_vec(), sorted[..TOP].to_vec());
        }
    }
}
