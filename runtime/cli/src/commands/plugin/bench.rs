//! `prony plugin bench`: what a plugin costs the generator.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use prony_core::Node;
use prony_core::units::show_duration;
use prony_engine::stats::GuestStats;
use prony_engine::{Control, Pacing, RunResult, RunSpec, Tracing};
use prony_plugin_host::{Level, PluginFile};

use super::play::{self, Playground};
use super::{inspect, open};
use crate::commands::{Failure, print};
use crate::execute::Compiled;
use crate::exit;

/// Measures what a plugin costs: how long it computes at a stretch, for a request, for an iteration, and its memory a user.
///
/// It runs on one worker against a target inside this process, which takes part of the machine: figures are about the plugin, not
/// about how much load is possible.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The plugin, or the folder of its project.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Its configuration, as it would stand in a plan.
    #[arg(long, value_name = "YAML")]
    config: Option<String>,
    /// Users at a time while its time is measured.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    users: u32,
    /// Users at a time while its memory is measured.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    memory_users: u32,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Bench {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let file = open(&self.file)?;
        print(&inspect::head(&file));
        let config = play::config(self.config.as_deref())?;
        let ground = Playground::open()?;
        let time = format!("{{users: {}, for: {}s}}", self.users, self.seconds);
        let measured = run(&ground, &file, config.as_ref(), &time)?;
        let guests = guests(&measured);
        let requests: u64 = measured.totals.steps.iter().map(|step| step.requests).sum();
        let failed: u64 = measured.totals.steps.iter().map(prony_engine::stats::StepStats::failed).sum();
        let iterations: u64 =
            measured.totals.scenarios.iter().map(|scenario| scenario.iterations.completed).sum();
        let computed = Duration::from_nanos(guests.time_nanos);
        let each = |many: u64| show_duration(computed / u32::try_from(many.max(1)).unwrap_or(u32::MAX));
        let at = |quantile: f64| {
            show_duration(Duration::from_nanos(guests.time.quantile(quantile).unwrap_or_default()))
        };
        let seconds = measured.lasted.as_secs_f64().max(1e-9);
        let cpu: Duration = measured.generator.workers.iter().map(|worker| worker.cpu).sum();
        let share = 100.0 * computed.as_secs_f64() / cpu.as_secs_f64().max(1e-9);
        print(&format!(
            "\n{} users for {}s: {:.0} requests/s, {failed} of {requests} failed, {iterations} iterations\n  guest time  p50 {}, p99 {}, max {} at a stretch\n              {} a request, {} an iteration, {share:.0} % of the worker's CPU\n",
            self.users,
            self.seconds,
            requests as f64 / seconds,
            at(0.5),
            at(0.99),
            at(1.0),
            each(requests),
            each(iterations),
        ));
        let few = run(&ground, &file, config.as_ref(), "{users: 1, for: 1s}")?;
        let many = format!("{{users: {}, for: {}s}}", self.memory_users, self.seconds);
        let many = run(&ground, &file, config.as_ref(), &many)?;
        let (one, all) = (self::guests(&few).memory_most, self::guests(&many).memory_most);
        let more = all.saturating_sub(one) / u64::from(self.memory_users - 1);
        print(&format!(
            "  memory      {} with 1 user, {} with {}: {} for each further user\n",
            inspect::size(one),
            inspect::size(all),
            self.memory_users,
            inspect::size(more)
        ));
        if guests.ended() > 0 {
            print(&format!(
                "  ended       {} instances by force; `prony plugin test` says why\n",
                guests.ended()
            ));
            return Ok(exit::THRESHOLDS_FAILED);
        }
        Ok(exit::PASSED)
    }
}

fn guests(result: &RunResult) -> GuestStats {
    let mut all = GuestStats::default();
    result.totals.scenarios.iter().for_each(|scenario| all.merge(&scenario.guests));
    all
}

fn run(
    ground: &Playground,
    file: &PluginFile,
    config: Option<&Node>,
    load: &str,
) -> Result<RunResult, Failure> {
    let plan = ground.plan(file, config, load)?;
    let Compiled { catalog, scenarios, .. } = play::compile(&plan, Level::Error)?;
    let (pacing, tracing) = (Pacing::Normal, Tracing::default());
    let spec = RunSpec { catalog, scenarios, thresholds: Vec::new(), threads: 1, seed: 1, pacing, tracing };
    prony_engine::run(spec, &Control::new(), &mut |_| {}).map_err(|error| Failure::Setup(error.to_string()))
}
