//! MQTT for guests: requests that are made while the run goes on, by the same devices as a plan's.
//!
//! The three lifetimes: [`GuestMqtt`] once a run, [`GuestMqttWorker`] once a worker, [`GuestDevice`] once a user. What a guest
//! does becomes a step and is taken like a plan's; messages do not wait for one another, so they go to the device at once.

mod device;
mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, Node, Random, Seat, SetupError, StepId};
use send_wrapper::SendWrapper;

pub use device::{GuestDevice, Performed, Publication, Trouble};
pub(crate) use words::Guise;
pub use words::{GuestArrived, GuestIdentity, GuestMessage, GuestRequest};

use crate::config::NAME;
use crate::device::Device;
use crate::driver::{Builder, MqttDriver, MqttWorker, SharedPart};
use crate::session::MqttSession;
use crate::target::Target;

/// MQTT for a scenario's guests.
pub struct GuestMqtt {
    driver: MqttDriver,
}

impl GuestMqtt {
    /// Whether a plan's `target` is a broker.
    #[must_use]
    pub fn is_broker(target: &Node) -> bool {
        // Without a scheme it may be anybody's.
        target.text().is_ok_and(|text| text.contains("://")) && Target::from_plan(target).is_ok()
    }

    /// MQTT as `wiring` says. What it measures beside requests is added to `entries`.
    ///
    /// # Errors
    /// When the target or the settings make no sense. The outer error points at the plan, the inner one is about what lies
    /// outside it.
    pub fn open(
        wiring: Wiring<'_>,
        entries: &mut Entries<'_>,
    ) -> Result<Result<Self, SetupError>, Diagnostic> {
        let mut builder = Builder::new(wiring)?;
        builder.introduce_guests()?;
        let entered = builder.enter_metrics(entries);
        let driver = entered.map_err(|error| SetupError(error.to_string())).and_then(|()| builder.finish());
        Ok(driver.map(|driver| Self { driver }))
    }

    /// A worker's part. Called on the worker's thread, inside its runtime.
    #[must_use]
    pub fn worker(&self, seat: &Seat) -> GuestMqttWorker {
        GuestMqttWorker {
            worker: self.driver.begin(seat),
            deliveries: SendWrapper::new(Rc::new(Deliveries::default())),
        }
    }
}

/// A worker's part.
pub struct GuestMqttWorker {
    worker: MqttWorker,
    deliveries: SharedDeliveries,
}

impl GuestMqttWorker {
    /// Hands what was counted on to the recorder. Guests may hold this worker's part beyond its end.
    pub fn hand_on(&self) {
        self.worker.part.hand_on(self.worker.part.clock.now());
    }

    /// A user's part. Opens nothing yet.
    #[must_use]
    pub fn user(&self, user: u32) -> GuestDevice {
        let part = self.worker.part.clone();
        let device = Device::new(Rc::clone(&part), user);
        let session = MqttSession::new(part.clone(), device.clone());
        // Only a plan's words about its devices draw from it, which guests have not got.
        let random = Random::new(u64::from(user), 0, u64::from(part.scenario.0));
        GuestDevice {
            user,
            part,
            device,
            session: Arc::new(tokio::sync::Mutex::new((session, random))),
            deliveries: self.deliveries.clone(),
        }
    }
}

pub(crate) type SharedDeliveries = SendWrapper<Rc<Deliveries>>;

/// The numbers of deliveries' names, as far as a worker has asked for them.
#[derive(Default)]
pub(crate) struct Deliveries(RefCell<HashMap<String, Option<StepId>>>);

/// How many names a worker looks up by itself.
const MOST_CACHED: usize = 2_000;

impl Deliveries {
    fn number(&self, part: &SharedPart, name: &str) -> Option<StepId> {
        let mut known = self.0.borrow_mut();
        if let Some(found) = known.get(name) {
            return *found;
        }
        let found = part.meter.delivery_named(part.scenario, name, NAME);
        if known.len() < MOST_CACHED {
            known.insert(name.to_owned(), found);
        }
        found
    }
}
