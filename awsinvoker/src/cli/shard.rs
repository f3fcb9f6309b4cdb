//! Readers of the flags that let several load generators work together.

use std::time::SystemTime;

use run_record::{Shard, wall_clock};

/// Which part of the load to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardArg {
    /// The one that the environment names.
    Auto,
    /// This one.
    Given(Shard),
}

/// Reads `--shard`.
pub(super) fn shard(text: &str) -> Result<ShardArg, String> {
    if text == "auto" {
        return Ok(ShardArg::Auto);
    }
    let numbers =
        text.split_once('/').and_then(|(index, total)| Some((index.parse().ok()?, total.parse().ok()?)));
    let shard = numbers.and_then(|(index, total)| Shard::new(index, total)).map(ShardArg::Given);
    shard.ok_or_else(|| {
        format!(
            "expected INDEX/TOTAL with an index from 0 that is below the total, which is at most {}, such as 0/4 for the \
             first of four; or auto",
            Shard::MAX_TOTAL
        )
    })
}

/// Reads `--start-at`.
pub(super) fn time_of_day(text: &str) -> Result<SystemTime, String> {
    wall_clock::from_rfc3339(text).ok_or_else(|| {
        let hint = if text.starts_with('+') { "; each shard would count from another time" } else { "" };
        format!("expected a time such as 2026-11-30T19:30:00Z, as printed by `date -u -d '1 minute' +%FT%TZ`{hint}")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_shard_is_an_index_below_the_total() {
        assert_eq!(shard("auto"), Ok(ShardArg::Auto));
        assert_eq!(shard("3/4").ok(), Shard::new(3, 4).map(ShardArg::Given));
        for text in ["4/4", "-1/4", "0/0", "1", "1/x", "0/10001", ""] {
            assert!(shard(text).is_err_and(|error| error.starts_with("expected INDEX/TOTAL")), "{text}");
        }
    }

    #[test]
    fn a_start_is_a_time_that_all_shards_share() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        assert_eq!(time_of_day("2023-11-14T23:13:20.5+01:00"), Ok(expected));
        insta::assert_snapshot!(time_of_day("+30s").unwrap_err(), @"expected a time such as 2026-11-30T19:30:00Z, as printed by `date -u -d '1 minute' +%FT%TZ`; each shard would count from another time");
        assert!(time_of_day("19:30").is_err());
    }
}
