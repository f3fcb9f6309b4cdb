//! The histograms of all shards' intervals, added second by second.
//!
//! An interval counts in the second of the merged run in which it begins. All are whole seconds if the shards started
//! together. One line of each log is in memory, and one histogram for each tag.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::time::{Duration, SystemTime};

use run_record::Histogram;
use run_record::format::hlog::{self, Interval};
use run_record::names::Tag;
use run_record::run_dir::{LATENCY_HLOG, RunDir, RunDirError};
use run_record::sink::Sink;
use run_record::units::{self, NS_PER_S};

use super::error::MergeError;
use super::member::Member;
use crate::observe::warn;

/// No run lasts longer: nanoseconds beyond it would overflow.
const LATEST_NS: u64 = u64::MAX / 2;

/// The log of one shard.
struct Source<'a> {
    member: &'a Member,
    intervals: hlog::Reader<BufReader<File>>,
}

/// The histograms of one second.
#[derive(Default)]
struct Second {
    by_tag: BTreeMap<String, (Tag, Histogram)>,
    end_ns: u64,
}

/// Writes the log of the merged run.
pub(super) fn add(members: &[Member], run_dir: &RunDir) -> Result<(), MergeError> {
    let mut sources = members.iter().map(Source::open).collect::<Result<Vec<_>, _>>()?;
    let mut sink = run_dir.sink(LATENCY_HLOG, warn)?;
    sink.write(|out| hlog::write_header(out, start(members)));
    let (mut writer, mut second) = (hlog::Writer::default(), 0);
    loop {
        let mut added = Second::default();
        for source in &mut sources {
            source.add_to(&mut added, second)?;
        }
        added.write(&mut sink, &mut writer, second);
        let mut next = None::<u64>;
        for source in &sources {
            next = source.next_ns()?.map(|ns| next.map_or(ns, |next| next.min(ns))).or(next);
        }
        match next {
            Some(next_ns) => second = next_ns / NS_PER_S,
            None => break,
        }
    }
    Ok(sink.finish()?)
}

/// When the merged run started, by the clock of its first shard.
fn start(members: &[Member]) -> SystemTime {
    let starts = members.iter().map(|member| member.started - Duration::from_nanos(member.shard.offset_ns));
    starts.min().unwrap_or(SystemTime::UNIX_EPOCH)
}

impl<'a> Source<'a> {
    fn open(member: &'a Member) -> Result<Self, MergeError> {
        Ok(Self { member, intervals: member.run_dir().intervals()? })
    }

    /// Adds the intervals that begin before the end of this second.
    fn add_to(&mut self, added: &mut Second, second: u64) -> Result<(), MergeError> {
        let end_ns = (second + 1).saturating_mul(NS_PER_S);
        let end = Duration::from_nanos(end_ns.saturating_sub(self.member.shard.offset_ns));
        while let Some(interval) = self.intervals.next_before(end) {
            let path = || self.member.path(LATENCY_HLOG);
            let interval = interval.map_err(|source| RunDirError::Read { path: path(), source })?;
            let ends_ns = self.ns(interval.start.saturating_add(interval.length));
            added.add(interval, ends_ns.min(end_ns));
        }
        Ok(())
    }

    /// When the next interval begins, in nanoseconds since the start of the merged run.
    ///
    /// # Errors
    /// It begins after the end of its run.
    fn next_ns(&self) -> Result<Option<u64>, MergeError> {
        let Some(start) = self.intervals.next_start() else { return Ok(None) };
        let finished_ns = self.member.end.finished_ns;
        // Files hold times to the millisecond.
        let latest = Duration::from_nanos(finished_ns.saturating_add(NS_PER_S));
        let ns = self.ns(start);
        if start > latest || ns > LATEST_NS {
            let path = self.member.path(LATENCY_HLOG);
            let (start_s, finished_s) = (start.as_secs_f64(), units::s(finished_ns));
            return Err(MergeError::LateInterval { path, start_s, finished_s });
        }
        Ok(Some(ns))
    }

    fn ns(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_add(self.member.shard.offset_ns)
    }
}

impl Second {
    fn add(&mut self, Interval { tag, histogram, .. }: Interval, end_ns: u64) {
        self.end_ns = self.end_ns.max(end_ns);
        let (_, sum) = self.by_tag.entry(tag.to_string()).or_insert_with(|| (tag, Histogram::default()));
        sum.merge(&histogram);
    }

    fn write(&self, sink: &mut Sink, writer: &mut hlog::Writer, second: u64) {
        for (tag, histogram) in self.by_tag.values() {
            sink.write(|out| writer.write(out, tag, second * NS_PER_S, self.end_ns, histogram));
        }
    }
}
