//! From the calls of the host to a plugin's traits. For the macros `scenario!` and `request!` alone.

#![allow(missing_docs, reason = "no part of what plugins see")]

use std::cell::RefCell;

use crate::bindings::scenario::prony::plugin::types;
use crate::function::{Entry, Function};
use crate::{Problem, Reply, Scenario, User, config};

pub use crate::bindings::request;
pub use crate::bindings::request::export_request;
pub use crate::bindings::request::exports::prony::plugin::functions::{
    Description, Guest as FunctionsGuest, Message as WireMessage,
};
pub use crate::bindings::scenario;
pub use crate::bindings::scenario::export_scenario;
pub use crate::bindings::scenario::exports::prony::plugin::journey::Guest as JourneyGuest;
pub use crate::bindings::scenario::prony::plugin::exchange::Reply as WireReply;
pub use types::Problem as WireProblem;

/// What configuring a scenario gives.
pub type Configured = Result<(), WireProblem>;

impl From<Problem> for WireProblem {
    fn from(problem: Problem) -> Self {
        Self {
            path: problem.path().to_vec(),
            message: problem.message().to_owned(),
            help: problem.advice().map(str::to_owned),
        }
    }
}

/// Makes a scenario that lasts as long as the instance.
pub fn configure<S: Scenario>(json: &str) -> Result<&'static S, WireProblem> {
    Ok(Box::leak(Box::new(S::configure(config::parse(json)?)?)))
}

/// One iteration of the user whose task this is.
pub async fn iterate<S: Scenario>(scenario: Option<&'static S>) -> Result<(), String> {
    let scenario = scenario.ok_or("the plugin was not configured before its first user")?;
    scenario.journey(&User::current()).await.map_err(|error| error.to_string())
}

/// The functions there are.
pub fn describe(functions: &[Entry]) -> Vec<Description> {
    let description = |entry: &Entry| Description {
        name: entry.name.to_owned(),
        kinds: entry.kinds.iter().map(|&kind| kind.to_owned()).collect(),
        about: entry.about.trim().to_owned(),
    };
    functions.iter().map(description).collect()
}

/// The uses of functions in a plan, by number.
pub struct Uses {
    functions: &'static [Entry],
    uses: RefCell<Vec<Box<dyn Function>>>,
}

impl Uses {
    pub const fn new(functions: &'static [Entry]) -> Self {
        Self { functions, uses: RefCell::new(Vec::new()) }
    }

    pub fn configure(&self, name: &str, json: &str) -> Result<u32, WireProblem> {
        let Some(entry) = self.functions.iter().find(|entry| entry.name == name) else {
            let names: Vec<_> = self.functions.iter().map(|entry| entry.name).collect();
            let message = format!("the plugin has no function `{name}`; it has {}", names.join(", "));
            return Err(Problem::new(message).into());
        };
        let function = (entry.configure)(json)?;
        let mut uses = self.uses.borrow_mut();
        uses.push(function);
        Ok(u32::try_from(uses.len() - 1).unwrap_or(u32::MAX))
    }

    pub fn generate(&self, number: u32) -> Result<WireMessage, String> {
        let mut uses = self.uses.borrow_mut();
        let message =
            find(&mut uses, number)?.generate(&User::current()).map_err(|error| error.to_string())?;
        Ok(WireMessage { body: message.body, fields: message.fields })
    }

    pub fn validate(&self, number: u32, answer: WireReply) -> Result<(), String> {
        let mut uses = self.uses.borrow_mut();
        let reply = Reply::new(answer);
        find(&mut uses, number)?.validate(&reply).map_err(|error| error.to_string())
    }
}

fn find(uses: &mut [Box<dyn Function>], number: u32) -> Result<&mut Box<dyn Function>, String> {
    let found = usize::try_from(number).ok().and_then(|number| uses.get_mut(number));
    found.ok_or_else(|| format!("there is no use {number} of a function"))
}
