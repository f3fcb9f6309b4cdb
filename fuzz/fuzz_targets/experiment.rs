//! awsinvoker reads plans that people write, and goes on with experiments that lie on the disk. What stands behind the first
//! NUL is the `experiment.json` of the plan; a plan that begins with `#` is compared with itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use run_record::experiment::{self, Experiment};
use run_record::format::json;

fuzz_target!(|text: &str| {
    let (plan, made) = text.split_once('\0').unwrap_or((text, ""));
    let made = json::read::<Experiment>(made.as_bytes(), experiment::SCHEMA).ok();
    if let Some(endpoints) = fuzz::experiment::go_on(plan, plan.starts_with('#'), made) {
        // A run may refuse what it reads, as entries of one function that contradict each other.
        _ = fuzz::endpoints::parse(&endpoints, &mut |_| Err(std::io::ErrorKind::NotFound.into()));
    }
});
