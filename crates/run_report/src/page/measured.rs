//! How a run was measured, in sentences.

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

fn connections(info: &RunInfo) -> Option<String> {
    let connection = &info.configuration.targets.first()?.connection;
    let reuse = match connection.reuse {
        Connections::Pooled => "were used again",
        Connections::PerCall => "were made for each call",
    };
    Some(format!(
        "Connections (HTTP/{}) {reuse}; {} of each target were made before the start.",
        connection.http, connection.warm_connections
    ))
}
