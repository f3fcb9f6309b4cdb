//! The log that comes with an answer never stops awsinvoker, whatever the function wrote into it.
//!
//! The input is the log, or the log in base64, as the service sends it.

#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    if let Ok(encoded) = std::str::from_utf8(log) {
        check(encoded);
    }
    check(&base64::engine::general_purpose::STANDARD.encode(log));
});

fn check(encoded: &str) {
    let Some(tail) = fuzz::log_tail::read(encoded, Some("a")) else { return };
    let report = tail.report;
    for ns in [report.init_ns, report.restore_ns, report.duration_ns, report.billed_ns].into_iter().flatten() {
        assert!(ns <= 3_600_000_000_000, "{report:?}");
    }
    assert!(report.memory_mib.max(report.max_memory_mib).is_none_or(|mib| mib <= 1_000_000), "{report:?}");
    assert!(tail.environment.is_none_or(|name| name.len() <= 70));
}
