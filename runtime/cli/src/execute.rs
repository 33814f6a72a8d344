//! From a checked plan to an exit code: compiles it, runs it, and feeds the sinks.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use prony_core::{Catalog, Commons};
use prony_engine::{Control, Event, Load, Pacing, RunSpec, ScenarioSpec, Threshold, Tracing};
use prony_plugin_host::{Level, Metadata, Plugin, Plugins};
use prony_scenario::ScenarioSource;
use prony_scenario::data::DataSources;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::commands::{Failure, print};
use crate::exit;
use crate::live::{self, Ui, Views};
use crate::output::{OutputFlags, Outputs, Store};
use crate::plan::{self, Plan, PlanScenario};
use crate::report::html::Report;
use crate::report::html::live::Whole;
use crate::report::{self, About, AboutPlugin, AboutScenario, Summary};
use crate::show;

/// How a plan is run: flags of every command that runs one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunOptions {
    /// Keeps the run in this folder: plan, summary, timeline, histograms.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes the run as one page to look at, when it has ended. `--out` keeps one as well, in its folder.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Worker threads. Default: one a core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Where all randomness comes from; the same seed sends the same requests. Default: the plan's, or a new one.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Makes each iteration a trace and tells servers of it (`traceparent`); this share of them is sampled, such as `1%`. Default: the
    /// plan's, or none.
    #[arg(long, value_name = "SHARE", value_parser = plan::trace_share)]
    trace: Option<f64>,
    /// How workers wait for the next start: normal, or precise, which takes a core a worker.
    #[arg(long, value_name = "HOW", default_value = "normal")]
    pacing: PacingFlag,
    /// How the run is shown while it goes on: plain, lines of progress; terminal, a view with charts and keys to pause, stop and
    /// change the load; web, a page with the same, or web=ADDRESS to say where it is served.
    #[arg(long, value_name = "HOW", default_value = "plain")]
    ui: Ui,
    /// No progress while it runs; the summary only.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    outputs: OutputFlags,
    /// Says in a sentence what each number of the summary is, above it.
    #[arg(long)]
    explain: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PacingFlag {
    /// A kernel timer, and polling in the last tens of microseconds.
    Normal,
    /// Polling all the time.
    Precise,
}

impl RunOptions {
    /// The share of iterations that is sampled, if a flag says so.
    pub(crate) const fn trace(&self) -> Option<f64> {
        self.trace
    }
}

/// A plan ready to be run.
pub(crate) struct Compiled {
    pub(crate) catalog: Catalog,
    pub(crate) scenarios: Vec<ScenarioSpec>,
    pub(crate) thresholds: Vec<Threshold>,
    /// Those that scenarios use, with the names of the scenarios.
    pub(crate) plugins: Vec<(String, Arc<Plugin>)>,
}

/// Compiles all scenarios of a plan: reads what it names and looks its hosts up. Only a gRPC server that must
/// tell its schema is sent anything.
pub(crate) fn compile(plan: &Plan) -> Result<Compiled, Failure> {
    compile_logging(plan, Level::Warn)
}

/// The same, with the lines of plugins' logs from `log_from` on to be told.
pub(crate) fn compile_logging(plan: &Plan, log_from: Level) -> Result<Compiled, Failure> {
    let data = DataSources::open(plan.node.get("data"), &plan.folder)?;
    let mut catalog = Catalog::default();
    let mut scenarios = Vec::new();
    let mut used = Vec::new();
    let commons = Commons::default();
    let plugins = Plugins::new(prony_engine::clock::clock(), log_from);
    for scenario in &plan.scenarios {
        let id = catalog.add_scenario(&scenario.name).map_err(|error| Failure::Setup(error.to_string()))?;
        let overlaid = plan.overlaid(scenario);
        let wiring = |protocol: &str| overlaid.wiring(protocol, &commons);
        let source = ScenarioSource {
            protocols: prony_scenario::PROTOCOLS,
            id,
            name: &scenario.name,
            node: &scenario.node,
            vars: plan.node.get("vars"),
            wiring: &wiring,
            plugins: &plugins,
            folder: &plan.folder,
        };
        scenarios.push(ScenarioSpec {
            journeys: prony_scenario::compile(&source, &data, &mut catalog)?,
            load: scenario.load.clone(),
            start_after: scenario.start_after,
            warmup: scenario.warmup,
            graceful_stop: scenario.graceful_stop,
            iteration_every: scenario.iteration_every,
            trace: scenario.trace,
        });
        used.extend(plugins.take_used().into_iter().map(|plugin| (scenario.name.clone(), plugin)));
    }
    catalog.reserve().map_err(|error| Failure::Setup(error.to_string()))?;
    let thresholds =
        plan.thresholds.iter().map(|threshold| threshold.resolve(&mut catalog)).collect::<Result<_, _>>()?;
    Ok(Compiled { catalog, scenarios, thresholds, plugins: used })
}

