//! How a run was measured, in sentences.

use std::collections::BTreeSet;

use run_record::run_info::{Arrivals, Configuration, Connections, LoadKind, Order};
use run_record::{RunInfo, Summary};

use super::words::{counted, time};

/// What a stranger has to know to judge the numbers.
pub(crate) fn sentences(info: &RunInfo, summary: &Summary) -> Vec<String> {
    let configuration = &info.configuration;
    let mut sentences = vec![load(configuration, summary)];
    sentences.extend(order(configuration));
    sentences.push(format!(
        "Sent {:.2} requests a second of the {} that were asked for; {:.2} a second succeeded. The schedule lag of the load \
         generator was {} at p99.",
        summary.sent_rps,
        summary.target_rps.map_or_else(|| "–".to_owned(), |rps| format!("{rps:.2}")),
        summary.real_rps,
        time(summary.schedule_lag_us.p99)
    ));
    sentences.extend(before(configuration));
    sentences.extend(
        configuration
            .restart_every_s
            .map(|seconds| format!("All functions got fresh environments every {seconds} s.")),
    );
    sentences.extend(neighbours(info));
    sentences.extend(connections(info));
    sentences.push(format!(
        "A call timed out after {} s. No call was sent again. At most {} were in flight.",
        configuration.timeout_s,
        counted(configuration.max_in_flight.into(), "call")
    ));
    sentences.push(
        "response is the time from when a call was due to its answer, so it holds the waiting that a slow system causes. service \
         is the time from sending to the answer. function is what the function measured itself."
            .to_owned(),
    );
    sentences
}

fn load(configuration: &Configuration, summary: &Summary) -> String {
    let length = format!("{:.1} s", summary.window_s);
    let from_file = configuration.schedule.as_ref().map(|file| format!(" by the schedule in {}", file.path));
    match configuration.load {
        LoadKind::Closed => format!(
            "Closed loop for {length}: {} each waited for an answer before the next call, so a slow system was called less.",
            counted(configuration.concurrency.unwrap_or(1).into(), "caller")
        ),
        LoadKind::Cold => format!(
            "Cold starts for {length}: one call at a time, and each function was made cold before its call."
        ),
        LoadKind::Open => format!(
            "Open loop for {length}{}: calls were sent when they were due, whether or not earlier ones had been answered.{}",
            from_file.unwrap_or_default(),
            match configuration.arrivals {
                Some(Arrivals::Constant) => " They were due at equal distances.",
                Some(Arrivals::Poisson) => " They were due at random times (Poisson).",
                Some(Arrivals::Uniform) => " They were due at random, uniformly distributed distances.",
                None => "",
            }
        ),
    }
}

fn order(configuration: &Configuration) -> Option<String> {
    let entries = counted(configuration.endpoints_file.entries, "entry").replace("entrys", "entries");
    let seed = configuration.seed;
    match configuration.order? {
        Order::RoundRobin => {
            Some(format!("The {entries} of the endpoints file were called in turn. The seed was {seed}."))
        }
        Order::Shuffled => Some(format!(
            "Each round of the {entries} of the endpoints file was called in another order, with the seed {seed}."
        )),
    }
}

/// What was called before the run.
fn before(configuration: &Configuration) -> Vec<String> {
    let prewarm = configuration.prewarm.map(|prewarm| {
        let failed = prewarm.failed;
        format!(
            "Before the run, {} of each endpoint at once had environments made; {failed} of all failed.",
            counted(prewarm.calls_per_endpoint.into(), "call")
        )
    });
    let warm_up = configuration.warm_up.map(|warm_up| {
        format!(
            "A warm-up of {} s with {} came first and is not counted.",
            warm_up.time_s,
            counted(warm_up.requests, "call")
        )
    });
    let none = (prewarm.is_none() && warm_up.is_none())
        .then(|| "There was no warm-up: cold starts of the beginning count.".to_owned());
    prewarm.into_iter().chain(warm_up).chain(none).collect()
}

/// That what was called stood on the machine of the load generator, as far as the addresses tell.
fn neighbours(info: &RunInfo) -> Option<String> {
    let is_here = |address: &str| {
        let host = address.split_once("://").map_or(address, |(_, host)| host);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        host.starts_with("127.") || ["[::1]", "localhost"].contains(&name)
    };
    let targets = &info.configuration.targets;
    let here = targets.iter().filter(|target| is_here(&target.address)).count();
    let whole = if here == targets.len() { "What was called" } else { "A part of what was called" };
    let processors = info
        .machine
        .cores
        .map_or_else(String::new, |cores| format!(", which has {}", counted(cores as u64, "processor")));
    (here > 0).then(|| {
        format!(
            "{whole} was, by its address, on the machine of the load generator{processors}: slow calls may be those that met others."
        )
    })
}

fn connections(info: &RunInfo) -> Option<String> {
    let targets = &info.configuration.targets;
    let connection = &targets.first()?.connection;
    let versions: BTreeSet<&str> = targets.iter().map(|target| target.connection.http.as_str()).collect();
    let versions: Vec<String> = versions.into_iter().map(|version| format!("HTTP/{version}")).collect();
    let reuse = match connection.reuse {
        Connections::Pooled => "were used again",
        Connections::PerCall => "were made for each call",
    };
    Some(format!(
        "Connections ({}) {reuse}; {} of each target were made before the start.",
        versions.join(" and "),
        connection.warm_connections
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data;

    #[test]
    fn targets_of_two_protocols_on_this_machine_are_told() {
        let mut info = test_data::run().info;
        let one = &info.configuration.targets[0];
        assert_eq!((one.address.as_str(), one.connection.http.as_str()), ("http://127.0.0.1:9000", "1.1"));
        let mut other = one.clone();
        (other.address, other.connection.http) = ("https://knative.example".to_owned(), "2".to_owned());
        let told = |info: &RunInfo| (neighbours(info).unwrap_or_default(), connections(info).unwrap());
        let (near, http) = told(&info);
        assert!(near.starts_with("What was called was, by its address, on the machine"), "{near}");
        assert!(http.starts_with("Connections (HTTP/1.1) were used again"), "{http}");
        info.configuration.targets.push(other.clone());
        let (near, http) = told(&info);
        assert!(near.starts_with("A part of what was called was, by its address, on the machine"), "{near}");
        assert!(http.starts_with("Connections (HTTP/1.1 and HTTP/2) were used again"), "{http}");
        info.configuration.targets = vec![other];
        assert_eq!(told(&info).0, "");
    }
}
