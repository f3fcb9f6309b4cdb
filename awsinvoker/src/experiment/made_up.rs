//! Comparisons that the tests of this module make up.

use run_record::comparison::{
    Arm, Claim, Comparison, Contrast, Design, Figure, Measure, SCHEMA, Scope, Statistic, Value,
};

/// A figure of the p50 of the response latency, with this interval of the value of each side; with no value if it is absent.
pub(super) fn figure(scope: Scope, bounds: Option<[f64; 2]>) -> Figure {
    let value = bounds.map(|[low_us, high_us]| Value {
        us: 100.0,
        low_us: Some(low_us),
        high_us: Some(high_us),
        count: 60,
        effective_count: Some(60.0),
    });
    Figure {
        scope,
        measure: Measure::RESPONSE,
        statistic: Statistic::P50,
        baseline: value.clone(),
        candidate: value,
        ratio: None,
        difference_us: None,
        claim: Claim::Nothing,
        equivalent: false,
        refusal: None,
        approximate: false,
        drifting: false,
        in_cold_gap: false,
    }
}

/// A comparison of contrasts that have these figures.
pub(super) fn comparison(contrasts: &[&[Figure]]) -> Comparison {
    // Where cold starts have no value, nobody told of any.
    let arm = |figures: &[Figure]| Arm {
        label: String::new(),
        system: String::new(),
        endpoint: String::new(),
        called: String::new(),
        requests: 0,
        succeeded: 0,
        cold: figures.iter().any(|it| it.scope == Scope::Cold && it.baseline.is_some()).then_some(60),
        cold_percent: None,
        environments: None,
    };
    let contrast = |figures: &&[Figure]| Contrast {
        function: "f".to_owned(),
        windows: 6,
        windows_left_out: 0,
        headline: Scope::All,
        baseline: arm(figures),
        candidate: arm(figures),
        sentences: Vec::new(),
        notes: Vec::new(),
        cold_effect: Vec::new(),
        figures: figures.to_vec(),
    };
    Comparison {
        schema: SCHEMA,
        valid: true,
        reasons: Vec::new(),
        design: Design::RoundRobin,
        runs: Vec::new(),
        window_s: None,
        windows: 6,
        left_out_s: 0.0,
        margin: 0.05,
        notes: Vec::new(),
        contrasts: contrasts.iter().map(contrast).collect(),
        intervals: 0,
        expected_false: 0.0,
    }
}
