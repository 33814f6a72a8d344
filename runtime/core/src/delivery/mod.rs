//! Whether messages came: an audit of every publisher's stream against every subscription, in bounded memory.
//!
//! Knows no protocol, does no I/O and reads no clock: moments are handed in. One [`Ledger`] a run is shared by all
//! threads. A publisher has an [`Outgoing`] for each topic, which numbers its messages; each carries a [`Stamp`].
//! A receiver (one user's session with all its subscriptions) has an [`Incoming`], which is told what happens to the
//! session and what arrives, and at the end gives its [`Balance`].
//!
//! ```text
//! publisher:  let publishing = ledger.publishing();                // while it may still send
//!             let mut out = ledger.outgoing("a/b", Guarantee::AtLeastOnce);
//!             let stamp = out.stamp(intended, now);                 // counts as sent, put it first in the payload
//! receiver:   let mut inbox = Incoming::new(Arc::clone(&ledger));
//!             inbox.subscribed("a/+", Guarantee::AtLeastOnce);      // once the broker has acknowledged it
//!             if let Some(stamp) = Stamp::read(payload) { inbox.receive(&stamp, guarantee, Mark::Plain); }
//!             // ledger.publishers_active() == 0: drain until inbox.outstanding(now) == 0, it ends by itself
//!             let balance = inbox.close(now);
//! ```
//!
//! **What is owed.** A message is owed to a receiver when it was numbered after the subscription had been acknowledged
//! (exact, by an epoch that subscribing raises and sending looks at), while the session was there, and its publisher did
//! not give it up. `expected = delivered − unowed + lost + undelivered` always holds.
//!
//! **What is lost.** An owed message that did not come although a later one of its stream did, or although it was sent
//! more than the ledger's `settle` before the receiver closed. Younger ones are `undelivered` (or, while publishers
//! still publish, not owed).
//!
//! **Approximations** on the side of not accusing: copies by overlapping filters are allowed in aggregate, not one by one;
//! the age of a message is known to a quarter of `settle`; when too many subscribe during a stream, or too much of it is
//! given up, less is owed, and [`Balance::approximated`] says so. What comes later than is remembered is in
//! [`Balance::unaudited`]. On the other side: a range is lost for good when a pair has more than 64 (a group 256), even if
//! its publisher gives it up, or it comes, afterwards; only the latest 64 breaks of a publisher explain losses.
//! Sequences are `u32` and must not wrap: 4 billion messages a stream.

mod absence;
mod balance;
mod closing;
mod group;
mod incoming;
mod index;
mod ledger;
mod member;
mod missing;
mod outgoing;
mod pair;
mod receipt;
mod ring;
mod sequence;
mod share;
mod stamp;
mod stream;
mod subscription;
mod track;
#[cfg(test)]
mod trials;

pub use absence::{Absence, Resumption};
pub use balance::Balance;
pub use incoming::Incoming;
pub use ledger::{Ledger, Publishing, Topics};
pub use outgoing::{Outgoing, Sendings};
pub use receipt::{Mark, Receipt};
pub use sequence::{Place, Sequence};
pub use share::GroupShare;
pub use stamp::{Stamp, StreamId};

/// What is promised about a message. A delivery has the lesser one of its publisher's and its subscription's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// It may be lost, and must not come twice.
    #[default]
    AtMostOnce,
    /// It must come, and may come again.
    AtLeastOnce,
    /// It must come, and must not come twice.
    ExactlyOnce,
}

impl Guarantee {
    /// Whether a message under it must not be lost.
    #[must_use]
    pub fn forbids_loss(self) -> bool {
        self >= Self::AtLeastOnce
    }

    /// Whether a message under it must not come twice.
    #[must_use]
    pub fn forbids_repeats(self) -> bool {
        self != Self::AtLeastOnce
    }
}
