//! A device that has lost its connection comes back by itself.

use std::cell::RefCell;
use std::rc::Rc;

use prony_core::delivery::Resumption;
use prony_core::{Outcome, Random};
use send_wrapper::SendWrapper;

use super::{Device, SharedDevice, State, Subscription, Trouble, Whose, establish};
use crate::driver::SharedPart;

/// Lets a device that is away try until it is back, or wants to be no longer.
pub(super) fn begin(this: &Rc<RefCell<Device>>, device: &mut Device) {
    let weak = SendWrapper::new(Rc::downgrade(this));
    let part: SharedPart = SendWrapper::new(Rc::clone(&device.part));
    let (connection, user) = (device.connection, device.user);
    tokio::spawn(async move {
        let Some(policy) = part.compiled.settings.reconnect else { return };
        // A stream of its own: pauses must not change what the user's own numbers are.
        let mut random = Random::new(u64::from(user), u64::from(connection), u64::from(part.scenario.0));
        for tries in 0.. {
            let pause = policy.pause(tries, random.unit());
            let due = part.clock.now() + pause;
            tokio::time::sleep(pause).await;
            let Some(rendered) = wanted(&weak, connection) else { return };
            let mut opening = Outcome::due(due);
            let made = establish(part.clone(), &rendered, &mut opening).await;
            let Some(device) = weak.upgrade().map(SendWrapper::new) else { return };
            if !is_away(&device, connection) {
                return;
            }
            match made {
                Ok(made) => {
                    opening.status = Some(0);
                    back(&device, made, rendered);
                    part.recover(opening.finished);
                    part.reconnected(opening);
                    return;
                }
                Err(trouble) => {
                    opening.failure = Some(trouble.kind);
                    opening.status = trouble.reason.map(u16::from);
                    if let Some(step) = part.compiled.reconnect {
                        part.record(step, opening, &trouble.story);
                    }
                }
            }
        }
    });
}

fn is_away(device: &SharedDevice, connection: u32) -> bool {
    let device = device.borrow();
    device.state == State::Away && device.connection == connection
}

/// What the device says of itself, as long as it wants to come back.
fn wanted(
    weak: &SendWrapper<std::rc::Weak<RefCell<Device>>>,
    connection: u32,
) -> Option<Box<crate::step::Rendered>> {
    let device = SendWrapper::new(weak.upgrade()?);
    if !is_away(&device, connection) {
        return None;
    }
    let mut device = device.borrow_mut();
    let rendered = device.rendered.clone()?;
    Some(device.introduce(rendered))
}

/// Takes the new connection up, and subscribes again where the broker has forgotten.
fn back(this: &SharedDevice, made: super::Established, rendered: Box<crate::step::Rendered>) {
    let present = Device::install(this, made, rendered);
    let (subscriptions, step, timeout, now) = {
        let mut device = this.borrow_mut();
        let device = &mut *device;
        if !present {
            // Messages that the session had kept are gone with it.
            let now = device.part.clock.now();
            let trouble = Trouble::new(
                prony_core::FailureKind::Closed,
                "the connection was lost, and the broker did not keep the session",
            );
            for flight in device.flights.take_unless(|_| false) {
                device.fail(&flight, &trouble, now);
            }
        }
        if let Some(incoming) = &mut device.incoming {
            incoming.reconnected(if present { Resumption::SessionPresent } else { Resumption::SessionNew });
        }
        device.tell_user();
        if present || device.subscriptions.is_empty() {
            return;
        }
        let compiled = &device.part.compiled;
        let Some(step) = compiled.resubscribe else { return };
        // They stay what the device wants, whatever becomes of this connection.
        (device.subscriptions.clone(), step, compiled.settings.timeout, device.part.clock.now())
    };
    // A SUBSCRIBE has one identifier for all its filters.
    let mut wanted: Vec<Vec<Subscription>> = Vec::new();
    for subscription in subscriptions {
        match wanted.iter_mut().find(|group| group[0].identifier == subscription.identifier) {
            Some(group) => group.push(subscription),
            None => wanted.push(vec![subscription]),
        }
    }
    for group in wanted {
        // It could be written before.
        let _ = Device::subscribe(this, Whose::Devices, (step, now, timeout), group);
    }
}
