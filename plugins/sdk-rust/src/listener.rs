//! Waiting on several streams at a time.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::{Failure, grpc, mqtt, sleep, ws};

/// Hears of messages of several protocols as they come, one after the other.
///
/// Whoever waits for the first of several futures by hand drops the others, and what came for them in that moment is lost with them. A
/// listener keeps on listening on all of its streams: have one for as long as you listen. The streams are shared with whoever else
/// asks for messages of the same user.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// static SEEN: Trend = Trend::new("order_seen", "ms");
///
/// async fn journey(_user: &User) -> Result {
///     ws::connect().await?;
///     mqtt::subscribe("orders/+").qos(1).await?;
///     let ordered = clock::now();
///     http::post("/orders").await?;
///     let mut listener = Listener::new().ws().mqtt();
///     while let Some(event) = listener.next_within(Duration::from_secs(5)).await? {
///         match event {
///             Event::Ws(message) if message.text().contains("packed") => {
///                 SEEN.record((message.at() - ordered).as_secs_f64() * 1e3);
///                 break;
///             }
///             Event::Mqtt(message) => info!("{}", message.topic()),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
/// # use prony_plugin::testing::{Answer, Host};
/// # let mut host = Host::new();
/// # host.on("POST", "/orders", Answer::status(201));
/// # host.mqtt().feed_after(Duration::from_millis(20), mqtt::message("orders/7", "new"));
/// # host.ws().feed_after(Duration::from_millis(30), ws::text("packed"));
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.trend("order_seen"), [30.0]);
/// # assert_eq!(host.logs()[0].message, "orders/7");
/// ```
#[derive(Default)]
#[must_use = "it listens while `next` is awaited"]
pub struct Listener<'a> {
    sources: Vec<Source<'a>>,
    /// Which is looked at first: none is preferred.
    first: usize,
}

/// A message that a [`Listener`] heard of.
#[derive(Clone, Debug)]
pub enum Event {
    /// Of the user's WebSocket.
    Ws(ws::Incoming),
    /// Of the user's subscriptions.
    Mqtt(mqtt::Incoming),
    /// Of a stream, by the name that the listener gave it: its message in bytes, or JSON where it was to be read so.
    Grpc(&'static str, Vec<u8>),
}

type Next<'a> = Pin<Box<dyn Future<Output = Result<Option<Event>, Failure>> + 'a>>;

struct Source<'a> {
    begin: Box<dyn Fn() -> Next<'a> + 'a>,
    /// What is waited for, from one event to the next.
    under_way: Option<Next<'a>>,
}

impl<'a> Listener<'a> {
    /// One that hears nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to the user's WebSocket, as [`ws::next`] does.
    pub fn ws(self) -> Self {
        self.on(|| Box::pin(async { Ok(ws::next().await?.map(Event::Ws)) }))
    }

    /// Listens to the user's subscriptions, as [`mqtt::next`] does.
    pub fn mqtt(self) -> Self {
        self.on(|| Box::pin(async { Ok(mqtt::next().await?.map(Event::Mqtt)) }))
    }

    /// Listens to those on topics that the filter matches, as [`mqtt::next_on`] does.
    pub fn mqtt_on(self, filter: impl Into<String>) -> Self {
        let filter = filter.into();
        self.on(move || {
            let next = mqtt::next_on(filter.clone());
            Box::pin(async { Ok(next.await?.map(Event::Mqtt)) })
        })
    }

    /// Listens to a stream, as [`grpc::Stream::next`] does.
    pub fn grpc(self, name: &'static str, stream: &'a grpc::Stream) -> Self {
        let of = move |bytes| Event::Grpc(name, bytes);
        self.on(move || Box::pin(async move { Ok(stream.next().await?.map(of)) }))
    }

    /// Listens to a stream and has its messages in proto3 JSON.
    pub fn grpc_json(self, name: &'static str, stream: &'a grpc::Stream) -> Self {
        let of = move |text: String| Event::Grpc(name, text.into_bytes());
        self.on(move || Box::pin(async move { Ok(stream.next_text().await?.map(of)) }))
    }

    fn on(mut self, begin: impl Fn() -> Next<'a> + 'a) -> Self {
        self.sources.push(Source { begin: Box::new(begin), under_way: None });
        self
    }

    /// The next message of any of its streams; none when all of them have ended.
    ///
    /// # Errors
    /// When a stream ends by a failure, told once. It goes on with the others.
    pub async fn next(&mut self) -> Result<Option<Event>, Failure> {
        std::future::poll_fn(|context| {
            let number = self.sources.len();
            let mut at = self.first;
            for _ in 0..number {
                if self.sources.is_empty() {
                    break;
                }
                at %= self.sources.len();
                let source = &mut self.sources[at];
                let next = source.under_way.get_or_insert_with(|| (source.begin)());
                match next.as_mut().poll(context) {
                    Poll::Pending => at += 1,
                    Poll::Ready(Ok(Some(event))) => {
                        source.under_way = None;
                        self.first = at + 1;
                        return Poll::Ready(Ok(Some(event)));
                    }
                    Poll::Ready(Ok(None)) => drop(self.sources.remove(at)),
                    Poll::Ready(Err(failure)) => {
                        self.sources.remove(at);
                        return Poll::Ready(Err(failure));
                    }
                }
            }
            if self.sources.is_empty() { Poll::Ready(Ok(None)) } else { Poll::Pending }
        })
        .await
    }

    /// The same, for no longer than that: none when the time is over, too.
    ///
    /// # Errors
    /// As of [`next`](Self::next).
    pub async fn next_within(&mut self, time: Duration) -> Result<Option<Event>, Failure> {
        let mut over = std::pin::pin!(sleep(time));
        let mut next = std::pin::pin!(self.next());
        std::future::poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Pending => over.as_mut().poll(context).map(|()| Ok(None)),
            ready => ready,
        })
        .await
    }
}

impl std::fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a listener to {} streams", self.sources.len())
    }
}
