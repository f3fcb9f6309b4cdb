//! Prices by region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::Price;

/// The prices that this crate knows.
pub(super) const BUILT_IN: &str = include_str!("../../prices.json");

/// A file of prices, which hold from a date on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// From when on the prices hold; of an offer file, when AWS published it.
    pub date: String,
    /// Where they come from.
    pub source: String,
    /// By region.
    pub regions: BTreeMap<String, RegionPrices>,
}

/// The prices in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionPrices {
    /// The price of a million requests, in US dollars.
    pub usd_per_million_requests: f64,
    /// The price of a gigabyte for a second by the architecture of the processor, in US dollars.
    pub usd_per_gb_s: BTreeMap<String, f64>,
}

impl PriceList {
    /// The prices that this crate knows.
    pub fn built_in() -> Self {
        serde_json::from_str(BUILT_IN).expect("a test reads the file")
    }

    /// The price in a region on an architecture.
    pub fn price(&self, region: &str, architecture: &str) -> Option<Price> {
        let prices = self.regions.get(region)?;
        Some(Price {
            usd_per_million_requests: prices.usd_per_million_requests,
            usd_per_gb_s: *prices.usd_per_gb_s.get(architecture)?,
        })
    }
}
