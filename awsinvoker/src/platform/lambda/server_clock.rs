//! The server's clock, as the header `Date` of an answer tells it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::header::{CONTENT_LENGTH, DATE, HOST};
use http::{HeaderMap, HeaderValue, Uri};
use hyper::body::Bytes;
use run_record::run_info::ServerClock;

use super::invoke::Lambda;
use crate::clock::wall_now;
use crate::platform::http::{self as own_http, Exchange};

/// How long the server may take: the run waits for it.
const WITHIN: Duration = Duration::from_secs(5);

impl Lambda {
    /// The clock of the server, against this one. It is asked for nothing that is there: a refusal tells the time as well.
    pub(in crate::platform) async fn server_clock(&self) -> Option<ServerClock> {
        let address: Uri = self.address.parse().ok()?;
        let host = HeaderValue::from_str(address.authority()?.as_str()).ok()?;
        let headers = HeaderMap::from_iter([(HOST, host), (CONTENT_LENGTH, HeaderValue::from_static("0"))]);
        let request = own_http::Request { uri: Uri::from_static("/"), headers, body: Bytes::new() };
        let (mut exchange, sent) = (Exchange::default(), wall_now());
        let answer =
            tokio::time::timeout(WITHIN, self.client.call(request, &mut exchange)).await.ok()?.ok()?;
        let answered = wall_now();
        let told = DateTime::from_str(answer.headers.get(DATE)?.to_str().ok()?, Format::HttpDate).ok()?;
        let second_ns = told.secs().checked_mul(1_000_000_000)?;
        Some(ServerClock::new(&self.address, second_ns, unix_ns(sent)?, unix_ns(answered)?))
    }
}

fn unix_ns(at: SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}
