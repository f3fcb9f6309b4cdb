//! What a run costs on AWS Lambda: the requests, and the memory for the time that is billed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample::{Outcome, Sample};
use crate::units::NS_PER_S;

/// AWS bills memory by the binary gigabyte.
const MIB_PER_GB: f64 = 1024.0;
/// Requests that have one price together.
const MILLION: f64 = 1e6;

/// The prices that a run is computed with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Prices {
    /// From when on the prices hold.
    pub date: String,
    /// Where they come from.
    pub source: String,
    /// The prices of each endpoint; null for one that is not on Lambda, whose calls nobody bills.
    pub endpoints: Vec<Option<EndpointPrice>>,
}

/// What an endpoint is billed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointPrice {
    /// Whether AWS bills it. Otherwise the cost is what AWS would bill for the same.
    pub on_aws: bool,
    /// The region of the prices; null if it is not known.
    pub region: Option<String>,
    /// The processor's architecture; null if it is not known.
    pub architecture: Option<String>,
    /// Memory of the function in MiB, for answers that do not tell it; null if it is not known.
    pub memory_mib: Option<u64>,
    /// The price; null if it is not known.
    pub price: Option<Price>,
}

/// A price in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Price {
    /// Of a million requests.
    pub usd_per_million_requests: f64,
    /// Of a gigabyte (1024 MiB) for a second.
    pub usd_per_gb_s: f64,
}

/// What was billed of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BilledTotals {
    /// Requests whose billed duration is known.
    known: u64,
    /// Requests that were billed, or may have been, whose billed duration is not known.
    unknown: u64,
    /// The sum over requests of memory in MiB times billed duration in nanoseconds.
    mib_ns: u128,
    /// Nanoseconds that were billed for an amount of memory that the answer did not tell.
    ns_without_memory: u128,
}

/// What an endpoint cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CostSummary {
    /// Requests whose answers told what is billed.
    pub requests: u64,
    /// Requests that were billed, or may have been, and of which nobody told how much. They are not part of the cost.
    pub unknown_requests: u64,
    /// Gigabytes (1024 MiB) of memory times billed seconds; null if it is not known.
    pub gb_s: Option<f64>,
    /// US dollars for the requests and their GB-seconds; null if it is not known.
    pub usd: Option<f64>,
    /// US dollars for a million such requests; null if it is not known.
    pub usd_per_million: Option<f64>,
    /// Why the cost is not known; null if it is.
    pub reason: Option<String>,
    /// Whether AWS bills it. Otherwise this is what AWS would bill for the same.
    pub on_aws: bool,
    /// Whether nothing limited the CPU time, as AWS does, so that calls that compute take longer there and cost more.
    pub cpu_unlimited: bool,
}

impl Price {
    /// What one request costs that has so much memory for so many seconds.
    pub fn request_usd(&self, memory_mib: u64, seconds: f64) -> f64 {
        self.usd_per_million_requests / MILLION + memory_mib as f64 / MIB_PER_GB * seconds * self.usd_per_gb_s
    }
}

impl EndpointPrice {
    /// Why the price is not known; `None` if it is.
    pub fn unknown(&self) -> Option<String> {
        match (&self.price, &self.region, &self.architecture) {
            (Some(_), ..) => None,
            (None, _, None) => Some("the function's architecture is not known".to_owned()),
            (None, None, _) => Some("the region is not known".to_owned()),
            (None, Some(region), Some(architecture)) => {
                Some(format!("no price for {architecture} in {region}"))
            }
        }
    }
}

impl BilledTotals {
    /// Adds a sample. Requests that the platform refused are not billed.
    pub(crate) fn record(&mut self, sample: &Sample) {
        let report = sample.reply.report;
        match (sample.reply.outcome, report.billed_ns) {
            (Outcome::Throttled | Outcome::ServiceError | Outcome::Dropped, _) => {}
            (_, None) => self.unknown += 1,
            (_, Some(ns)) => {
                self.known += 1;
                match report.memory_mib {
                    Some(mib) => self.mib_ns += u128::from(mib) * u128::from(ns),
                    None => self.ns_without_memory += u128::from(ns),
                }
            }
        }
    }

    fn gb_s(&self, memory_mib: Option<u64>) -> Result<f64, String> {
        if self.known == 0 {
            return Err("no answer told what is billed".to_owned());
        }
        let without = match memory_mib {
            _ if self.ns_without_memory == 0 => 0,
            Some(mib) => self.ns_without_memory.saturating_mul(mib.into()),
            None => return Err("the function's memory is not known".to_owned()),
        };
        Ok(self.mib_ns.saturating_add(without) as f64 / NS_PER_S as f64 / MIB_PER_GB)
    }
}

