//! How payloads come to a receiver: by HTTP, by gRPC, as datagrams, as lines of a file, or as a page that is fetched.

mod datagrams;
mod lines;
mod post;

pub(super) use datagrams::Datagrams;
pub(super) use lines::Lines;
pub(super) use post::{Endpoint, Http, Reads, basic};

use std::time::Duration;

use bytes::Bytes;

use super::page::Page;

/// What a receiver is given at once.
pub(super) struct Payload {
    pub(super) body: Bytes,
    /// How many spans are in it; figures are none.
    pub(super) spans: u64,
}

impl Payload {
    /// Figures.
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), spans: 0 }
    }
}

/// A payload that arrived.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// So many of its points the receiver refused.
    pub(super) rejected: u64,
    /// With these words.
    pub(super) why: String,
}

/// A payload that did not arrive.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// Another try may do better.
    pub(super) passes: bool,
    /// And should come so much later.
    pub(super) pause: Option<Duration>,
}

impl Refusal {
    /// It may be different next time.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: true, pause: None }
    }

    /// It will be the same every time.
    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: false, pause: None }
    }
}

/// See the module's head.
pub(super) enum Carrier {
    Http(Box<Http>),
    Datagrams(Datagrams),
    Lines(Lines),
    Page(Page),
}

impl Carrier {
    /// Brings a payload to the receiver.
    pub(super) async fn carry(&mut self, payload: &Payload) -> Result<Taken, Refusal> {
        match self {
            Self::Http(http) => http.carry(&payload.body).await,
            Self::Datagrams(datagrams) => datagrams.carry(&payload.body).await,
            Self::Lines(lines) => lines.carry(&payload.body),
            Self::Page(page) => {
                page.show(payload.body.clone());
                Ok(Taken::default())
            }
        }
    }

    /// Forgets a connection that nothing is known of any more.
    pub(super) fn drop_connection(&mut self) {
        if let Self::Http(http) = self {
            http.drop_connection();
        }
    }

    /// All is handed over. What is worth telling of it.
    pub(super) async fn close(self) -> Option<String> {
        match self {
            Self::Page(page) => page.close().await,
            _ => None,
        }
    }
}
