//! Plugins: WASM components as journeys, and as functions of plan steps.
//!
//! A plugin's code while it runs is a guest. It has no authority but what its plan grants, limited time and memory, and its end
//! is a counted outcome: the run goes on.

mod bindings;
mod blame;
mod cache;
mod calls;
mod data;
mod engine;
mod file;
mod functions;
mod host;
mod instance;
mod journeys;
mod log;
mod output;
mod plugin;
mod protocols;
mod settings;
mod state;
mod trial;
mod user;
mod worker;

pub use data::{DataReader, DataSet, Row};
pub use engine::Kind;
pub use file::{FileProblem, INTERFACE, Metadata, PluginFile};
pub use functions::{
    CallProblem, Caller, Function, Functions, FunctionsBuilder, FunctionsWorker, Task, UseId,
    describe_functions,
};
pub use journeys::{OpenError, ScenarioParts, open};
pub use log::Level;
pub use plugin::{Plugin, Plugins};
pub use settings::{Allow, Isolation, Limits, PluginSettings, function_shape, journey_shape};
pub use user::VarNames;
