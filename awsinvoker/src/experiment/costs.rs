//! What a million calls of each endpoint cost on AWS, over all runs of an experiment: a size of memory is chosen by its
//! latency and by this.

use std::collections::BTreeMap;
use std::fmt;

use run_record::cost::CostSummary;
use run_record::summary::Summary;

/// What the calls of the endpoints cost, by the names of the endpoints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Costs(BTreeMap<String, Cost>);

/// What is known of the calls of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    requests: u64,
    usd: f64,
    cpu_unlimited: bool,
}

impl Costs {
    /// Adds a run, as far as it tells its cost.
    pub(super) fn add(&mut self, summary: &Summary) {
        for endpoint in &summary.endpoints {
            let Some(cost) = &endpoint.cost else { continue };
            let Some(usd) = cost.usd else { continue };
            let known = self.0.entry(endpoint.name.clone()).or_default();
            known.requests += cost.requests;
            known.usd += usd;
            known.cpu_unlimited |= cost.cpu_unlimited;
        }
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a table in Markdown; empty if nothing is known.
    pub(super) fn markdown(&self) -> String {
        let row = |(name, cost): (&String, &Cost)| {
            format!("| {} | {:.4} |\n", name.replace('|', "\\|"), cost.per_million())
        };
        let rows: String = self.0.iter().map(row).collect();
        if rows.is_empty() {
            return rows;
        }
        let note = self.note().map_or_else(String::new, |note| format!("\n{}.\n", note.replace('|', "\\|")));
        format!("\n## Cost on AWS\n\n| endpoint | USD per million calls |\n|---|---:|\n{rows}{note}")
    }

    /// What to know of the costs of functions whose CPU time nothing limited; `None` if there is none.
    fn note(&self) -> Option<String> {
        let names = self.0.iter().filter(|(_, cost)| cost.cpu_unlimited).map(|(name, _)| name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{names}: {}", CostSummary::CPU_IS_LIMITED))
    }
}

impl Cost {
    fn per_million(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.usd / self.requests as f64 * 1e6 }
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a million calls on AWS cost")?;
        for (nth, (name, cost)) in self.0.iter().enumerate() {
            let between = if nth == 0 { " " } else { ", " };
            write!(f, "{between}{:.4} USD ({name})", cost.per_million())?;
        }
        self.note().map_or(Ok(()), |note| write!(f, "; {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_million_is_that_of_all_runs() {
        let cost = |requests, usd| Cost { requests, usd, cpu_unlimited: false };
        let costs = Costs(BTreeMap::from([
            ("f@128MB".to_owned(), cost(2_000, 0.001)),
            ("f@a|b".to_owned(), cost(0, 0.0)),
        ]));
        assert_eq!(costs.to_string(), "a million calls on AWS cost 0.5000 USD (f@128MB), 0.0000 USD (f@a|b)");
        insta::assert_snapshot!(costs.markdown(), @r#"

## Cost on AWS

| endpoint | USD per million calls |
|---|---:|
| f@128MB | 0.5000 |
| f@a\|b | 0.0000 |
"#);
        assert_eq!(Costs::default().markdown(), "");
        let note = format!("f: {}", CostSummary::CPU_IS_LIMITED);
        let process = Costs(BTreeMap::from([("f".to_owned(), Cost { cpu_unlimited: true, ..cost(1, 1.0) })]));
        assert!(process.to_string().ends_with(&format!("1000000.0000 USD (f); {note}")), "{process}");
        assert!(process.markdown().ends_with(&format!("|\n\n{note}.\n")), "{}", process.markdown());
    }
}
