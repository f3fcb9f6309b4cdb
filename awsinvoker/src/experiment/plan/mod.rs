//! The plan of an experiment: one file in TOML that says what is compared, under which load, and how. It is read here, and
//! checked as far as its form goes; the command line of each run is checked as any other.

mod cold;
mod entries;
mod error;
mod fields;
mod flags;
mod values;

use std::path::Path;

use run_record::comparison::{DEFAULT_MARGIN, DEFAULT_WINDOW_NS};
use run_record::experiment::Mode;
use run_record::units;

pub(crate) use cold::{Cold, Until};
use entries::{Arm, Function, Started, System};
pub(crate) use entries::{PlannedEntry, endpoints_file};
pub use error::PlanError;
pub use fields::FieldError;
use fields::Fields;
pub(crate) use flags::Flag;

/// A larger plan is refused.
pub(crate) const MAX_PLAN_BYTES: u64 = 1 << 20;

const DEFAULT_PAIRS: u32 = 10;
const MAX_PAIRS: u32 = 10_000;
const MAX_WINDOW_NS: u64 = 3600 * units::NS_PER_S;
/// The flag that allows what is compared to differ.
const UNLIKE: &str = "--unlike";
/// More sizes are not compared.
const MAX_SIZES: usize = 20;

/// What an experiment does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExperimentPlan {
    /// Its name, if the plan gives one.
    pub(crate) name: Option<String>,
    /// How the systems share the time.
    pub(crate) mode: Mode,
    /// How many pairs of windows there are.
    pub(crate) pairs: u32,
    /// The length of a window.
    pub(crate) window_ns: u64,
    /// Systems that differ by less are equivalent.
    pub(crate) margin: f64,
    /// What everything random is drawn from.
    pub(crate) seed: u64,
    /// Requests a second over all systems; absent of a campaign of cold starts.
    pub(crate) rps: Option<f64>,
    /// The campaign of cold starts, with the mode `cold`.
    pub(crate) cold: Option<Cold>,
    /// The compared systems. The others are compared with the first.
    pub(crate) systems: Vec<String>,
    /// What is called.
    pub(crate) entries: Vec<PlannedEntry>,
    /// Further flags of each run.
    pub(crate) flags: Vec<Flag>,
}

/// What a plan says, before its systems are known to be those that are compared.
struct Draft<'a> {
    baseline: Option<String>,
    systems: Vec<System>,
    functions: Vec<Function>,
    sizes_mb: Option<Vec<u32>>,
    flags: &'a [Flag],
    folder: &'a Path,
}

