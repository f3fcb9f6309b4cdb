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
    // A line that was overwritten.
    let samples = bench.read("out/samples.csv").replacen(",ok,", ",fine,", 3);
    fs::write(bench.path("out/samples.csv"), samples).unwrap();
    let output = report(&bench, "out");
    assert!(stdout(&output).contains("missing: samples.csv from here on: "), "{}", stdout(&output));
    fs::remove_file(bench.path("out/samples.csv")).unwrap();
    let text = stdout(&report(&bench, "out")).to_owned();
    assert!(text.contains("missing: out/samples.csv: cannot be read: No such file"), "{text}");
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
