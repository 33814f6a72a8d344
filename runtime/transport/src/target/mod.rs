//! What the embedded targets have in common, whatever they speak: a timer that is true to some tens of microseconds,
//! delays to order, threads, sockets that end as ordered, what stands ordered for all, and a certificate made at start.

mod alarm;
mod certificate;
pub mod clock;
mod control;
mod delay;
mod listen;
mod orders;
mod socket;
mod team;
pub mod token;
pub mod words;

pub use alarm::{Alarm, Until};
pub use certificate::{ServerIdentity, ServerIdentityError};
pub use control::Fields;
pub use delay::Delay;
pub use listen::{advice, listen};
pub use orders::{Orders, Pattern, Standing, View};
pub use socket::{Fate, Socket};
pub use team::{Entrance, Serve, Team};
