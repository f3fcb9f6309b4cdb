//! What was called, and what its numbers depend on.

use run_record::RunInfo;
use run_record::run_info::{EndpointInfo, FunctionInfo, Load, Machine, PayloadTemplate, Scheduling};

use super::table::Table;
use super::words::{UNKNOWN, known};

/// What was called.
pub(crate) fn endpoints(info: &RunInfo) -> Table {
    let configuration = &info.configuration;
    let rows = configuration.endpoints.iter().map(|endpoint| {
        let function = configuration.function_of(endpoint);
        let target = configuration.targets.get(endpoint.target);
        [
            endpoint.name.clone(),
            endpoint.system.clone(),
            endpoint.function.clone(),
            known(function.and_then(FunctionInfo::version_text)),
            known(function.and_then(|function| function.memory_mb).map(|mb| format!("{mb} MB"))),
            known(function.and_then(FunctionInfo::cpu_text)),
            known(function.and_then(|function| function.architecture.clone())),
            target.map_or_else(|| UNKNOWN.to_owned(), |target| target.text()),
            payload(endpoint),
        ]
    });
    let head = [
        "endpoint",
        "system",
        "function",
        "version",
        "memory",
        "CPU time",
        "architecture",
        "where",
        "payload",
    ];
    Table::new(
        "What was called. Its answers before the run are compared by their digests, which run.json has.",
        head,
        9,
        rows,
    )
}

/// The payload as it was written, and what filled its placeholders.
fn payload(endpoint: &EndpointInfo) -> String {
    let payload = endpoint.payload.get();
    match &endpoint.payload_template {
        None => payload.to_owned(),
        Some(PayloadTemplate { seed, values }) => {
            format!("{payload}, for each request with values of {values} from the seed {seed}")
        }
    }
}

fn waiting(spin: bool) -> &'static str {
    if spin { "it spins for the last 0.3 ms" } else { "it sleeps" }
}

fn schedule(scheduling: Scheduling) -> &'static str {
    match scheduling {
        Scheduling::Normal => "normal",
        Scheduling::RealTime => "real-time",
    }
}

/// The machine of the load generator, and how it was built.
pub(crate) fn machine(info: &RunInfo) -> Table {
    let Machine { cpu, is_virtual, product, cores, kernel, scheduling, before, during, after, .. } =
        &info.machine;
    let mut rows = vec![
        ["processor".to_owned(), known(cpu.clone())],
        ["processors for the load generator".to_owned(), known(*cores)],
        ["memory".to_owned(), known(info.machine.memory_text())],
        [
            "virtual machine".to_owned(),
            is_virtual.map_or(UNKNOWN, |is| if is { "yes" } else { "no" }).to_owned(),
        ],
        ["made by".to_owned(), known(product.clone())],
        ["kernel".to_owned(), kernel.clone()],
        ["scheduling of the load generator".to_owned(), schedule(*scheduling).to_owned()],
        ["before a request is due".to_owned(), waiting(info.configuration.spin).to_owned()],
        ["busy before the run".to_owned(), load(before.as_ref())],
        ["busy during the run".to_owned(), load(during.as_ref())],
        ["busy after the run".to_owned(), load(after.as_ref())],
        ["build of awsinvoker".to_owned(), build(info)],
    ];
    rows.extend(info.versions.iter().map(|(name, version)| [name.clone(), version.clone()]));
    Table::new("The machine of the load generator, and its versions.", ["", ""], 2, rows)
}

fn load(load: Option<&Load>) -> String {
    load.map_or_else(
        || UNKNOWN.to_owned(),
        |load| {
            let Load { busy_percent, own_percent, steal_percent, .. } = load;
            let others_percent = load.others_percent();
            format!(
                "{busy_percent:.1} % of all processors: {own_percent:.1} % for the load generator and what it started; \
                 {others_percent:.1} % for others, with {steal_percent:.1} % that the hypervisor gave away"
            )
        },
    )
}

fn build(info: &RunInfo) -> String {
    let commit = info.build.commit.as_deref().unwrap_or("not known");
    format!("profile {}, commit {commit}", info.build.profile)
}
