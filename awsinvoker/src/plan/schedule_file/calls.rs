//! Files with a line for each call: its time and the name of its endpoint.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::rows::{Problem, Rows};
use crate::plan::endpoints::Endpoints;
use crate::plan::recording::{Calls, MAX_READ_NS};
use crate::plan::schedule::Schedule;
use crate::text::shortened;

/// A longer list of names is cut in messages.
const MAX_NAMES_CHARS: usize = 200;

pub(super) const INTENDED_NS: &str = "intended_ns";
pub(super) const ENDPOINT: &str = "endpoint";

/// Reads all calls. Other columns are ignored, so that the samples of a run are a schedule.
pub(super) fn read<R: Read>(
    rows: &mut Rows<R>,
    endpoints: &Endpoints,
    calls: &mut Calls,
) -> Result<(), Problem> {
    let names = endpoints.names();
    let indices: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    let (time, endpoint) = (rows.column(INTENDED_NS), rows.column(ENDPOINT));
    while rows.advance()? {
        let ns = rows.value(
            time,
            |text| text.parse().ok().filter(|ns: &u64| *ns <= MAX_READ_NS),
            || format!("a whole number of nanoseconds from 0 to {MAX_READ_NS}"),
        )?;
        let known = || format!("the name of an endpoint: {}", shortened(&names.join(", "), MAX_NAMES_CHARS));
        let endpoint = rows.value(endpoint, |name| indices.get(name).copied(), known)?;
        calls.push(ns.cast_signed(), endpoint)?;
    }
    Ok(())
}

/// Writes all calls of a schedule. `names` are those of the endpoints.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, schedule: &Schedule, names: &[String]) -> io::Result<()> {
    write_to(&mut File::create_new(path)?, schedule, names)
}

pub(super) fn write_to(out: &mut dyn Write, schedule: &Schedule, names: &[String]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([INTENDED_NS, ENDPOINT])?;
    for arrival in schedule.iter() {
        csv.write_record([&arrival.intended_ns.to_string(), &names[arrival.endpoint]])?;
    }
    csv.flush()
}
