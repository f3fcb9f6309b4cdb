//! The server's clock, as the header `Date` of an answer tells it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::Uri;
use http::header::DATE;
use run_record::run_info::ServerClock;

use super::invoke::Lambda;
use crate::clock::wall_now;

/// How long the server may take: the run waits for it.
const WITHIN: Duration = Duration::from_secs(5);

impl Lambda {
    /// The clock of the server, against this one. It is asked for nothing that is there: a refusal tells the time as well.
    pub(in crate::platform) async fn server_clock(&self) -> Option<ServerClock> {
        let address: Uri = self.address.parse().ok()?;
        let sent = wall_now();
        let asked = self.client.ask_for_nothing(&address);
        let answer = tokio::time::timeout(WITHIN, asked).await.ok()??.ok()?;
        let answered = wall_now();
        let told = DateTime::from_str(answer.headers.get(DATE)?.to_str().ok()?, Format::HttpDate).ok()?;
        let second_ns = told.secs().checked_mul(1_000_000_000)?;
        Some(ServerClock::new(&self.address, second_ns, unix_ns(sent)?, unix_ns(answered)?))
    }
}

fn unix_ns(at: SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}
