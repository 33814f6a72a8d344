//! The generator on itself, and its machine.

use serde::{Deserialize, Serialize};

use super::Distribution;

/// The generator on itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorSummary {
    /// Workers; so many more for each scenario that has workers of its own.
    pub threads: u32,
    /// How they waited for a start: `normal` or `precise`.
    pub pacing: String,
    /// Actual − intended start of iterations, all scenarios with an open load.
    pub lag_us: Distribution,
    /// By how much workers' wake-ups came late, probed every 10 ms whatever the load.
    pub wakeup_lag_us: Distribution,
    /// CPU time of the whole process.
    pub cpu_us: f64,
    /// The same for each request that ended, warm-up and set-up included in the time; `None` without requests.
    pub cpu_us_per_request: Option<f64>,
    /// By worker: the share of a core it used, polling for the next start left out, 0 to 1.
    pub worker_cpu_share: Vec<f64>,
    /// By worker: the share of time it was ready and had no core, 0 to 1.
    pub worker_waiting_share: Vec<f64>,
    /// By worker: the scenario that has it alone, for its plugin's sake; `None` for those that all others share.
    #[serde(default)]
    pub worker_scenarios: Vec<Option<String>>,
    /// How long plugins computed at a stretch, all scenarios. In no latency.
    #[serde(default)]
    pub guest_time_us: Distribution,
    /// All of that as a share of the CPU time of all workers, 0 to 1; `None` without plugins.
    #[serde(default)]
    pub guest_cpu_share: Option<f64>,
    /// The most memory the process had, in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}

/// The machine that generated the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// The operating system's family.
    pub os: String,
    /// The processor's architecture.
    pub arch: String,
    /// Cores this process may use.
    pub cores: Option<usize>,
    /// The processor's name.
    pub cpu_model: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The kernel's release.
    pub kernel: Option<String>,
}
