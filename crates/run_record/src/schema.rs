//! JSON Schemas of the files of a run, generated from the types. The folder `schema` holds them; a test checks that they
//! are current, and `cargo run -p run_record --example schemas` writes them anew.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::comparison::Comparison;
use crate::experiment::Experiment;
use crate::format::samples_csv::Row;
use crate::run_info::RunInfo;
use crate::summary::Summary;

/// The name and the content of each file in the folder `schema`.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("summary.schema.json", text(&schema::<Summary>())),
        ("run.schema.json", text(&schema::<RunInfo>())),
        ("samples.schema.json", text(&schema::<Row<'static>>())),
        ("comparison.schema.json", text(&schema::<Comparison>())),
        ("experiment.schema.json", text(&schema::<Experiment>())),
    ]
}

/// The schema of what is written: a key whose value may be null is always there.
fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

fn text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_files_are_current() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        for (name, expected) in files() {
            let found = fs::read_to_string(folder.join(name)).unwrap_or_default();
            assert!(
                found == expected,
                "schema/{name} is not current: cargo run -p run_record --example schemas"
            );
        }
        assert_eq!(fs::read_dir(folder).unwrap().count(), files().len());
    }
}
