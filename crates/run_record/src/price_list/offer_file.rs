//! AWS's own price list of Lambda: its offer file, which AWS publishes for each region, without an account.
//!
//! Source: "Understanding the service price list file" in the AWS Billing User Guide.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::list::{PriceList, RegionPrices};

/// The code of Lambda's offer.
const LAMBDA: &str = "AWSLambda";
/// The place of products that are the same everywhere, like the free tier.
const ANYWHERE: &str = "Any";
/// The architectures, with the end of the names of their groups and types of usage.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", ""), ("arm64", "-ARM")];

/// Why an offer file cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum OfferFileError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it is the offer of {0}; expected AWSLambda")]
    Offer(String),
    #[error("it has no price of requests and gigabyte-seconds on demand in any region")]
    Empty,
    #[error("region {region}: it has no price of {what}")]
    Missing { region: String, what: &'static str },
    #[error("region {region}: it has the prices {first} and {second} of {what}; expected one")]
    Ambiguous { region: String, what: String, first: f64, second: f64 },
    #[error(
        "product {product}: the price of its first unit is {price}; expected one number of US dollars above 0"
    )]
    Dollars { product: String, price: String },
}

/// What tells an offer file from other JSON.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "offerCode")]
    _offer_code: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferFile {
    offer_code: String,
    version: String,
    /// When AWS published it, like `2026-03-16T22:57:20Z`.
    publication_date: String,
    /// By stock keeping unit.
    products: BTreeMap<String, Product>,
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    group: String,
    location: String,
    region_code: String,
    #[serde(rename = "usagetype")]
    usage_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Terms {
    /// By stock keeping unit and code of the term.
    on_demand: BTreeMap<String, BTreeMap<String, Term>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    /// By code of the rate. There are several if the price falls with the amount.
    price_dimensions: BTreeMap<String, PriceDimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceDimension {
    /// The amount in a month from which on the price holds.
    #[serde(default)]
    begin_range: String,
    /// By currency.
    #[serde(default)]
    price_per_unit: BTreeMap<String, String>,
}

/// What a product is a price of.
enum Billed {
    Request,
    GbS { architecture: &'static str },
}

/// The prices of a region as far as they have been read.
#[derive(Default)]
struct Found {
    usd_per_million_requests: Option<f64>,
    usd_per_gb_s: BTreeMap<String, f64>,
}

/// Whether JSON is an offer file, of whichever service.
pub(super) fn is_one(json: &[u8]) -> bool {
    serde_json::from_slice::<Head>(json).is_ok()
}

/// Reads the prices on demand of the first tier.
pub(super) fn read(json: &[u8]) -> Result<PriceList, OfferFileError> {
    let file: OfferFile = serde_json::from_slice(json)?;
    if file.offer_code != LAMBDA {
        return Err(OfferFileError::Offer(file.offer_code));
    }
    let mut regions = BTreeMap::<String, Found>::new();
    for (sku, product) in &file.products {
        let attributes = &product.attributes;
        let Some(billed) = attributes.billed() else { continue };
        let found = regions.entry(attributes.region_code.clone()).or_default();
        found.add(billed, &file.terms, sku, &attributes.region_code)?;
    }
    if regions.is_empty() {
        return Err(OfferFileError::Empty);
    }
    let whole = regions.into_iter().map(|(region, found)| found.whole(region));
    Ok(PriceList {
        date: file.publication_date.split('T').next().unwrap_or_default().to_owned(),
        source: format!(
            "offer file {} of AWS's price list, on demand, first tier, without the free tier",
            file.version
        ),
        regions: whole.collect::<Result<_, _>>()?,
    })
}

impl Attributes {
    /// What the product is, if a call on demand is billed by it.
    fn billed(&self) -> Option<Billed> {
        if self.location == ANYWHERE || self.region_code.is_empty() {
            return None;
        }
        ARCHITECTURES.into_iter().find_map(|(architecture, suffix)| {
            let is = |group: &str, usage_type: &str| {
                self.group == format!("{group}{suffix}")
                    && self.usage_type.ends_with(&format!("{usage_type}{suffix}"))
            };
            let requests = is("AWS-Lambda-Requests", "Request").then_some(Billed::Request);
            let gb_s =
                || is("AWS-Lambda-Duration", "Lambda-GB-Second").then_some(Billed::GbS { architecture });
            requests.or_else(gb_s)
        })
    }
}

impl Found {
    /// Adds the price of a product. Both architectures have one price of requests.
    fn add(&mut self, billed: Billed, terms: &Terms, sku: &str, region: &str) -> Result<(), OfferFileError> {
        let (what, price, known) = match billed {
            Billed::Request => {
                let price = terms.first_usd(sku, "e6")?;
                let known = self.usd_per_million_requests.get_or_insert(price);
                ("a million requests".to_owned(), price, *known)
            }
            Billed::GbS { architecture } => {
                let price = terms.first_usd(sku, "")?;
                let known = self.usd_per_gb_s.entry(architecture.to_owned()).or_insert(price);
                (format!("a gigabyte-second on {architecture}"), price, *known)
            }
        };
        if known.total_cmp(&price).is_ne() {
            let region = region.to_owned();
            return Err(OfferFileError::Ambiguous { region, what, first: known, second: price });
        }
        Ok(())
    }

    fn whole(self, region: String) -> Result<(String, RegionPrices), OfferFileError> {
        let Some(usd_per_million_requests) = self.usd_per_million_requests else {
            return Err(OfferFileError::Missing { region, what: "requests" });
        };
        if self.usd_per_gb_s.is_empty() {
            return Err(OfferFileError::Missing { region, what: "gigabyte-seconds" });
        }
        Ok((region, RegionPrices { usd_per_million_requests, usd_per_gb_s: self.usd_per_gb_s }))
    }
}

impl Terms {
    /// The price of the first unit of a product, in US dollars. The exponent is appended to AWS's decimal number, so
    /// that a price of a million is as exact as the price of one. A price of 0 would be that of a free tier.
    fn first_usd(&self, sku: &str, exponent: &str) -> Result<f64, OfferFileError> {
        let terms = self.on_demand.get(sku).into_iter().flat_map(BTreeMap::values);
        let dimensions = terms.flat_map(|term| term.price_dimensions.values());
        let first = dimensions.filter(|dimension| dimension.begin_range == "0");
        let prices: BTreeSet<&str> =
            first.filter_map(|dimension| dimension.price_per_unit.get("USD")).map(String::as_str).collect();
        let price = prices.into_iter().collect::<Vec<_>>().join(" and ");
        let number = format!("{price}{exponent}")
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number > 0.0);
        number.ok_or_else(|| OfferFileError::Dollars { product: sku.to_owned(), price: told(price) })
    }
}

fn told(price: String) -> String {
    if price.is_empty() { "not told".to_owned() } else { price }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::price_list::PriceListError;

    /// An offer file with what AWS's have: prices that fall with the amount, a free tier, and other products.
    fn offer_file() -> Value {
        let product = |group: &str, location: &str, region: &str, usage_type: &str| {
            json!({ "productFamily": "Serverless", "attributes": {
                "servicecode": LAMBDA, "group": group, "location": location, "locationType": "AWS Region",
                "regionCode": region, "usagetype": usage_type, "operation": "",
            }})
        };
        let term = |tiers: &[(&str, &str, &str)]| {
            let dimensions = tiers.iter().enumerate().map(|(rate, (begin, end, usd))| {
                let dimension = json!({ "unit": "Requests", "beginRange": begin, "endRange": end,
                    "pricePerUnit": { "USD": usd }, "appliesTo": [] });
                (format!("RATE{}", 9 - rate), dimension)
            });
            json!({ "TERM": { "offerTermCode": "JRTCKXETXF", "termAttributes": {},
                "priceDimensions": dimensions.collect::<serde_json::Map<_, _>>() } })
        };
        let frankfurt =
            |group: &str, usage_type: &str| product(group, "EU (Frankfurt)", "eu-central-1", usage_type);
        json!({
            "formatVersion": "v1.0", "disclaimer": "for information", "offerCode": LAMBDA,
            "version": "20260316225720", "publicationDate": "2026-03-16T22:57:20Z",
            "products": {
                "REQUESTS": frankfurt("AWS-Lambda-Requests", "EUC1-Request"),
                "ARM_REQUESTS": frankfurt("AWS-Lambda-Requests-ARM", "EUC1-Request-ARM"),
                "X86": frankfurt("AWS-Lambda-Duration", "EUC1-Lambda-GB-Second"),
                "ARM": frankfurt("AWS-Lambda-Duration-ARM", "EUC1-Lambda-GB-Second-ARM"),
                "KEPT_READY": frankfurt("AWS-Lambda-Duration-Provisioned", "EUC1-Lambda-Provisioned-GB-Second"),
                "MANAGED": { "attributes": { "regionCode": "eu-central-1",
                    "usagetype": "EUC1-Lambda-Managed-Instances-m7a.large-Management-Hours" } },
                "FREE": product("AWS-Lambda-Requests", ANYWHERE, "", "Global-Request"),
            },
            "terms": { "OnDemand": {
                "REQUESTS": term(&[("0", "Inf", "0.0000002000")]),
                "ARM_REQUESTS": term(&[("0", "Inf", "0.0000002000")]),
                "X86": term(&[
                    ("0", "6000000000", "0.0000166667"),
                    ("6000000000", "15000000000", "0.0000150000"),
                    ("15000000000", "Inf", "0.0000133334"),
                ]),
                "ARM": term(&[("0", "7500000000", "0.0000133334"), ("7500000000", "Inf", "0.0000120001")]),
                "KEPT_READY": term(&[("0", "Inf", "0.0000097222")]),
                "MANAGED": term(&[("0", "Inf", "0.0170000000")]),
                "FREE": term(&[("0", "1000000", "0.0000000000")]),
            }},
        })
    }

    fn read_json(file: &Value) -> Result<PriceList, PriceListError> {
        PriceList::read(file.to_string().as_bytes())
    }

    #[test]
    fn an_offer_file_of_aws_gives_the_prices_on_demand() {
        let list = read_json(&offer_file()).unwrap();
        assert_eq!(list.date, "2026-03-16");
        assert!(list.source.starts_with("offer file 20260316225720 of AWS's price list"), "{}", list.source);
        assert_eq!(list.regions.keys().collect::<Vec<_>>(), ["eu-central-1"]);
        for (architecture, usd_per_gb_s) in [("x86_64", 0.000_016_666_7), ("arm64", 0.000_013_333_4)] {
            let price = list.price("eu-central-1", architecture).unwrap();
            assert_eq!((price.usd_per_million_requests, price.usd_per_gb_s), (0.2, usd_per_gb_s));
        }
    }

    #[test]
    fn an_offer_file_that_does_not_tell_one_price_is_refused() {
        let dollars = "/terms/OnDemand/X86/TERM/priceDimensions/RATE9/pricePerUnit";
        let begin = "/terms/OnDemand/X86/TERM/priceDimensions/RATE9/beginRange";
        let arm_requests = "/terms/OnDemand/ARM_REQUESTS/TERM/priceDimensions/RATE9/pricePerUnit/USD";
        let cases = [
            ("/offerCode", json!("AmazonS3"), "it is the offer of AmazonS3; expected AWSLambda"),
            (
                "/products",
                json!({}),
                "it has no price of requests and gigabyte-seconds on demand in any region",
            ),
            (
                dollars,
                json!({ "CNY": "0.0001135" }),
                "product X86: the price of its first unit is not told; expected one number of",
            ),
            (
                dollars,
                json!({ "USD": "free" }),
                "product X86: the price of its first unit is free; expected one number of US",
            ),
            (
                dollars,
                json!({ "USD": "inf" }),
                "product X86: the price of its first unit is inf; expected one number of US",
            ),
            (
                dollars,
                json!({ "USD": "-1" }),
                "product X86: the price of its first unit is -1; expected one number of US",
            ),
            (
                dollars,
                json!({ "USD": "0.0" }),
                "product X86: the price of its first unit is 0.0; expected one number of US",
            ),
            (begin, json!("1"), "product X86: the price of its first unit is not told"),
            (
                "/terms/OnDemand/X86/TERM/priceDimensions/RATE8/beginRange",
                json!("0"),
                "product X86: the price of its first unit is 0.0000150000 and 0.0000166667; expected one number of US dollars",
            ),
            (
                arm_requests,
                json!("0.0000003"),
                "region eu-central-1: it has the prices 0.3 and 0.2 of a million requests",
            ),
            (
                "/products/REQUESTS/attributes/regionCode",
                json!("mars"),
                "region mars: it has no price of gigabyte-s",
            ),
            (
                "/products/X86/attributes/regionCode",
                json!("mars"),
                "region mars: it has no price of requests",
            ),
            ("/publicationDate", json!(2026), "invalid type: integer `2026`, expected a string"),
        ];
        for (pointer, value, expected) in cases {
            let mut file = offer_file();
            *file.pointer_mut(pointer).unwrap() = value;
            let message = read_json(&file).unwrap_err().to_string();
            let message = message.strip_prefix("the offer file of AWS cannot be used: ").unwrap();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
