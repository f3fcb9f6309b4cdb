//! `awsinvoker report` with the real binary: the same result of a run that is complete, and all that was written of others.

use std::fs;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::support::{Bench, assert_complete, interrupted, stderr, stdout};

const TWO: &str = r#"[{"hostname": "string"}, {"hostname": "slow"}, {"hostname": "throttled"}]"#;

fn report(bench: &Bench, folder: &str) -> Output {
    let output = bench.bare_command(&format!("report {folder}")).output().unwrap();
    assert_eq!(stderr(&output), "");
    output
}

/// What follows the line at the start of a run.
fn result(output: &Output) -> &str {
    stdout(output).split_once('\n').unwrap().1
}

/// The number before these words.
fn number(text: &str, words: &str) -> u64 {
    let before = text.split_once(words).unwrap_or_else(|| panic!("no {words:?} in {text}")).0;
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_complete_run_reads_as_it_was_printed() {
    let bench = Bench::new(TWO);
    let output = bench.run("-rps 300 -time 1.2");
    assert_complete(&output);
    let reported = report(&bench, "out");
    assert_eq!((reported.status.code(), stdout(&reported)), (Some(0), result(&output)));
}

#[test]
fn a_run_that_was_stopped_reads_as_it_was_printed() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let output = interrupted(&bench, "-rps 200", &[Signal::TERM]);
    // Without the lines about requests.
    let printed = stdout(&output).split_once("Issued / completed").unwrap().1;
    assert_eq!(stdout(&report(&bench, "out")).strip_prefix("Issued / completed"), Some(printed));
}

#[test]
fn of_a_killed_run_all_that_was_written_is_reported() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "slow"}]"#);
    interrupted(&bench, "-rps 100", &[Signal::KILL]);
    let samples = bench.samples();
    let reported = report(&bench, "out");
    let text = stdout(&reported);
    let issued = format!("Issued / completed requests: {}, ", samples.len());
    assert!(reported.status.success() && text.starts_with(&issued), "{text}");
    for part in [
        " / -\n",
        "\nverdict: invalid\n",
        "\ninvalid: the end of the run is missing: rates and latencies are those of what is known\n",
        "\nmissing: the end of the run: it goes on, was killed, or could not be saved\n",
        " known requests, which have no line in samples.csv\n",
        "\nmissing: summary.json\n",
        "\nmissing: string.hgrm\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn wherever_the_files_end_what_is_whole_is_reported_and_the_rest_is_named() {
    let bench = Bench::new(TWO);
    assert_complete(&bench.run("-rps 60 -time 0.5"));
    let complete = stdout(&report(&bench, "out")).to_owned();
    for (name, steps) in [("samples.csv", 40), ("latency.hlog", 12)] {
        let whole = fs::read(bench.path("out").join(name)).unwrap();
        for step in 0..steps {
            let end = whole.len() * step / steps;
            fs::write(bench.path("out").join(name), &whole[..end]).unwrap();
            let output = report(&bench, "out");
            let (text, lines) = (stdout(&output), whole[..end].iter().filter(|&&byte| byte == b'\n').count());
            assert!(output.status.success(), "{name} until byte {end}");
            let is_cut_off = end > 0 && whole[end - 1] != b'\n';
            let cut_off = format!("missing: the end of the last line of {name}, which is left out");
            assert_eq!(text.contains(&cut_off), is_cut_off, "{name} until byte {end}: {text}");
            if name == "samples.csv" {
                let samples = lines.saturating_sub(1) as u64;
                assert_eq!(number(text, ", "), samples, "until byte {end}: {text}");
                assert_eq!(number(text, " of 30 requests, which have no line"), 30 - samples, "{text}");
            }
        }
        fs::write(bench.path("out").join(name), &whole).unwrap();
    }
    assert_eq!(stdout(&report(&bench, "out")), complete);
    fs::remove_file(bench.path("out/samples.csv")).unwrap();
    let text = stdout(&report(&bench, "out")).to_owned();
    let missing = "missing: out/samples.csv: cannot be read: No such file or directory (os error 2); without it, nothing is \
                   known of the requests\n";
    assert!(text.contains(missing) && text.contains("verdict: invalid\n"), "{text}");
    assert!(!text.contains("not a single request succeeded"), "{text}");
}