/// Runs a plan and prints its summary. The exit code.
pub(crate) fn run(plan: &Plan, options: &RunOptions) -> Result<u8, Failure> {
    let traced = options.trace.map(|share| plan.traced(share));
    let plan = traced.as_ref().unwrap_or(plan);
    let Compiled { catalog, scenarios, thresholds, plugins } = compile(plan)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    let threads = options.threads.unwrap_or(cores);
    let seed = options.seed.or(plan.seed).unwrap_or_else(new_seed);
    let pacing = match options.pacing {
        PacingFlag::Normal => Pacing::Normal,
        PacingFlag::Precise => Pacing::Precise,
    };
    let about = About {
        plan: plan.name.clone(),
        seed,
        threads,
        precise: pacing == Pacing::Precise,
        targets: plan.targets(),
        catalog: catalog.clone(),
        scenarios: plan.scenarios.iter().map(about).collect(),
        plugins: plugins.iter().map(|(scenario, plugin)| about_plugin(scenario, plugin)).collect(),
    };
    options.outputs.one_file_each(&options.html, plan)?;
    if let Some(file) = &options.html {
        report::html::writable(file)?;
    }
    let keep = Keep::of(options);
    let mut store = match &keep {
        Some(keep) => Some(Store::create(&keep.folder, &plan::to_yaml(&plan.written), &about)?),
        None => None,
    };
    let mut outputs = Outputs::open(&options.outputs, plan, &about)?;
    let tracing = Tracing { key: trace_key(), told: outputs.take_traces() };
    allow_descriptors(&plan.scenarios.iter().map(|scenario| &scenario.load).collect::<Vec<_>>());
    let control = Control::new();
    stop_on_interrupt(&control)?;
    let yaml = || plan::to_yaml(&plan.written);
    let mut views = Views::open(&options.ui, options.quiet, &about, yaml, &control)?;
    let mut listen = |event: Event| {
        views.event(&event);
        let mut troubles = outputs.event(&event);
        if let Some(Err(error)) = store.as_mut().map(|store| store.event(&event)) {
            troubles.push(format!("the run cannot be stored any more, and goes on: {error}"));
        }
        for trouble in troubles {
            views.trouble(&trouble);
        }
    };
    let spec = RunSpec { catalog, scenarios, thresholds, threads, seed, pacing, tracing };
    let result =
        prony_engine::run(spec, &control, &mut listen).map_err(|error| Failure::Setup(error.to_string()));
    views.load_is_over();
    let result = result?;
    let summary = Summary::new(&about, &result);
    let (coloured, width) = show::standard_output();
    let text = report::render(&summary, coloured, width);
    print(&if options.explain { report::explain(&text, coloured, width) } else { text });
    let mut kept = Ok(());
    let mut whole = views.want_the_whole().then(|| Whole::of(summary.clone(), &yaml()));
    if let (Some(store), Some(keep)) = (&mut store, &keep) {
        kept = match store.finish(&summary) {
            Ok(()) => {
                // What is stored has all of the time in it, where the page has the last minutes.
                whole = whole.map(|whole| Report::read(&keep.folder, None).map_or(whole, Whole::from));
                keep.report(options)
            }
            Err(error) => {
                let folder = keep.folder.display();
                Err(Failure::Setup(format!("{folder}: the run could not be stored: {error}")))
            }
        };
    }
    let (lost, missed) = outputs.finish(&summary, &result);
    views.finish(whole);
    // What a monitoring system missed takes nothing from the result.
    for missed in missed {
        anstream::eprintln!("note: {missed}");
    }
    kept?;
    // What could not be kept makes the run one that could not be carried out as it was asked for.
    if lost.is_empty() { Ok(summary.exit_code()) } else { Err(Failure::Setup(lost.join("; "))) }
}

