//! What comes of an order: another course that all workers know before it begins to hold, or a reason why not.

use std::sync::Arc;

use super::control::Order;
use super::coordinator::Coordinator;
use crate::course::{Action, Change, LEAD};
use crate::event::{Ended, Event};

impl Coordinator<'_> {
    /// Carries an order out, and tells of it.
    pub(super) fn steer(&mut self, Order { action, origin }: Order, listen: &mut dyn FnMut(Event)) {
        match self.turn(action) {
            Ok((at, plan_at)) => {
                let change = Change { at, plan_at, action, origin };
                self.changes.push(change);
                listen(Event::Changed(change));
                if action == Action::Stop {
                    self.end(Ended::Interrupted, listen);
                }
            }
            Err(why) => listen(Event::Refused { action, origin, why }),
        }
    }

    fn turn(&mut self, action: Action) -> Result<(std::time::Duration, std::time::Duration), String> {
        if self.ended != Ended::Finished {
            return Err("the run is stopping already".to_owned());
        }
        let now = self.clock.now() - self.begin;
        if action == Action::Stop {
            return self.course.clone().turn(now, action);
        }
        if matches!(action, Action::Load(_))
            && !self.spec.scenarios.iter().any(|one| one.load.takes_percent())
        {
            return Err("no load of this plan can be turned up or down: recorded starts and a number of iterations are what \
                        they are; a rate, users for a time, and stages can be"
                .to_owned());
        }
        let moments = self.course.turn(now + LEAD, action)?;
        let course = Arc::new(self.course.clone());
        self.order.send_modify(|orders| orders.course = course);
        Ok(moments)
    }
}
