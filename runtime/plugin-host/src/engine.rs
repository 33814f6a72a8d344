//! The two engines: one for journeys, which wait for many things at once, one for functions, which never wait. And the clock
//! that interrupts guests.

use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, OptLevel};

/// Which world a plugin is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Journeys.
    Scenario,
    /// Functions of steps.
    Request,
}

impl Kind {
    /// The world's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Request => "request",
        }
    }
}

/// How often guests that have control are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The engine of a world, made when it is first needed.
pub(crate) fn engine(kind: Kind) -> wasmtime::Result<Engine> {
    static SCENARIO: OnceLock<Engine> = OnceLock::new();
    static REQUEST: OnceLock<Engine> = OnceLock::new();
    let slot = match kind {
        Kind::Scenario => &SCENARIO,
        Kind::Request => &REQUEST,
    };
    if let Some(engine) = slot.get() {
        return Ok(engine.clone());
    }
    let engine = Engine::new(&config(kind))?;
    if slot.set(engine.clone()).is_ok() {
        interrupt(engine.weak())?;
    }
    slot.get().cloned().ok_or_else(|| wasmtime::format_err!("an engine that was made is gone"))
}

fn config(kind: Kind) -> Config {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    config.epoch_interruption(true);
    config.wasm_component_model_async(kind == Kind::Scenario);
    // A world that never waits needs no tasks, and its calls are cheaper without.
    config.concurrency_support(kind == Kind::Scenario);
    config
}

/// Lets time pass for the engine's guests, for as long as there is the engine.
fn interrupt(engine: EngineWeak) -> wasmtime::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this thread is no worker: it does nothing but tick")]
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    let started = std::thread::Builder::new().name("guest-ticks".to_owned()).spawn(tick);
    started
        .map(|_| ())
        .map_err(|error| wasmtime::format_err!("no thread can be had that watches plugins: {error}"))
}