/// Where a run is kept: for good, or until its report is made of it.
struct Keep {
    folder: PathBuf,
    passing: bool,
}

impl Keep {
    fn of(options: &RunOptions) -> Option<Self> {
        match (&options.out, &options.html) {
            (Some(folder), _) => Some(Self { folder: folder.clone(), passing: false }),
            // Beside the report: what was measured stays there when the run is killed.
            (None, Some(file)) => {
                Some(Self { folder: PathBuf::from(format!("{}.run", file.display())), passing: true })
            }
            (None, None) => None,
        }
    }

    /// Makes the reports that are wanted and says where everything is.
    fn report(&self, options: &RunOptions) -> Result<(), Failure> {
        let stored = self.folder.display();
        if self.passing {
            if let Some(file) = &options.html {
                report::html::write(&self.folder, None, file)?;
                crate::output::remove(&self.folder);
                print(&format!("\nreport in {}\n", file.display()));
            }
            return Ok(());
        }
        print(&format!("\nstored in {stored}; read it again with: prony report {stored}\n"));
        let own = self.folder.join(crate::output::files::REPORT);
        if let Err(mistake) = report::html::write(&self.folder, None, &own) {
            anstream::eprint!("{}", show::diagnostic(&mistake));
            return Ok(());
        }
        if let Some(file) = &options.html {
            // The same page: reading the run twice would take twice the time.
            std::fs::copy(&own, file).map_err(|error| {
                Failure::Setup(format!("{}: the report cannot be written: {error}", file.display()))
            })?;
            print(&format!("report in {}\n", file.display()));
        }
        Ok(())
    }
}

/// What reports tell of a scenario.
pub(crate) fn about(scenario: &PlanScenario) -> AboutScenario {
    AboutScenario { load: scenario.load.clone(), start_after: scenario.start_after, warmup: scenario.warmup }
}

/// What reports tell of a plugin that a scenario uses.
fn about_plugin(scenario: &str, plugin: &Plugin) -> AboutPlugin {
    let file = &plugin.file;
    let Metadata { name, version, authors, description, language, sdk } = file.metadata.clone();
    AboutPlugin {
        scenario: scenario.to_owned(),
        name,
        version: version.unwrap_or_default(),
        authors: authors.unwrap_or_default(),
        description: description.unwrap_or_default(),
        language: language.unwrap_or_default(),
        sdk: sdk.unwrap_or_default(),
        world: file.kind.name().to_owned(),
        interface: file.interface.to_string(),
        path: file.path.display().to_string(),
        sha256: file.sha256.clone(),
        size_bytes: file.bytes.len() as u64,
    }
}

/// A seed that differs from run to run and can be typed again.
fn new_seed() -> u64 {
    prony_engine::clock::wall_clock().as_nanos() as u64 % 1_000_000_000
}

/// Where the numbers of traces come from. Runs with the same seed must not share them, so they come from the system.
fn trace_key() -> u64 {
    // The standard library's only way to the system's random numbers.
    RandomState::new().build_hasher().finish()
}

/// The first interrupt ends the load and keeps what was measured; the second ends the process at once.
fn stop_on_interrupt(control: &Control) -> Result<(), Failure> {
    let control = control.clone();
    let before = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler(move || {
        if before.swap(true, Ordering::Relaxed) {
            live::restore_terminal();
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
        control.interrupt();
    })
    .map_err(|error| Failure::Setup(format!("interrupts cannot be caught: {error}")))
}

/// Raises the limit of open files as far as this process may, and says beforehand when it will hardly do.
fn allow_descriptors(loads: &[&Load]) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // The old limit stays when the system says no; a run that meets it says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let closed = |load: &&&Load| matches!(load, Load::Closed(_));
    let users: u64 = loads.iter().filter(closed).map(|load| u64::from(load.most_users())).sum();
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| users > *limit) {
        anstream::eprintln!(
            "note: {users} users and only {limit} open files allowed: users with connections of their own will fail with \
             descriptors_exhausted; raise the limit (ulimit -n), or share connections"
        );
    }
}
