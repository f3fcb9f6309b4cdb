//! Schedules in files: the calls of `--schedule-out`, the samples of an earlier run, and traces of others.

mod calls;
mod hashed;
mod record_limit;
mod rows;
mod trace;

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use run_record::run_info::{Arrivals, ScheduleFile, ScheduleFormat};

use super::endpoints::Endpoints;
use super::recording::{Calls, Recording};
pub(crate) use calls::write;
use hashed::Hashed;
use rows::{Problem, Rows};
use trace::Functions;

/// What to read, and how.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// What all times are multiplied by.
    pub(super) time_scale: f64,
    /// Calls from this time on are left out.
    pub(super) time_ns: Option<u64>,
    /// How calls follow one another within a minute, if the file only has their number.
    pub(super) arrivals: Option<Arrivals>,
    /// What random times are drawn from.
    pub(super) seed: u64,
    /// What can be called.
    pub(super) endpoints: &'a Endpoints,
}

/// Why a schedule cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("--schedule {}: {problem}", path.display())]
pub struct ScheduleFileError {
    path: PathBuf,
    problem: Problem,
}

/// Reads a schedule, and what to tell about it.
///
/// # Errors
/// The file cannot be read, or its content is not as documented.
pub(super) fn read(source: &Source<'_>) -> Result<(Recording, Option<String>), ScheduleFileError> {
    let failed = |problem| ScheduleFileError { path: source.path.to_owned(), problem };
    let file = File::open(source.path).map_err(|error| failed(csv::Error::from(error).into()))?;
    read_from(file, source).map_err(failed)
}

fn read_from(file: impl std::io::Read, source: &Source<'_>) -> Result<(Recording, Option<String>), Problem> {
    let mut rows = Rows::new(Hashed::new(file))?;
    let format = format(&rows.header).ok_or_else(|| Problem::Header(rows.header_text()))?;
    let is_counted = format == ScheduleFormat::Invitro;
    if source.arrivals.is_some() && !is_counted {
        return Err(Problem::Arrivals);
    }
    let arrivals = source.arrivals.unwrap_or(Arrivals::Constant);
    let mut calls = Calls::default();
    let mut functions = Functions::new(&source.endpoints.list);
    let window_ns = match format {
        ScheduleFormat::Schedule | ScheduleFormat::Samples => {
            calls::read(&mut rows, source.endpoints, &mut calls)?;
            None
        }
        ScheduleFormat::Invitro => {
            Some(trace::read_counts(&mut rows, arrivals, source.seed, &mut functions, &mut calls)?)
        }
        ScheduleFormat::Azure2021 => {
            trace::read_ends(&mut rows, &mut functions, &mut calls)?;
            None
        }
    };
    let file = ScheduleFile {
        path: source.path.to_string_lossy().into_owned(),
        sha256: rows.into_file().sha256(),
        format,
        time_scale: source.time_scale,
    };
    let recording = calls.finish(window_ns, source.time_ns, file, is_counted.then_some(arrivals))?;
    Ok((recording, functions.text()))
}

