//! `float_repr` against numpy.

use function_core::python::float_repr;

/// Made by `data/make_float_repr.py`.
const TABLE: &str = include_str!("data/float_repr.tsv");

#[test]
fn every_f32_of_the_table_prints_as_in_numpy() {
    let rows: Vec<_> = TABLE.lines().map(|line| line.split_once('\t').unwrap()).collect();
    assert_eq!(rows.len(), 3500);
    for (bits, expected) in rows {
        let value = f32::from_bits(u32::from_str_radix(bits, 16).unwrap());
        assert_eq!(float_repr(value), expected, "bits {bits}");
    }
}
