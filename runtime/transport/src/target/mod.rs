//! What the embedded targets have in common, whatever they speak: a timer that is true to some tens of microseconds,
//! delays to order, sockets that end as ordered, and a certificate made at start.

mod alarm;
mod certificate;
pub mod clock;
mod delay;
mod socket;

pub use alarm::{Alarm, Until};
pub use certificate::{ServerIdentity, ServerIdentityError};
pub use delay::Delay;
pub use socket::{Fate, Socket};