/// The format of the file with this first line.
fn format(header: &StringRecord) -> Option<ScheduleFormat> {
    let has = |name: &str| header.iter().any(|field| field == name);
    let starts_with = |names: &[&str]| header.iter().take(names.len()).eq(names.iter().copied());
    if has(calls::INTENDED_NS) && has(calls::ENDPOINT) {
        return Some(if has("outcome") { ScheduleFormat::Samples } else { ScheduleFormat::Schedule });
    }
    if starts_with(&trace::COUNTS_HEADER) && header.len() > trace::COUNTS_HEADER.len() {
        return Some(ScheduleFormat::Invitro);
    }
    starts_with(&trace::ENDS_HEADER).then_some(ScheduleFormat::Azure2021)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::endpoints;

    fn read(text: &str, change: impl FnOnce(&mut Source<'_>)) -> Result<(Recording, Option<String>), String> {
        let file = r#"[{"hostname": "f"}, {"hostname": "g", "label": "a, b"}]"#;
        let endpoints = endpoints::parse(file, &mut |_| unreachable!()).unwrap();
        let mut source = Source {
            path: Path::new("x.csv"),
            time_scale: 1.0,
            time_ns: None,
            arrivals: None,
            seed: 0,
            endpoints: &endpoints,
        };
        change(&mut source);
        read_from(text.as_bytes(), &source).map_err(|error| error.to_string())
    }

    fn calls(text: &str) -> Vec<(u64, usize)> {
        read(text, |_| {}).unwrap().0.iter().collect()
    }

    const MINUTE_NS: u64 = 60_000_000_000;

    #[test]
    fn calls_with_times_and_names_in_any_columns() {
        let text =
            "\u{feff}sequence,endpoint,x,intended_ns,outcome\n1,\"a, b\",,2000,ok\n0,f,,1000,dropped\n";
        assert_eq!(calls(text), [(1000, 0), (2000, 1)]);
        let (recording, told) = read(text, |source| source.time_scale = 0.1).unwrap();
        assert_eq!((recording.iter().next(), told), (Some((100, 0)), None));
        assert_eq!(recording.file.format, ScheduleFormat::Samples);
        assert_eq!(calls("intended_ns,endpoint\n5,f\n"), [(5, 0)]);
        let long = format!("intended_ns,endpoint\n{}", "5,f\n".repeat(1 << 19));
        assert_eq!(calls(&long).len(), 1 << 19, "a file of 2 MB");
    }

    #[test]
    fn counts_of_calls_per_minute() {
        let text =
            "HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,x,http,4,0\no,a,y,queue,0,2\no,b,x,http,1,1\n";
        for arrivals in [None, Some(Arrivals::Uniform), Some(Arrivals::Poisson)] {
            let read = |seed| read(text, |source| (source.arrivals, source.seed) = (arrivals, seed)).unwrap();
            let (recording, told) = read(1);
            let count = |endpoint, minute| {
                let of_both = |(ns, called): &(u64, usize)| *called == endpoint && ns / MINUTE_NS == minute;
                recording.iter().filter(of_both).count()
            };
            assert_eq!([count(0, 0), count(0, 1), count(1, 0), count(1, 1)], [5, 1, 0, 2], "{arrivals:?}");
            assert_eq!(recording.end_ns(), 2 * MINUTE_NS);
            let expected = "the 3 functions of the trace call the endpoints in turn: o/a/x calls f, o/a/y calls a, b, o/b/x \
                calls f";
            assert_eq!(told.as_deref(), Some(expected));
            let times = |seed| read(seed).0.iter().collect::<Vec<_>>();
            assert_eq!(times(1), times(1));
            assert_ne!(times(1), times(2));
        }
        let equal: Vec<_> = calls(text).into_iter().filter(|(ns, _)| *ns < MINUTE_NS).collect();
        assert_eq!(equal.len(), 5);
    }

    #[test]
    fn invocations_that_are_known_by_their_ends() {
        let text = "app,func,end_timestamp,duration\na,x,10.5,2.25\na,y,8.5,0.5\na,x,12,11\n";
        // They start at 8.25 s, 8 s and 1 s.
        assert_eq!(calls(text), [(0, 0), (7_000_000_000, 1), (7_250_000_000, 0)]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_its_field() {
        let message = |text: &str| read(text, |_| {}).unwrap_err();
        insta::assert_snapshot!(message(""), @"line 1 is ``, expected the columns intended_ns and endpoint, as --schedule-out and runs write them, those of invitro's invocations (HashOwner,HashApp,HashFunction,Trigger,1,2,...), or those of Azure Functions 2021 (app,func,end_timestamp,duration)");
        insta::assert_snapshot!(message("a,b\n1,2\n"), @"line 1 is `a,b`, expected the columns intended_ns and endpoint, as --schedule-out and runs write them, those of invitro's invocations (HashOwner,HashApp,HashFunction,Trigger,1,2,...), or those of Azure Functions 2021 (app,func,end_timestamp,duration)");
        insta::assert_snapshot!(message("intended_ns,endpoint\n1,f\n-1,f\n"), @"line 3: `intended_ns` is `-1`, expected a whole number of nanoseconds from 0 to 31622400000000000");
        insta::assert_snapshot!(message("intended_ns,endpoint\n1,h\n"), @"line 2: `endpoint` is `h`, expected the name of an endpoint: f, a, b");
        insta::assert_snapshot!(message("intended_ns,endpoint\n1\n"), @"line 2: the number of fields is 1, expected 2 as in line 1");
        insta::assert_snapshot!(message("intended_ns,endpoint\n"), @"there are no calls");
        insta::assert_snapshot!(message("HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,x\n"), @"line 2: `1` is `x`, expected a whole number of calls");
        insta::assert_snapshot!(message("HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,20000001\n"), @"more than 20000000 calls, expected at most that many");
        insta::assert_snapshot!(message("app,func,end_timestamp,duration\na,f,1,-1\n"), @"line 2: `duration` is `-1`, expected seconds from 0 to 15811200");
        insta::assert_snapshot!(message("app,func,end_timestamp,duration\na,f,inf,1\n"), @"line 2: `end_timestamp` is `inf`, expected seconds from 0 to 15811200");
        insta::assert_snapshot!(message(&"x".repeat(2 << 20)), @"cannot be read: a line has more than 1048576 bytes, or a quotation mark has no second one that ends the value");
        let unclosed = format!("intended_ns,endpoint\n1,f\n2,\"f\n{}", "3,f\n".repeat(1 << 20));
        assert_eq!(message(&unclosed), message(&"x".repeat(2 << 20)));
        let arrivals = |source: &mut Source<'_>| source.arrivals = Some(Arrivals::Poisson);
        insta::assert_snapshot!(read("intended_ns,endpoint\n1,f\n", arrivals).unwrap_err(), @"--arrivals is for rates and for counts of calls, but this file has the time of each call; leave it out");
    }

    proptest! {
        /// Whatever a file holds, it is read or refused, and no more calls come of it than it says.
        #[test]
        fn any_text_is_read_or_refused(
            header in prop::sample::select(vec![
                "intended_ns,endpoint",
                "endpoint,intended_ns,outcome",
                "HashOwner,HashApp,HashFunction,Trigger,1,2",
                "app,func,end_timestamp,duration",
            ]),
            lines in prop::collection::vec("[a-c0-9.,\"\\- \r]{0,24}|[0-9]{1,3},f|f,[0-9]{1,20},|a,b,[0-9]{1,3},[0-9]", 0..8),
        ) {
            let text = format!("{header}\n{}", lines.join("\n"));
            if let Ok((recording, _)) = read(&text, |_| {}) {
                let times: Vec<_> = recording.iter().collect();
                prop_assert!(times.is_sorted_by_key(|(ns, _)| *ns));
                prop_assert!(times.iter().all(|(ns, endpoint)| *ns < recording.end_ns() && *endpoint < 2));
            }
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        use crate::plan::schedule::{Rate, Schedule};
        let rate = Rate::from_rps(33.3).unwrap();
        let schedule = Schedule::constant(rate, std::time::Duration::from_secs(3));
        let mut text = Vec::new();
        calls::write_to(&mut text, &schedule, &["f".to_owned()]).unwrap();
        let (recording, _) = read(std::str::from_utf8(&text).unwrap(), |_| {}).unwrap();
        let replayed = Schedule::Recorded(recording);
        assert!(schedule.iter().eq(replayed.iter()));
        assert!(schedule.end_ns().abs_diff(replayed.end_ns()) <= 1, "the same window");
    }
}
