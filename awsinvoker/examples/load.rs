//! A load with the library: `cargo run -p awsinvoker --example load [ADDRESS]`, while lambda-local serves `chameleon`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use awsinvoker::Clock;
use awsinvoker::load::{self, Gate, Interrupts};
use awsinvoker::observe::Tally;
use awsinvoker::plan::Workload;
use awsinvoker::plan::endpoints::Endpoint;
use awsinvoker::plan::schedule::{Rate, Schedule};
use awsinvoker::platform::lambda::Lambda;
use run_record::View;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it prints its result")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let endpoint = Endpoint::new("chameleon", r#"{"num_of_rows": 10, "num_of_cols": 15}"#);
    let lambda = Arc::new(Lambda::at(&address, &[endpoint]).await?);
    let schedule = Schedule::constant(Rate::from_rps(50.0).context("the rate")?, Duration::from_secs(2));
    let workload = Workload::Open(schedule);
    let (clock, mut interrupts) = (Clock::starting_in(Duration::from_millis(20)), Interrupts::new()?);
    let tally = Tally::new(1, workload.end_ns());
    let gate = Gate::new(100);
    let (tally, _) = load::run(&workload, true, &gate, lambda, clock, &mut interrupts, tally).await?;
    let response = tally.totals.endpoints[0].view(View::Response);
    println!("{} answers, p50 {} ns", response.count(), response.quantile_ns(0.5).unwrap_or(0));
    Ok(())
}
