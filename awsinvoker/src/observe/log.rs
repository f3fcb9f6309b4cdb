//! The log: the first failure of each kind as it happens, and how many there were at the end.

use run_record::sink::SinkError;
use run_record::{Outcome, Sample};

use super::output::Output;
use crate::load::{Event, Observer};

/// Logs failures.
#[derive(Debug)]
pub(super) struct Log {
    names: Vec<String>,
    /// By endpoint and outcome.
    counts: Vec<[u64; Outcome::ALL.len()]>,
}

impl Log {
    /// Logs with these names of the endpoints.
    pub(super) fn new(names: Vec<String>) -> Self {
        Self { counts: vec![Default::default(); names.len()], names }
    }

    /// The line about a sample, if it is the first of its kind.
    fn first(&mut self, sample: &Sample) -> Option<String> {
        let Sample { arrival, reply, .. } = sample;
        let count = &mut self.counts[arrival.endpoint][reply.outcome as usize];
        *count += 1;
        if reply.outcome == Outcome::Ok || *count > 1 {
            return None;
        }
        let (name, outcome) = (&self.names[arrival.endpoint], reply.outcome.name());
        let cause = reply.cause.as_ref().map_or_else(|| "no message".to_owned(), ToString::to_string);
        let request_id = reply.request_id.as_deref().unwrap_or("unknown");
        Some(format!("{name}: first {outcome}, request {} ({request_id}): {cause}", arrival.sequence))
    }

    /// A line for each kind of failure that happened more than once.
    fn counts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, counts) in self.names.iter().zip(&self.counts) {
            for (outcome, count) in Outcome::ALL.into_iter().zip(counts) {
                if outcome != Outcome::Ok && *count > 1 {
                    lines.push(format!("{name}: {count} {} in total", outcome.name()));
                }
            }
        }
        lines
    }
}

impl Observer for Log {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => {
                if let Some(line) = self.first(sample) {
                    tracing::warn!("{line}");
                }
            }
            Event::Finished { .. } => self.counts().iter().for_each(|line| tracing::warn!("{line}")),
            Event::Tick { .. } | Event::WindowClosed(_) => {}
        }
    }
}

impl Output for Log {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_data::ended;
    use super::*;

    #[test]
    fn each_kind_is_told_once_and_counted() {
        let mut log = Log::new(vec!["f".to_owned()]);
        let mut first = |sequence, outcome| match ended(sequence, 10, outcome) {
            Event::Ended(sample) => log.first(&sample),
            other => panic!("{other:?}"),
        };
        let timeout = first(0, Outcome::Timeout);
        assert_eq!(timeout.as_deref(), Some("f: first timeout, request 0 (id-0): it failed"));
        assert_eq!([first(1, Outcome::Timeout), first(2, Outcome::Ok)], [None, None]);
        assert!(first(3, Outcome::Throttled).is_some());
        assert_eq!(log.counts(), ["f: 2 timeout in total"]);
    }
}
