//! What a function tells of itself in the trailing metadata of its answer.

use http::HeaderMap;
use run_record::Report;

use crate::text::shortened;

const INSTANCE: &str = "function-instance";
const REQUEST: &str = "function-request";
const INIT_NS: &str = "function-init-ns";
const READY_NS: &str = "function-ready-ns";
const QUEUE_NS: &str = "function-queue-ns";
const HANDLER_NS: &str = "function-handler-ns";
const ANSWER_NS: &str = "function-answer-ns";
const ERROR_TYPE: &str = "function-error-type";

/// The id of an instance is far shorter.
const MAX_INSTANCE_CHARS: usize = 200;

/// A longer start, wait or run is taken for a mistake, in nanoseconds.
const MAX_NS: u64 = 3600 * run_record::units::NS_PER_S;

/// What a function tells. All of it is optional: only the functions of this project tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Which process answered.
    pub(super) instance: Option<String>,
    /// The number of the request within the process, from 1.
    pub(super) request: Option<u64>,
    /// From the start of the instance until it was ready, in nanoseconds.
    pub(super) init_ns: Option<u64>,
    /// How long it had been ready when the request reached it, in nanoseconds.
    pub(super) ready_ns: Option<u64>,
    /// How long the request waited for the handler, in nanoseconds.
    pub(super) queue_ns: Option<u64>,
    /// How long the handler ran, in nanoseconds.
    pub(super) handler_ns: Option<u64>,
    /// How long it took to write the answer of the handler, in nanoseconds.
    pub(super) answer_ns: Option<u64>,
    /// The type of the function's error.
    pub(super) error_type: Option<String>,
}

impl Told {
    /// Reads the trailing metadata, or, where that says nothing, the leading one: some servers cannot send any after a
    /// success. What is not as it should be counts as not told.
    pub(super) fn read(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Self {
        let text = |name: &str| {
            let value = trailers.and_then(|trailers| trailers.get(name)).or_else(|| headers.get(name));
            value?.to_str().ok()
        };
        let number = |name: &str| {
            let digits = text(name).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse::<u64>().ok()
        };
        let duration = |name: &str| number(name).filter(|ns| *ns <= MAX_NS);
        Self {
            instance: text(INSTANCE).map(|instance| shortened(instance, MAX_INSTANCE_CHARS)),
            request: number(REQUEST),
            init_ns: duration(INIT_NS),
            ready_ns: number(READY_NS),
            queue_ns: duration(QUEUE_NS),
            handler_ns: duration(HANDLER_NS),
            answer_ns: duration(ANSWER_NS),
            error_type: text(ERROR_TYPE).map(str::to_owned),
        }
    }

    /// Whether the call was the first one of the instance, or waited for its start: it became ready after the call was issued.
    /// Several calls may wait for one start. `None` if that is not known. `answered_ns` is the time from issuing the call to
    /// the first byte of the answer, in nanoseconds. The way back of the answer is in it, so an instance that became ready a
    /// moment before the call may count as cold.
    pub(super) fn cold(&self, answered_ns: Option<u64>) -> Option<bool> {
        let at_the_function = [self.ready_ns?, self.queue_ns?, self.handler_ns?, self.answer_ns?];
        let since_ready_ns = at_the_function.into_iter().fold(0_u64, u64::saturating_add);
        Some(since_ready_ns < answered_ns? || self.request == Some(1))
    }

    /// The same in the words of a report. Like Lambda's, it has the start with the first call, and with those that waited for
    /// it. Lambda's Duration has no wait for other calls in it, but the writing of the answer.
    pub(super) fn report(&self, cold: Option<bool>) -> Report {
        Report {
            init_ns: self.init_ns.filter(|_| cold == Some(true)),
            duration_ns: self
                .handler_ns
                .zip(self.answer_ns)
                .map(|(handler_ns, answer_ns)| handler_ns + answer_ns),
            age_ns: self
                .ready_ns
                .zip(self.queue_ns)
                .map(|(ready_ns, queue_ns)| ready_ns.saturating_add(queue_ns)),
            ..Report::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn metadata(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    /// A function that was ready for 20 ns when the request came, which waited for 3. Its handler ran for 8, and the answer
    /// was written in 2.
    fn first() -> Told {
        Told::read(
            &HeaderMap::new(),
            Some(&metadata(&[
                (INSTANCE, "ab12"),
                (INIT_NS, "500"),
                (READY_NS, "20"),
                (QUEUE_NS, "3"),
                (HANDLER_NS, "8"),
                (ANSWER_NS, "2"),
            ])),
        )
    }

    #[test]
    fn a_start_is_cold_if_the_call_is_the_first_one_or_waited_for_it() {
        assert_eq!(first().cold(Some(34)), Some(true));
        assert_eq!(first().cold(Some(33)), Some(false), "it was ready before the call");
        let request = |number| Told { request: Some(number), ..first() };
        assert_eq!(request(1).cold(Some(33)), Some(true), "the first one");
        assert_eq!(request(2).cold(Some(33)), Some(false));
        for unknown in [
            Told { ready_ns: None, ..first() },
            Told { queue_ns: None, ..first() },
            Told { handler_ns: None, ..first() },
            Told { answer_ns: None, ..first() },
        ] {
            assert_eq!(unknown.cold(Some(34)), None, "{unknown:?}");
        }
        assert_eq!(first().cold(None), None);
        assert_eq!(Told { ready_ns: Some(u64::MAX), ..first() }.cold(Some(u64::MAX)), Some(false));
    }

    #[test]
    fn a_report_has_the_start_only_if_the_call_waited_for_it() {
        let report = |cold| first().report(cold);
        let warm = Report { duration_ns: Some(10), age_ns: Some(23), ..Report::default() };
        assert_eq!(report(Some(true)), Report { init_ns: Some(500), ..warm });
        assert_eq!(report(Some(false)), warm);
        assert_eq!(report(None), warm);
        assert_eq!(Told::default().report(Some(true)), Report::default());
    }

    #[test]
    fn what_is_not_as_it_should_be_is_not_told() {
        let wrong =
            metadata(&[(INIT_NS, "+5"), (READY_NS, "-1"), (QUEUE_NS, "1.5"), (HANDLER_NS, "3600000000001")]);
        assert_eq!(Told::read(&wrong, None), Told::default());
        let long = metadata(&[(INSTANCE, &"x".repeat(1000)), (READY_NS, "")]);
        assert_eq!(Told::read(&long, None).instance.unwrap().chars().count(), MAX_INSTANCE_CHARS + 1);
    }

    proptest! {
        #[test]
        fn whatever_is_told_is_read(values in prop::collection::vec("[ -~]{0,24}", 8), answered in any::<Option<u64>>()) {
            let names = [INSTANCE, REQUEST, INIT_NS, READY_NS, QUEUE_NS, HANDLER_NS, ANSWER_NS, ERROR_TYPE];
            let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            let told = Told::read(&metadata(&pairs), None);
            let cold = told.cold(answered);
            let _ = told.report(cold);
        }
    }
}
