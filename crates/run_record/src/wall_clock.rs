//! Dates and times of day as text, in UTC.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// For people and programs, with milliseconds: `2023-11-14T22:13:20.000Z`.
pub fn rfc3339(at: SystemTime) -> String {
    format(at, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"))
}

/// The time that a text such as `2023-11-14T22:13:20.5Z` or `2023-11-14T23:13:20+01:00` means; `None` if it means none.
pub fn from_rfc3339(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

/// For the name of a folder: `2023-11-14T22-13-20Z`.
pub fn file_name(at: SystemTime) -> String {
    format(at, format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z"))
}

/// Microseconds since 1970; 0 before.
pub fn unix_us(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// As `date` prints it: `Tue Nov 14 22:13:20 UTC 2023`.
pub fn unix_date(at: SystemTime) -> String {
    let description = format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
    );
    format(at, description)
}

fn format(at: SystemTime, description: StaticFormatDescription) -> String {
    // Formatting into a string fails only for components that a date with a time of day lacks.
    OffsetDateTime::from(at).format(description).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn three_forms() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.250Z");
        assert_eq!(file_name(at), "2023-11-14T22-13-20Z");
        assert_eq!(unix_date(at), "Tue Nov 14 22:13:20 UTC 2023");
        assert_eq!(from_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(from_rfc3339("2023-11-14T23:13:20.25+01:00"), Some(at));
        assert_eq!(["", "2023-11-14", "2023-11-14 22:13"].map(from_rfc3339), [None; 3]);
    }
}
