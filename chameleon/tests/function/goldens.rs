//! The tables are byte for byte those of the original; `goldens/make.py` made the files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chameleon::{Answer, Html, Table};
use sha2::{Digest, Sha256};

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn render(rows: usize, columns: usize) -> Html {
    Table::new(rows, columns).unwrap().render()
}

#[test]
fn small_tables_equal_the_original() {
    for (rows, columns) in [(0, 0), (0, 5), (3, 0), (1, 2), (1, 3), (10, 15), (15, 10), (2, 101)] {
        assert_eq!(render(rows, columns).as_str(), golden(&format!("{rows}x{columns}.html")));
    }
}

#[test]
fn large_tables_have_the_digests_of_the_original() {
    let digests = golden("digests.tsv");
    let lines: Vec<_> = digests.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 14);
    for line in lines {
        let fields: Vec<_> = line.splitn(3, '\t').collect();
        let html = render(fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let digest = hex(&Sha256::digest(html.as_str()));
        assert_eq!(format!("{}\t{digest}", html.as_str().len()), fields[2], "{line}");
    }
}

#[test]
fn the_answer_equals_the_original() {
    let answer = Answer::new(&render(1, 2), Duration::from_nanos(12_500));
    assert_eq!(serde_json::to_string(&answer).unwrap(), golden("answer_1x2.json"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
