//! What the service that keeps this machine's clock says of it.

use std::path::Path;

use run_record::run_info::TimeService;
use run_record::units;

use crate::ask::first_line;

/// What chrony is asked for, by numbers and separated by commas.
const CHRONY: [&str; 3] = ["-n", "-c", "tracking"];
/// What systemd is asked for.
const SYSTEMD: [&str; 3] = ["show", "--property=NTPSynchronized", "--value"];

/// Asks chrony, else systemd, which knows whether the kernel's clock is kept, whoever keeps it.
pub(crate) async fn ask() -> TimeService {
    if let Some(service) = first_line(Path::new("chronyc"), &CHRONY).await.as_deref().and_then(of_chrony) {
        return service;
    }
    let said = first_line(Path::new("timedatectl"), &SYSTEMD).await;
    said.as_deref().and_then(of_systemd).unwrap_or_default()
}

/// From `chronyc -c tracking`: the clock is off by the offset that is being corrected, by what half of the way to the root
/// server takes, and by what the servers themselves may be off.
fn of_chrony(said: &str) -> Option<TimeService> {
    let fields: Vec<&str> = said.split(',').collect();
    let seconds = |index: usize| fields.get(index)?.parse::<f64>().ok().filter(|value| value.is_finite());
    let (offset_s, delay_s, dispersion_s) = (seconds(4)?, seconds(10)?, seconds(11)?);
    let synchronised = !fields.get(13)?.starts_with("Not");
    let error_ns = units::ns_from_s(offset_s.abs() + dispersion_s + delay_s / 2.0);
    let error_ns = synchronised.then_some(error_ns);
    Some(TimeService { asked: Some("chronyc".to_owned()), synchronised: Some(synchronised), error_ns })
}

fn of_systemd(said: &str) -> Option<TimeService> {
    let synchronised = match said {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    Some(TimeService {
        asked: Some("timedatectl".to_owned()),
        synchronised: Some(synchronised),
        error_ns: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chrony_tells_how_far_the_clock_may_be_off() {
        let said = "A9FEA97B,169.254.169.123,4,1700000000.000000000,-0.000002000,0.000001,0.000003,-9.1,0.0,0.0,\
            0.000400000,0.000100000,16.3,Normal";
        let expected = TimeService {
            asked: Some("chronyc".to_owned()),
            synchronised: Some(true),
            error_ns: Some(302_000),
        };
        assert_eq!(of_chrony(said), Some(expected));
        let lost = of_chrony(&said.replace("Normal", "Not synchronised")).unwrap();
        assert_eq!((lost.synchronised, lost.error_ns), (Some(false), None));
        assert_eq!(of_chrony("506 Cannot talk to daemon"), None);
    }

    #[test]
    fn systemd_tells_whether_the_clock_is_kept() {
        let synchronised = |said: &str| of_systemd(said).and_then(|service| service.synchronised);
        assert_eq!(["yes", "no", "n/a"].map(synchronised), [Some(true), Some(false), None]);
    }
}
