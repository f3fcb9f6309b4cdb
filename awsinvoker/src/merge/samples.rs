//! The samples of all shards in one file, and what they come to.
//!
//! Each file is in the order in which its requests ended, roughly, and so is the file that they are joined to: the next
//! sample is the one of all files' next ones that ended first. One sample of each file is in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufReader;

use run_record::format::samples_csv;
use run_record::number_set::{Inserted, NumberSet};
use run_record::run_dir::{RunDir, RunDirError, SAMPLES_CSV};
use run_record::{RunInfo, Sample, Totals};

use super::error::MergeError;
use super::member::Member;
use crate::observe::warn;

/// The samples of one shard.
struct Source<'a> {
    member: &'a Member,
    samples: samples_csv::Reader<BufReader<File>>,
    read: u64,
    /// The next one, by the time of the merged run.
    next: Option<Sample>,
}

/// Writes the samples of all shards to one file. Each request of the common schedule has to be there once.
pub(super) fn join(members: &[Member], info: &RunInfo, run_dir: &RunDir) -> Result<Totals, MergeError> {
    let mut sources =
        members.iter().map(|member| Source::open(member, info)).collect::<Result<Vec<_>, _>>()?;
    let mut queue: BinaryHeap<_> = sources.iter().enumerate().filter_map(place).collect();
    let names = info.endpoint_names();
    let (mut totals, mut seen) = (Totals::new(names.len()), NumberSet::default());
    let mut sink = run_dir.sink(SAMPLES_CSV, warn)?;
    sink.write(|out| out.write_all(samples_csv::HEADER.as_bytes()));
    while let Some(Reverse((_, index))) = queue.pop() {
        let source = &mut sources[index];
        let Some(sample) = source.next.take() else { continue };
        if seen.insert(sample.arrival.sequence) == Inserted::Known {
            return Err(source.stranger(&sample));
        }
        sink.write(|out| samples_csv::write(out, &sample, &names[sample.arrival.endpoint]));
        totals.record(&sample);
        source.advance()?;
        queue.extend(place((index, source)));
    }
    sink.finish()?;
    match seen.first_missing() {
        missing if missing < totals.samples() => Err(MergeError::Gap(missing)),
        _ => Ok(totals),
    }
}

/// The place of a source in the queue: when its next request ended, and its index.
fn place((index, source): (usize, &Source<'_>)) -> Option<Reverse<(u64, usize)>> {
    let sample = source.next.as_ref()?;
    Some(Reverse((sample.timing.map_or(sample.arrival.intended_ns, |timing| timing.done_ns), index)))
}

impl<'a> Source<'a> {
    fn open(member: &'a Member, info: &RunInfo) -> Result<Self, MergeError> {
        let samples = member.run_dir().samples(info)?;
        let mut source = Self { member, samples, read: 0, next: None };
        source.advance()?;
        Ok(source)
    }

    /// Reads the next sample. There have to be as many as the run counted.
    fn advance(&mut self) -> Result<(), MergeError> {
        let Some(sample) = self.samples.next() else {
            let (found, expected) = (self.read, self.member.end.issued);
            let path = || self.member.path(SAMPLES_CSV);
            return if found == expected {
                Ok(())
            } else {
                Err(MergeError::Incomplete { path: path(), found, expected })
            };
        };
        let path = || self.member.path(SAMPLES_CSV);
        let sample = sample.map_err(|source| RunDirError::Read { path: path(), source })?;
        if !self.member.own.has(sample.arrival.sequence) {
            return Err(self.stranger(&sample));
        }
        self.read += 1;
        self.next = Some(later(sample, self.member.shard.offset_ns));
        Ok(())
    }

    fn stranger(&self, sample: &Sample) -> MergeError {
        let (path, sequence) = (self.member.path(SAMPLES_CSV), sample.arrival.sequence);
        MergeError::Stranger { path, sequence, index: self.member.part.index }
    }
}

/// The sample by a clock that started so much earlier.
fn later(mut sample: Sample, by_ns: u64) -> Sample {
    let add = |ns: &mut u64| *ns = ns.saturating_add(by_ns);
    add(&mut sample.arrival.intended_ns);
    if let Some(timing) = &mut sample.timing {
        add(&mut timing.issued_ns);
        add(&mut timing.done_ns);
        timing.written_ns.as_mut().map(add);
        timing.first_byte_ns.as_mut().map(add);
        if let Some(connection) = &mut timing.connection {
            add(&mut connection.ready_ns);
        }
    }
    sample
}
