//! Whoever reads a run's folder gets its content or an error, whatever is in it. The first byte chooses the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use run_record::experiment::{self, Experiment};
use run_record::format::hgrm::Distribution;
use run_record::format::{hlog, json, legacy, samples_csv};
use run_record::run_info::RunInfo;
use run_record::{Summary, run_info, summary};

fuzz_target!(|input: &[u8]| {
    let Some((file, bytes)) = input.split_first() else { return };
    match file.wrapping_sub(b'0') % 7 {
        0 => _ = json::read::<RunInfo>(bytes, run_info::SCHEMA),
        1 => _ = json::read::<Summary>(bytes, summary::SCHEMA),
        2 => {
            let names = ["a".to_owned(), "b#2".to_owned(), "c\nd".to_owned()];
            if let Ok(samples) = samples_csv::Reader::new(bytes, &names) {
                samples.for_each(drop);
            }
        }
        3 => hlog::Reader::new(bytes).for_each(drop),
        4 => _ = String::from_utf8_lossy(bytes).parse::<Distribution>(),
        5 => _ = legacy::read(bytes),
        _ => _ = json::read::<Experiment>(bytes, experiment::SCHEMA),
    }
});