impl ExperimentPlan {
    /// Reads a plan. Files and programs that it names are relative to `folder`. With `a_a`, the baseline is compared with
    /// itself.
    ///
    /// # Errors
    /// The text is not as documented.
    pub(crate) fn read(text: &str, folder: &Path, a_a: bool) -> Result<Self, PlanError> {
        let table = fields::parse(text)?;
        let mut fields = Fields::new(text, table.get_ref());
        let name = fields.optional("name", "a text of 1 to 100 characters on one line", values::line)?;
        let mode = fields.optional("mode", "\"round_robin\", \"interleaved\" or \"cold\"", mode)?;
        let mode = mode.unwrap_or(Mode::RoundRobin);
        let pairs = fields.optional("pairs", "a whole number from 1 to 10000", pairs)?;
        let window_ns = fields.optional("window", "a time from \"100ms\" to \"1h\"", window_ns)?;
        let margin = fields.optional("margin", "a share above 0% and below 100%, such as \"5%\"", margin)?;
        let seed = fields.optional("seed", "a whole number from 0", values::whole)?;
        let baseline = fields.optional("baseline", "a name of [systems]", values::text)?;
        let systems = fields.table("systems")?.ok_or(PlanError::Few("system"))?;
        let systems = entries::systems(text, systems)?;
        let functions = fields.table("functions")?.ok_or(PlanError::Few("function"))?;
        let functions = entries::functions(text, functions, &systems)?;
        let sweep = fields.table("sweep")?;
        let sweep_line = sweep.as_ref().map_or(0, Fields::line);
        let sizes_mb = sweep.map(sizes_mb).transpose()?;
        let cold = fields.table("cold")?.map(cold::read).transpose()?;
        let cold = match mode {
            Mode::Cold => Some(cold.unwrap_or_default()),
            Mode::RoundRobin | Mode::Interleaved if cold.is_some() => return Err(PlanError::NotCold),
            Mode::RoundRobin | Mode::Interleaved => None,
        };
        let (rps, mut flags) = run(&mut fields, folder, mode)?;
        if sizes_mb.is_some() && !flags.iter().any(|flag| flag.name == UNLIKE) {
            // Unlike memory is what is compared.
            flags.push(Flag { name: UNLIKE, value: None, line: sweep_line });
        }
        fields.finish()?;
        let draft = Draft { baseline, systems, functions, sizes_mb, flags: &flags, folder };
        let arms = draft.arms(a_a)?;
        let entries = draft.entries(&arms)?;
        let systems = arms.into_iter().map(|arm| arm.name).collect();
        if a_a {
            // Endpoints have other names then. What is demanded of one of them is not demanded here.
            flags
                .retain(|flag| flag.endpoint().is_none_or(|name| names(&entries).any(|known| known == name)));
        }
        Ok(Self {
            name,
            mode,
            pairs: pairs.unwrap_or(DEFAULT_PAIRS),
            window_ns: window_ns.unwrap_or(DEFAULT_WINDOW_NS),
            margin: margin.unwrap_or(DEFAULT_MARGIN),
            seed: seed.unwrap_or(0),
            rps,
            cold,
            systems,
            entries,
            flags,
        })
    }

    /// The entries of one system, or all of them.
    pub(crate) fn entries_of<'a>(
        &'a self,
        system: Option<&'a str>,
    ) -> impl Iterator<Item = &'a PlannedEntry> {
        self.entries.iter().filter(move |entry| system.is_none_or(|system| entry.system == system))
    }

    /// Whether a payload has values that are drawn for each call.
    pub(crate) fn has_templates(&self) -> bool {
        self.entries.iter().any(|entry| entry.endpoint.template.is_some())
    }

    /// Whether a flag is given.
    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }

    /// The share of all calls that go to one system, or to all of them, from 0 to 1.
    pub(crate) fn share_of(&self, system: Option<&str>) -> f64 {
        let slots = |system| self.entries_of(system).map(|entry| entry.slots).sum::<usize>();
        slots(system) as f64 / slots(None).max(1) as f64
    }
}

/// The names of the endpoints.
fn names(entries: &[PlannedEntry]) -> impl Iterator<Item = &str> {
    entries.iter().map(|entry| entry.endpoint.name.as_str())
}

/// Reads `[run]`: the rate, and further flags.
fn run(fields: &mut Fields<'_>, folder: &Path, mode: Mode) -> Result<(Option<f64>, Vec<Flag>), FieldError> {
    let expected = "requests a second over all systems, a number above 0";
    let Some(mut run) = fields.table("run")? else {
        return if mode == Mode::Cold {
            Ok((None, Vec::new()))
        } else {
            Err(fields.missing("run.rps", expected))
        };
    };
    let rps = match mode {
        Mode::Cold => match run.take("rps") {
            Some(field) => return Err(cold::refuse("run.rps", field.line)),
            None => None,
        },
        Mode::RoundRobin | Mode::Interleaved => Some(run.required("rps", expected, rps)?),
    };
    let flags = flags::read(&mut run, folder)?;
    run.finish()?;
    Ok((rps, flags))
}

/// Reads `[sweep]`: sizes of memory in MB.
fn sizes_mb(mut fields: Fields<'_>) -> Result<Vec<u32>, FieldError> {
    let expected = "an array of 2 to 20 different whole numbers of MB from 128 to 10240";
    let sizes = fields.required("memory", expected, |value| {
        let size = |value| u32::try_from(values::whole(value)?).ok().filter(|mb| (128..=10_240).contains(mb));
        let sizes: Option<Vec<u32>> = value.as_array()?.iter().map(|item| size(item.get_ref())).collect();
        let is_new = |(at, size): (usize, &u32)| !sizes.as_ref().is_some_and(|all| all[..at].contains(size));
        let are_new = sizes.as_ref()?.iter().enumerate().all(is_new);
        sizes.clone().filter(|sizes| are_new && (2..=MAX_SIZES).contains(&sizes.len()))
    })?;
    fields.finish()?;
    Ok(sizes)
}

