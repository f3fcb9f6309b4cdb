//! Writes the JSON Schemas of the files of a run: `cargo run -p run_record --example schemas`.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    run_record::schema::files().into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}
