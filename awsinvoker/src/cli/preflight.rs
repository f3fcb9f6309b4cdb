//! The flags that say what is checked before a run.

/// What is checked before a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct PreflightArgs {
    /// Call each endpoint once before the run, and record what it answers. A call that fails ends the run before it begins.
    /// Such a call warms an environment, so the run has fewer cold starts. Without this flag, it is made only if the
    /// endpoints file has a function at several systems
    #[arg(long, conflicts_with = "no_preflight")]
    pub preflight: bool,
    /// Make no such calls, also if a function is compared at several systems. Then the run has a warning, since unlike
    /// answers are not noticed
    #[arg(long)]
    pub no_preflight: bool,
    /// Begin the run also if a call before it fails, or if a function has unlike answers, payloads, memory or processors
    /// at the systems that are compared. The differences become warnings
    #[arg(long)]
    pub unlike: bool,
}
