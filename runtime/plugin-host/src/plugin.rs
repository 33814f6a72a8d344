//! Plugins of a run, each read, judged, compiled and linked once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use prony_core::{Clock, Diagnostic, Node};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::request::RequestPre;
use crate::bindings::scenario::ScenarioPre;
use crate::engine::{Kind, engine};
use crate::file::{FileProblem, PluginFile};
use crate::log::Level;
use crate::settings::PluginSettings;
use crate::state::State;
use crate::{cache, host};

/// The plugins of a run, by file.
pub struct Plugins {
    clock: Clock,
    log_from: Level,
    loaded: Mutex<HashMap<PathBuf, Arc<Plugin>>>,
    /// Those that were asked for since somebody looked.
    used: Mutex<Vec<Arc<Plugin>>>,
}

/// A plugin ready to be instantiated.
pub struct Plugin {
    /// Its file.
    pub file: PluginFile,
    pub(crate) engine: Engine,
    pub(crate) world: World,
}

pub(crate) enum World {
    Scenario(ScenarioPre<State>),
    Request(RequestPre<State>),
}

impl Plugins {
    /// None yet. `clock` is the run's; lines of logs from `log_from` on are shown.
    #[must_use]
    pub fn new(clock: Clock, log_from: Level) -> Self {
        Self { clock, log_from, loaded: Mutex::default(), used: Mutex::default() }
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) const fn log_from(&self) -> Level {
        self.log_from
    }

    /// Those that were asked for since this was called last, each once.
    #[must_use]
    pub fn take_used(&self) -> Vec<Arc<Plugin>> {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The plugin that a plan names, which must be of `kind`.
    ///
    /// # Errors
    /// When it cannot be used; the diagnostic points at the plan.
    pub fn load(&self, settings: &PluginSettings, kind: Kind) -> Result<Arc<Plugin>, Diagnostic> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let plugin = match loaded.get(&settings.path) {
            Some(plugin) => Arc::clone(plugin),
            None => {
                let plugin = PluginFile::open(&settings.path).and_then(Plugin::new);
                let plugin = Arc::new(plugin.map_err(|problem| at(&settings.node, problem))?);
                loaded.insert(settings.path.clone(), Arc::clone(&plugin));
                plugin
            }
        };
        if plugin.file.kind == kind {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if !used.iter().any(|known| Arc::ptr_eq(known, &plugin)) {
                used.push(Arc::clone(&plugin));
            }
            return Ok(plugin);
        }
        let (found, help) = match kind {
            Kind::Scenario => (
                "has functions for steps",
                "name it under a step's `generate` or `validate`; a scenario's `plugin` must be of the world scenario",
            ),
            Kind::Request => (
                "has a journey for a whole scenario",
                "name it under a scenario's `plugin`; `generate` and `validate` take plugins of the world request",
            ),
        };
        Err(at(&settings.node, FileProblem::new(format!("{} {found}", settings.path.display()), help)))
    }
}

fn at(node: &Node, problem: FileProblem) -> Diagnostic {
    Diagnostic::at(&node.place, problem.found, "the plugin").help(problem.help)
}

impl Plugin {
    /// Compiles and links a file.
    ///
    /// # Errors
    /// When its code is not valid, or asks for what this program does not give.
    pub fn new(file: PluginFile) -> Result<Self, FileProblem> {
        let shown = file.path.display().to_string();
        let internal = |error: wasmtime::Error| {
            FileProblem::new(format!("{shown}: {error:#}"), "this machine cannot run plugins")
        };
        let (engine, component) = compiled(&file).map_err(internal)?.map_err(|error| {
            FileProblem::new(
                format!("{shown} cannot be compiled: {error:#}"),
                "build it again; if that does not help, with the toolchain that the documentation names",
            )
        })?;
        let mut linker = Linker::new(&engine);
        match file.kind {
            Kind::Scenario => host::link_scenario(&mut linker),
            Kind::Request => host::link_request(&mut linker),
        }
        .map_err(internal)?;
        let misfit = |error: wasmtime::Error| {
            FileProblem::new(
                format!("{shown} does not fit the interface: {error:#}"),
                "build it with this version's SDK: `prony plugin new` writes it",
            )
        };
        let linked = linker.instantiate_pre(&component).map_err(misfit)?;
        let world = match file.kind {
            Kind::Scenario => World::Scenario(ScenarioPre::new(linked).map_err(misfit)?),
            Kind::Request => World::Request(RequestPre::new(linked).map_err(misfit)?),
        };
        Ok(Self { file, engine, world })
    }
}

/// The plugin's code, and the engine it is for. Some toolchains make functions that need the tasks of journeys, although they
/// never wait: those run on the engine of journeys, and cost what that costs.
fn compiled(file: &PluginFile) -> wasmtime::Result<wasmtime::Result<(Engine, Component)>> {
    let own = engine(file.kind)?;
    let first = cache::component(&own, file);
    if first.is_ok() || file.kind == Kind::Scenario {
        return Ok(first.map(|component| (own, component)));
    }
    let with_tasks = engine(Kind::Scenario)?;
    match cache::component(&with_tasks, file) {
        Ok(component) => Ok(Ok((with_tasks, component))),
        Err(_) => Ok(first.map(|component| (own, component))),
    }
}