impl Draft<'_> {
    /// What is compared, the baseline first.
    fn arms(&self, a_a: bool) -> Result<Vec<Arm<'_>>, PlanError> {
        let baseline = self.baseline()?;
        let arm = |name: String, system, suffix, memory_mb| Arm { name, system, suffix, memory_mb };
        let same = |letter: &str| {
            arm(format!("{}-{letter}", baseline.name), baseline, Some(letter.to_owned()), None)
        };
        match &self.sizes_mb {
            Some(_) if a_a => Err(PlanError::SweepAndSame),
            Some(_) if self.systems.len() > 1 => {
                Err(PlanError::SweepOfSystems { systems: self.systems.len() })
            }
            Some(sizes) => {
                let sized = |mb: &u32| arm(format!("{mb}MB"), baseline, Some(format!("{mb}mb")), Some(*mb));
                Ok(sizes.iter().map(sized).collect())
            }
            None if a_a => Ok(vec![same("a"), same("b")]),
            None if self.systems.len() < 2 => Err(PlanError::OneSystem),
            None => {
                let others = self.systems.iter().filter(|system| system.name != baseline.name);
                let systems = std::iter::once(baseline).chain(others);
                Ok(systems.map(|system| arm(system.name.clone(), system, None, None)).collect())
            }
        }
    }

    fn baseline(&self) -> Result<&System, PlanError> {
        let first = self.systems.first().ok_or(PlanError::Few("system"))?;
        let Some(name) = &self.baseline else { return Ok(first) };
        self.systems.iter().find(|system| system.name == *name).ok_or_else(|| {
            let names: Vec<_> = self.systems.iter().map(|system| system.name.as_str()).collect();
            PlanError::Baseline { name: name.clone(), known: names.join(", ") }
        })
    }

    fn entries(&self, arms: &[Arm<'_>]) -> Result<Vec<PlannedEntry>, PlanError> {
        if self.functions.is_empty() {
            return Err(PlanError::Few("function"));
        }
        let started = self.started();
        let of_function =
            |function: &Function| arms.iter().map(|arm| function.entry(arm, started, self.folder)).collect();
        let entries: Result<Vec<Vec<_>>, PlanError> = self.functions.iter().map(of_function).collect();
        Ok(entries?.concat())
    }

    fn started(&self) -> Started {
        let has = |name| self.flags.iter().any(|flag| flag.name == name);
        match (has("--local"), has("--images")) {
            (true, true) => Started::Image,
            (true, false) => Started::Program,
            (false, _) => Started::Nowhere,
        }
    }
}

fn mode(value: &toml::de::DeValue<'_>) -> Option<Mode> {
    match value.as_str()? {
        "round_robin" => Some(Mode::RoundRobin),
        "interleaved" => Some(Mode::Interleaved),
        "cold" => Some(Mode::Cold),
        _ => None,
    }
}

fn pairs(value: &toml::de::DeValue<'_>) -> Option<u32> {
    u32::try_from(values::whole(value)?).ok().filter(|pairs| (1..=MAX_PAIRS).contains(pairs))
}

fn window_ns(value: &toml::de::DeValue<'_>) -> Option<u64> {
    values::time_ns(value).filter(|ns| (100 * units::NS_PER_MS..=MAX_WINDOW_NS).contains(ns))
}

fn margin(value: &toml::de::DeValue<'_>) -> Option<f64> {
    values::share(value.as_str()?).filter(|share| *share > 0.0 && *share < 1.0)
}

fn rps(value: &toml::de::DeValue<'_>) -> Option<f64> {
    values::number(value)?.parse().ok().filter(|rps: &f64| *rps > 0.0)
}

#[cfg(test)]
mod tests;
