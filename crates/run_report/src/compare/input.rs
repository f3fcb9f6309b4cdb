//! What a comparison is made from.

use run_record::comparison::{Design, Note, Scope, Source};
use run_record::run_info::Protocol;

use super::collected::Collected;

/// What is compared.
#[derive(Debug)]
pub struct Input {
    /// How the systems were loaded.
    pub design: Design,
    /// The runs that the samples come from.
    pub runs: Vec<Source>,
    /// Why the result is not valid.
    pub reasons: Vec<String>,
    /// The length of a window in seconds; absent if each run is one window.
    pub window_s: Option<f64>,
    /// How many complete windows there are.
    pub windows: usize,
    /// How much of the runs lies in no complete window, in seconds.
    pub left_out_s: f64,
    /// By which share two values may differ and still be called equivalent.
    pub margin: f64,
    /// Of which requests the sentences are to be, as far as they are told apart.
    pub headline: Scope,
    /// What is known to limit all of the result.
    pub notes: Vec<Note>,
    /// All that is compared with something.
    pub sides: Vec<Side>,
    /// What is compared with what.
    pub pairings: Vec<Pairing>,
}

/// One endpoint at one system.
#[derive(Debug)]
pub struct Side {
    /// What sentences call it.
    pub label: String,
    /// Its system.
    pub system: String,
    /// The name of its endpoint.
    pub endpoint: String,
    /// What it called, for people.
    pub called: String,
    /// How it was called.
    pub protocol: Protocol,
    /// Its part of all requests, from 0 to 1.
    pub share: f64,
    /// Its samples.
    pub samples: Collected,
}

/// Two sides that are compared, by their indexes.
#[derive(Debug)]
pub struct Pairing {
    /// The function that both are.
    pub function: String,
    /// What the other one is compared with.
    pub baseline: usize,
    /// What is compared with the baseline.
    pub candidate: usize,
    /// What is known to limit the result of these two.
    pub notes: Vec<Note>,
}
