//! A user as its guest sees it: who it is, what it may draw and remember, and what it has under way. It lives longer than
//! any instance.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use prony_core::{Clock, FailureKind, Marks, Outcome, Random, Spans, StepId, Timestamp, Traced, Wanted};
use send_wrapper::SendWrapper;

use crate::protocols::UserProtocols;
use crate::settings::Limits;
use crate::worker::WorkerPart;

/// A user, shared between its journey and the instance that serves it. It never leaves its worker's thread.
pub(crate) type SharedUser = SendWrapper<Rc<RefCell<User>>>;

/// See the module's head.
pub(crate) struct User {
    pub(crate) number: u32,
    pub(crate) iteration: u64,
    pub(crate) random: Random,
    /// When the iteration was due.
    pub(crate) due: Timestamp,
    /// By how much its start came late: the first request was due so much earlier than it is asked for.
    pub(crate) late: u64,
    /// Wall time at the clock's origin, in nanoseconds.
    pub(crate) wall_origin: u64,
    pub(crate) vars: Vars,
    pub(crate) protocols: UserProtocols,
    /// Of its iteration's trace.
    pub(crate) spans: Spans,
    /// Until when the load wants it.
    pub(crate) wanted: Wanted,
    /// What the guest has computed for it in this iteration, in nanoseconds.
    pub(crate) computed: u64,
    /// Messages that are being handed to its connection: the connection records them.
    pub(crate) publishing: u32,
    flights: Vec<Flight>,
    next_flight: u32,
}

/// A request under way.
struct Flight {
    number: u32,
    step: StepId,
    due: Timestamp,
    trace: Option<Traced>,
}

/// Variables.
pub(crate) enum Vars {
    /// A journey's own, over the plan's constants.
    Own { constants: Arc<HashMap<String, String>>, set: HashMap<String, String> },
    /// Those of the steps around a function, lent for one call.
    Plan { names: Arc<VarNames>, values: Box<[Option<String>]> },
}

/// The variables of a plan's scenario, by name.
#[derive(Debug, Default)]
pub struct VarNames {
    /// The number of each.
    pub numbers: HashMap<String, usize>,
    /// Those that the function at hand may set.
    pub settable: Vec<usize>,
}

impl Vars {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Own { constants, set } => set.get(name).or_else(|| constants.get(name)).cloned(),
            Self::Plan { names, values } => values.get(*names.numbers.get(name)?)?.clone(),
        }
    }

    /// The error is a sentence.
    pub(crate) fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match self {
            Self::Own { set, .. } if set.len() >= MOST_VARIABLES && !set.contains_key(name) => {
                Err(format!("a user has at most {MOST_VARIABLES} variables"))
            }
            Self::Own { set, .. } => {
                set.insert(name.to_owned(), value);
                Ok(())
            }
            Self::Plan { names, values } => {
                let number = names.numbers.get(name).filter(|number| names.settable.contains(number));
                match number.and_then(|number| values.get_mut(*number)) {
                    Some(slot) => {
                        *slot = Some(value);
                        Ok(())
                    }
                    None => Err(format!(
                        "the plan does not let this plugin set `{name}`; to let it, write `sets: [{name}]` beside the function"
                    )),
                }
            }
        }
    }
}

/// A journey's variables are a user's memory, which the plan must bound.
const MOST_VARIABLES: usize = 1_000;

impl User {
    pub(crate) fn new(number: u32, random: Random, vars: Vars, protocols: UserProtocols) -> Self {
        Self {
            number,
            iteration: 0,
            random,
            due: Timestamp::default(),
            late: 0,
            wall_origin: 0,
            vars,
            protocols,
            spans: Spans::default(),
            wanted: Wanted::never(),
            computed: 0,
            publishing: 0,
            flights: Vec::new(),
            next_flight: 0,
        }
    }

    /// When a request that is asked for now was due: the first of an iteration as much earlier as its start came late.
    pub(crate) fn due_now(&mut self, clock: &Clock) -> Timestamp {
        Timestamp::from_nanos(clock.now().as_nanos().saturating_sub(std::mem::take(&mut self.late)))
    }

    /// Why no further request may be made, if so.
    pub(crate) fn too_many_under_way(&self, limits: &Limits) -> Option<String> {
        let most = limits.requests;
        (self.flights.len() + self.publishing as usize >= most as usize).then(|| {
            format!(
                "the user has {most} requests under way, and no more are allowed (`limits: {{requests: …}}`)"
            )
        })
    }

    /// Notes that a request takes off.
    pub(crate) fn take_off(&mut self, step: StepId, due: Timestamp, trace: Option<Traced>) -> u32 {
        let number = self.next_flight;
        self.next_flight = number.wrapping_add(1);
        self.flights.push(Flight { number, step, due, trace });
        number
    }

    /// Notes that it has landed. False when it was given up meanwhile, and is recorded already.
    pub(crate) fn land(&mut self, number: u32) -> bool {
        match self.flights.iter().position(|flight| flight.number == number) {
            Some(at) => {
                self.flights.swap_remove(at);
                true
            }
            None => false,
        }
    }

    /// Gives up a request, or all that are under way: they are recorded as failed for `kind`.
    pub(crate) fn give_up(&mut self, only: Option<u32>, kind: FailureKind, worker: &WorkerPart) {
        let now = worker.clock.now();
        self.flights.retain(|flight| {
            let concerned = only.is_none_or(|number| flight.number == number);
            if concerned {
                let due = Outcome::due(flight.due).traced(flight.trace);
                let outcome = Outcome { finished: now, failure: Some(kind), ..due };
                worker.meter.request(flight.step, &outcome, Marks::default());
            }
            !concerned
        });
    }
}
