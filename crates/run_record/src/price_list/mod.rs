//! Files of prices: the one that this crate has, those that users write, and AWS's own.

mod list;
mod offer_file;

use std::iter;

pub use self::list::{PriceList, RegionPrices};
pub use self::offer_file::OfferFileError;

/// Why a file of prices cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PriceListError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the offer file of AWS cannot be used: {0}")]
    OfferFile(#[from] OfferFileError),
    #[error("region {region}: a price is {price}; expected a number of US dollars from 0")]
    Price { region: String, price: f64 },
}

impl PriceList {
    /// Reads a file of prices: one in the form of this type, or an offer file of AWS's price list.
    ///
    /// # Errors
    /// It has neither form, or a price is below zero, or an offer file does not tell the prices of Lambda.
    pub fn read(json: &[u8]) -> Result<Self, PriceListError> {
        let list =
            if offer_file::is_one(json) { offer_file::read(json)? } else { serde_json::from_slice(json)? };
        for (region, prices) in &list.regions {
            let mut all = iter::once(&prices.usd_per_million_requests).chain(prices.usd_per_gb_s.values());
            if let Some(&price) = all.find(|price| **price < 0.0) {
                return Err(PriceListError::Price { region: region.clone(), price });
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::list::BUILT_IN;
    use super::*;

    #[test]
    fn a_file_of_prices_is_read_or_refused() {
        let list = PriceList::built_in();
        assert_eq!(PriceList::read(BUILT_IN.as_bytes()).unwrap(), list);
        assert_eq!((list.price("us-east-1", "riscv"), list.price("mars", "x86_64")), (None, None));
        let error = |from: &str, to: &str| {
            PriceList::read(BUILT_IN.replace(from, to).as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(
            error("0.20", "-0.20"),
            "region us-east-1: a price is -0.2; expected a number of US dollars from 0"
        );
        assert!(error("0.20", "\"free\"").contains("expected f64"), "{}", error("0.20", "\"free\""));
        assert!(error("date", "day").contains("unknown field `day`"), "{}", error("date", "day"));
    }
}
