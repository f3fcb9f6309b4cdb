//! The charts of a run and of a comparison.

mod budget;
mod csv;
mod distribution;
mod percentiles;
mod ratios;
mod series;
mod timeline;

pub(crate) use budget::budgets;
pub(crate) use distribution::distribution;
pub(crate) use percentiles::percentiles;
pub(crate) use ratios::{RatioRow, ratios};
pub(crate) use timeline::timelines;
