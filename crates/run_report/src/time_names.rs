//! What people call the times that are measured.

use run_record::budget::Part;
use run_record::comparison::Measure;

/// The name in full.
pub(crate) fn long(measure: impl Into<Measure>) -> String {
    measure.into().name().replace('_', " ")
}

/// The name for a narrow column.
pub(crate) fn short(measure: impl Into<Measure>) -> &'static str {
    match measure.into() {
        Measure::Part(Part::NetworkAndPlatform) => "network",
        Measure::Part(Part::Connection) => "connect",
        measure => measure.name(),
    }
}
