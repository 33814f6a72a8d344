//! `prony check PLAN`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use prony_core::catalog::{StepEntry, UNKNOWN_PROTOCOL};
use prony_core::{Catalog, ScenarioId};
use prony_engine::threshold::Scope;

use crate::commands::run::Settings;
use crate::commands::{Failure, print};
use crate::plan::Plan;
use crate::{execute, exit, report};

/// Checks a plan in full without any load, and tells what it would do.
///
/// Reads the files the plan names and looks its hosts up, for a plan that lacks them cannot run. A gRPC server whose services no
/// file describes is asked for its schema.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The plan file.
    plan: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

impl Check {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let plan = Plan::load(&self.plan, &self.settings.settings)?;
        let compiled = execute::compile(&plan)?;
        let mut text = format!("{}: the plan is right\n", self.plan.display());
        for target in plan.targets() {
            let _ = writeln!(text, "  target {target}");
        }
        for (number, scenario) in plan.scenarios.iter().enumerate() {
            let load = report::load_in_words(&execute::about(scenario));
            let _ = writeln!(text, "  scenario {}: {load}", scenario.name);
            for (_, plugin) in compiled.plugins.iter().filter(|(name, _)| *name == scenario.name) {
                let file = &plugin.file;
                let version = file.metadata.version.as_deref().unwrap_or_default();
                let _ = writeln!(text, "    plugin {} {version} ({})", file.metadata.name, file.kind.name());
            }
            let known = |step: &&StepEntry| step.protocol != UNKNOWN_PROTOCOL;
            let steps = compiled.catalog.steps.iter().filter(|step| usize::from(step.scenario.0) == number);
            let steps = steps.filter(known);
            for step in steps {
                let checks = match step.checks.len() {
                    0 => String::new(),
                    1 => " (1 check)".to_owned(),
                    many => format!(" ({many} checks)"),
                };
                let _ = writeln!(text, "    {} {}{checks}", step.protocol, step.name);
            }
            let remarks = compiled.catalog.remarks.iter();
            for (_, remark) in remarks.filter(|(id, _)| usize::from(id.0) == number) {
                let _ = writeln!(text, "    note: {remark}");
            }
        }
        for threshold in &compiled.thresholds {
            let scope = scope(threshold.scope, &compiled.catalog);
            let _ = writeln!(text, "  threshold {scope}{}", threshold.expression);
        }
        print(&text);
        Ok(exit::PASSED)
    }
}

/// Where a threshold looks, as a plan says it before the expression.
fn scope(scope: Scope, catalog: &Catalog) -> String {
    let scenario = |id: ScenarioId| catalog.scenarios[usize::from(id.0)].as_str();
    match scope {
        Scope::Run => String::new(),
        Scope::Scenario(id) => format!("{}: ", scenario(id)),
        Scope::Step(id) => {
            let step = &catalog.steps[usize::from(id.0)];
            format!("{} / {}: ", scenario(step.scenario), step.name)
        }
    }
}
