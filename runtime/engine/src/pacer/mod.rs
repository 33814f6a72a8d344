//! When iterations start. Schedules are pure functions of the plan and the seed; only [`Alarm`] and [`Wheel`] wait.

mod alarm;
mod rate;
mod replay;
mod schedule;
mod steered;
mod users;
mod wheel;

pub(crate) use alarm::{Alarm, thread_polled};
pub use replay::validate;
pub(crate) use schedule::{Schedule, Stripe};
pub(crate) use users::{Ramp, ramps, wanted_between};
pub(crate) use wheel::Wheel;