impl CostSummary {
    /// What to know of a cost where nothing limited the CPU time.
    pub const CPU_IS_LIMITED: &str = "AWS limits the CPU time, so calls may cost more there";

    /// What was billed, at a price.
    pub(crate) fn new(billed: &BilledTotals, price: &EndpointPrice) -> Self {
        let gb_s = billed.gb_s(price.memory_mib);
        let usd = gb_s.clone().and_then(|gb_s| {
            let price = price.price.ok_or_else(|| price.unknown().unwrap_or_default())?;
            Ok(price.usd_per_million_requests / MILLION * billed.known as f64 + price.usd_per_gb_s * gb_s)
        });
        Self {
            requests: billed.known,
            unknown_requests: billed.unknown,
            gb_s: gb_s.ok(),
            usd: usd.clone().ok(),
            usd_per_million: usd.as_ref().ok().map(|usd| usd / billed.known as f64 * MILLION),
            reason: usd.err(),
            on_aws: price.on_aws,
            cpu_unlimited: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price_list::PriceList;
    use crate::test_data::sample;

    fn endpoint_price(region: &str, architecture: Option<&str>) -> EndpointPrice {
        let price = architecture.and_then(|it| PriceList::built_in().price(region, it));
        let architecture = architecture.map(str::to_owned);
        EndpointPrice { region: Some(region.to_owned()), architecture, price, ..EndpointPrice::default() }
    }

    /// Requests with this outcome, billed milliseconds and MiB.
    fn billed(requests: &[(Outcome, Option<u64>, Option<u64>)]) -> BilledTotals {
        let mut totals = BilledTotals::default();
        for (outcome, ms, memory_mib) in requests {
            let mut sample = sample(0, *outcome, 1);
            sample.reply.report.billed_ns = ms.map(|ms| ms * 1_000_000);
            sample.reply.report.memory_mib = *memory_mib;
            totals.record(&sample);
        }
        totals
    }

    #[test]
    fn a_gigabyte_for_a_second_and_a_request_have_their_prices() {
        let requests = [
            (Outcome::Ok, Some(1_500), Some(1024)),
            (Outcome::FunctionError, Some(500), Some(1024)),
            (Outcome::Throttled, None, None),
            (Outcome::Timeout, None, None),
        ];
        for (architecture, usd_per_gb_s) in [("x86_64", 0.000_016_666_7), ("arm64", 0.000_013_333_4)] {
            let cost = CostSummary::new(&billed(&requests), &endpoint_price("us-east-1", Some(architecture)));
            assert_eq!((cost.requests, cost.unknown_requests, cost.gb_s), (2, 1, Some(2.0)));
            let usd = cost.usd.unwrap();
            assert!((usd - (2.0 * 0.20 / 1e6 + 2.0 * usd_per_gb_s)).abs() < 1e-15, "{usd}");
            assert!((cost.usd_per_million.unwrap() - usd * 5e5).abs() < 1e-9, "{cost:?}");
        }
        let price = PriceList::built_in().price("us-east-1", "x86_64").unwrap();
        assert!((price.request_usd(2048, 3.0) - (0.20 / 1e6 + 6.0 * 0.000_016_666_7)).abs() < 1e-15);
    }

    #[test]
    fn what_is_not_known_is_said_and_not_guessed() {
        let known = [(Outcome::Ok, Some(1_000), Some(512))];
        let untold = [(Outcome::Ok, Some(1_000), None)];
        let cost = |requests: &[_], region: &str, architecture: Option<&str>, memory_mib| {
            let price = EndpointPrice { memory_mib, ..endpoint_price(region, architecture) };
            let cost = CostSummary::new(&billed(requests), &price);
            assert_eq!(cost.usd.is_none(), cost.reason.is_some(), "{cost:?}");
            (cost.gb_s, cost.reason.unwrap_or_default())
        };
        let x86 = Some("x86_64");
        assert_eq!(cost(&known, "us-east-1", x86, None), (Some(0.5), String::new()));
        assert_eq!(cost(&untold, "us-east-1", x86, Some(128)), (Some(0.125), String::new()));
        for (found, expected) in [
            (cost(&known, "eu-west-1", x86, None), (Some(0.5), "no price for x86_64 in eu-west-1")),
            (cost(&known, "us-east-1", None, None), (Some(0.5), "the function's architecture is not known")),
            (cost(&untold, "us-east-1", x86, None), (None, "the function's memory is not known")),
            (cost(&[], "us-east-1", x86, None), (None, "no answer told what is billed")),
        ] {
            assert_eq!((found.0, found.1.as_str()), expected);
        }
    }
}
