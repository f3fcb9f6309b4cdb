//! The machine of the load generator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::counted;

/// What the numbers of a run depend on. What the system does not tell is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Machine {
    /// The processor's name, with its family, model and stepping.
    pub cpu: Option<String>,
    /// Whether the processor says that it is a virtual one.
    pub is_virtual: Option<bool>,
    /// Maker and product of the machine, or of its hypervisor.
    pub product: Option<String>,
    /// Cores that the load generator may use.
    pub cores: Option<usize>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Kernel name, release and architecture.
    pub kernel: String,
    /// How the system scheduled the threads of the load generator that calls depend on.
    pub scheduling: Scheduling,
    /// How busy it was before the run.
    pub before: Option<Load>,
    /// How busy it was during the run; null of a run that was killed.
    pub during: Option<Load>,
    /// How busy it was after the run; null of a run that was killed.
    pub after: Option<Load>,
}

/// How the system schedules threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheduling {
    /// Fairly, among all threads of the machine: one that is woken may have to wait for another that computes.
    Normal,
    /// Before all threads that are scheduled normally.
    RealTime,
}

/// How busy a machine was for some time, in percent of all its cores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Load {
    /// For how long it was watched, in seconds.
    pub seconds: f64,
    /// Processors that worked.
    pub busy_percent: f64,
    /// Processors that worked for the load generator and the processes that it started. Those in containers are others.
    pub own_percent: f64,
    /// Processors that the hypervisor gave to other machines.
    pub steal_percent: f64,
    /// Processes that ran or waited for a processor, on average over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
}

impl Machine {
    /// The machine for people: its processors, its memory and its kernel. What is not known is left out.
    pub fn text(&self) -> String {
        let is_virtual = self.is_virtual.filter(|is_virtual| *is_virtual);
        let parts = [
            self.cores.map(|cores| counted(cores as u64, "processor")),
            self.cpu.clone(),
            self.memory_text(),
            is_virtual.map(|_| "a virtual machine".to_owned()),
            self.product.clone(),
            Some(self.kernel.clone()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The memory for people; `None` if it is not known.
    pub fn memory_text(&self) -> Option<String> {
        self.memory_kib.map(|kib| format!("{:.1} GiB", kib as f64 / 1024.0 / 1024.0))
    }
}

impl Load {
    /// Processors that worked for others, or that others were given, in percent.
    pub fn others_percent(&self) -> f64 {
        (self.busy_percent - self.own_percent).max(0.0) + self.steal_percent
    }
}
