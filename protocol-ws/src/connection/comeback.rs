//! A connection that was lost comes back by itself.

use std::cell::RefCell;
use std::rc::Rc;

use prony_core::{Outcome, Random};
use send_wrapper::SendWrapper;

use super::{Connection, State, open};
use crate::driver::SharedPart;
use crate::reply::Kept;

/// Lets a connection try until it is back, or nobody wants it any more.
pub(super) fn begin(this: &Rc<RefCell<Connection>>, connection: &mut Connection) {
    connection.state = State::Away;
    let weak = SendWrapper::new(Rc::downgrade(this));
    let part: SharedPart = SendWrapper::new(Rc::clone(&connection.part));
    let (epoch, user) = (connection.epoch, connection.user);
    let rendered = connection.rendered.take();
    tokio::spawn(async move {
        let (Some(policy), Some(rendered)) = (part.compiled.settings.reconnect, rendered) else { return };
        // A stream of its own: pauses must not change what the user's own numbers are.
        let mut random = Random::new(u64::from(user), u64::from(epoch), u64::from(part.scenario.0));
        let wanted = || {
            let connection = SendWrapper::new(weak.upgrade()?);
            let is_away = connection.borrow().state == State::Away && connection.borrow().epoch == epoch;
            is_away.then_some(connection)
        };
        for tries in 0.. {
            let pause = policy.pause(tries, random.unit());
            let due = part.clock.now() + pause;
            tokio::time::sleep(pause).await;
            if wanted().is_none() {
                return;
            }
            let mut opening = Outcome::due(due);
            let limit = part.compiled.settings.timeout;
            let made = open(part.clone(), &rendered, limit, &mut opening, &mut Kept::default()).await;
            let Some(connection) = wanted() else { return };
            match made {
                Ok(opened) => {
                    opening.status = Some(101);
                    Connection::install(&connection, opened, rendered, &opening);
                    part.record_reconnect(&opening, "");
                    return;
                }
                Err(trouble) => {
                    opening.failure = Some(trouble.kind);
                    opening.status = trouble.status;
                    part.record_reconnect(&opening, &trouble.story);
                }
            }
        }
    });
}