#[test]
fn damaged_lines_are_named_and_cost_no_others() {
    let bench = Bench::new(TWO);
    assert_complete(&bench.run("-rps 60 -time 0.5"));
    let whole = bench.read("out/samples.csv");
    let reported = |samples: &str| {
        fs::write(bench.path("out/samples.csv"), samples).unwrap();
        let text = stdout(&report(&bench, "out")).to_owned();
        let samples = number(&text, ", ");
        (samples, text)
    };
    let lines: Vec<&str> = whole.lines().collect();
    // Two lines are overwritten, and one begins a name that does not end.
    let damaged: Vec<String> = (0..)
        .zip(&lines)
        .map(|(at, line)| match at {
            3 => line.replacen(',', ",\"", 1),
            9 | 12 => line.replace("_ns", "").chars().rev().collect(),
            _ => (*line).to_owned(),
        })
        .collect();
    let (samples, text) = reported(&(damaged.join("\n") + "\n"));
    assert_eq!(samples, 27, "{text}");
    for line in [
        "invalid: 3 requests are missing: rates and latencies are those of the others",
        "invalid: without 3 damaged or repeated lines of samples.csv, it is not all of the run",
        "missing: 3 damaged lines of samples.csv, which are left out, the first of them line 4: a quotation mark has no other one",
        "missing: 3 of 30 requests, which have no line in samples.csv",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // A line twice, and one of another run.
    let sequence = |at: usize| lines[at].split(',').next().unwrap();
    let foreign = lines[5].replacen(&format!("{},", sequence(5)), "30,", 1);
    let (samples, text) = reported(&format!("{whole}{}\n{foreign}\n", lines[7]));
    assert_eq!(samples, 30, "{text}");
    let repeated = format!(
        "missing: 1 repeated line of samples.csv, which is left out: line 32: request {} had a line before",
        sequence(7)
    );
    let other = "missing: 1 damaged line of samples.csv, which is left out: line 33: sequence is 30; expected a number below 30";
    for line in [repeated.as_str(), other, "verdict: invalid"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // An answer that came after the end of the run.
    let done = lines[0].split(',').position(|name| name == "done_ns").unwrap();
    let mut fields: Vec<&str> = lines[5].split(',').collect();
    fields[done] = "3300000000000";
    let (samples, text) = reported(&whole.replace(lines[5], &fields.join(",")));
    assert_eq!(samples, 29, "{text}");
    assert!(
        text.contains(", which is left out: line 6: done_ns is 3300000000000; expected at most "),
        "{text}"
    );
    let log = bench.read("out/latency.hlog");
    fs::write(bench.path("out/latency.hlog"), format!("{log}x\n{log}")).unwrap();
    let (_, text) = reported(&whole);
    let line = format!(
        "missing: 1 damaged line of latency.hlog, the first of them line {}: ",
        log.lines().count() + 1
    );
    assert!(text.contains(&line), "{line} is not in\n{text}");
}

#[test]
fn a_summary_that_is_of_no_use_is_named() {
    let bench = Bench::new(TWO);
    assert_complete(&bench.run("-rps 60 -time 0.5"));
    let summary = bench.read("out/summary.json");
    let reported = |summary: &str| {
        fs::write(bench.path("out/summary.json"), summary).unwrap();
        let output = report(&bench, "out");
        assert_eq!(output.status.code(), Some(0));
        stdout(&output).to_owned()
    };
    let complete = reported(&summary);
    assert!(
        complete.contains("failed: throttled, 10 throttled ") && !complete.contains("missing: "),
        "{complete}"
    );
    for length in [0, 1, summary.len() / 2, summary.len() - 3] {
        let text = reported(&summary[..length]);
        let named = "missing: the causes of failures: out/summary.json: cannot be read: ";
        assert!(text.contains(named), "until byte {length}: {text}");
    }
    let text = reported(&summary.replacen("\"issued\": 30", "\"issued\": 1", 1));
    let other = "missing: a summary.json of this run: the one that is there is about 1 request\n";
    assert!(text.contains(other), "{text}");
    // Of a run without an end, no more is known than its samples.
    let run: serde_json::Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    let mut endless = run.clone();
    endless["end"] = serde_json::Value::Null;
    fs::write(bench.path("out/run.json"), endless.to_string()).unwrap();
    let end = "missing: the end of the run: it goes on, was killed, or could not be saved\n";
    let text = reported(&summary);
    assert!(text.contains(end) && text.matches("\nmissing: ").count() == 1, "{text}");
    let text = reported(&summary.replacen("\"issued\": 30", "\"issued\": 31", 1));
    let unknown =
        "missing: whether summary.json is of this run: it is about 31 requests, and samples.csv has 30\n";
    assert!(text.contains(unknown), "{text}");
    assert!(reported(&summary.replacen("\"issued\": 30", "\"issued\": 1", 1)).contains(other));
    fs::write(bench.path("out/run.json"), run.to_string()).unwrap();
    let text = reported(&summary.replacen("\"ok\": 10", "\"ok\": 11", 1));
    let differs = "missing: whether samples.csv or summary.json is right: they count other outcomes\n";
    assert!(text.contains(differs), "{text}");
}

#[test]
fn a_full_disk_is_told_when_it_happens_and_the_run_goes_on() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let run = bench.command("-rps 300 -time 2 --out out");
    // A limit for the size of files stands in for a full disk, in units of 512 bytes. run.json is smaller.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$@\"", "sh"]).arg(run.get_program());
    command.args(run.get_args()).current_dir(bench.path("."));
    command.env_clear().env("HOME", bench.path("."));
    let output = command.output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{log}");
    let told = "out/samples.csv could not be written: File too large (os error 27); the run goes on";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    assert!(stdout(&output).contains("Issued / completed requests: 600, 600"), "{}", stdout(&output));
    assert!(log.contains("error: the run is over, but not all of it was saved: out/samples.csv"), "{log}");
    let text = stdout(&report(&bench, "out")).to_owned();
    assert!(number(&text, " of 600 requests, which have no line") > 100, "{text}");
}

#[test]
fn a_folder_without_a_run_is_an_error() {
    let bench = Bench::new("[]");
    let output = bench.bare_command("report nothing").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: nothing/run.json: cannot be read: No such file or directory (os error 2)\n"
    );
    let output = bench.bare_command("report").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
