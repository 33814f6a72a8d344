//! Subscriptions.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::wishes::Wishes;
use crate::{Failure, Reply, host};

/// Subscribes, once it is awaited. The reply's status is the greatest reason code: the QoS granted. One filter that the broker
/// refuses fails it (`status`).
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let reply = mqtt::subscribe(["sites/+/t", "sites/+/alarm"]).qos(1).name("sites").await?;
///     reply.check("granted", reply.status() == 1);
///     let alarm = mqtt::receive_on("sites/+/alarm").timeout(Duration::from_secs(5)).await?;
///     alarm.check("from site 7", alarm.topic().as_deref() == Some("sites/7/alarm"));
///     Ok(())
/// }
/// # use prony_plugin::testing::Host;
/// # let mut host = Host::new();
/// # host.mqtt().feed_after(Duration::from_secs(2), mqtt::message("sites/7/alarm", "hot"));
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.check("from site 7").passed, 1);
/// # assert_eq!(host.now(), Duration::from_secs(2));
/// ```
#[must_use = "a subscription is asked for when it is awaited"]
#[derive(Debug)]
pub struct Subscribe {
    filters: Vec<String>,
    wishes: Wishes,
}

/// Which retained messages come with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retained {
    /// All that the filter matches, each time.
    Always,
    /// Those of a subscription that was not there before.
    New,
    /// None.
    Never,
}

impl Subscribe {
    pub(super) fn new(filters: Vec<String>) -> Self {
        Self { filters, wishes: Wishes::default() }
    }

    /// The highest quality of service that messages may come with: 0 (unless said), 1 or 2.
    pub fn qos(self, qos: u8) -> Self {
        self.option("qos", qos)
    }

    /// Leaves out one's own messages. MQTT 5.
    pub fn no_local(self) -> Self {
        self.option("no_local", true)
    }

    /// Keeps messages' retain flag as their publisher set it. The audit then counts retained messages as others. MQTT 5.
    pub fn retain_as_published(self) -> Self {
        self.option("retain_as_published", true)
    }

    /// Which retained messages come. MQTT 5.
    pub fn retained(self, retained: Retained) -> Self {
        let word = match retained {
            Retained::Always => "always",
            Retained::New => "new",
            Retained::Never => "never",
        };
        self.option("retained", word)
    }

    /// A number that its messages carry, as the property `subscription-identifier`. MQTT 5.
    pub fn identifier(self, identifier: u32) -> Self {
        self.option("identifier", identifier)
    }

    /// Has its messages timed and audited, and none of them handed to the plugin: for receivers that only count.
    pub fn audit_only(self) -> Self {
        self.option("keep", false)
    }

    /// What results call it; otherwise `subscribe`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// What results call its messages; otherwise `deliver` and the filter. Say it where filters differ from user to user.
    pub fn deliver(self, name: impl Display) -> Self {
        self.option("deliver", name)
    }

    /// The longest it may take, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    async fn go(self) -> Result<Reply, Failure> {
        host::mqtt::subscribe(self.filters, self.wishes.0).await.map(Reply::new)
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.go())
    }
}

/// Ends subscriptions, once it is awaited.
#[must_use = "a subscription is ended when it is awaited"]
#[derive(Debug)]
pub struct Unsubscribe {
    filters: Vec<String>,
    wishes: Wishes,
}

impl Unsubscribe {
    pub(super) fn new(filters: Vec<String>) -> Self {
        Self { filters, wishes: Wishes::default() }
    }

    /// What results call it; otherwise `unsubscribe`.
    pub fn name(self, name: impl Display) -> Self {
        self.option("name", name)
    }

    /// The longest it may take, in place of the plan's; at least 1 µs.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.wishes.timeout(time);
        self
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wishes.add(name, value);
        self
    }

    async fn go(self) -> Result<Reply, Failure> {
        host::mqtt::unsubscribe(self.filters, self.wishes.0).await.map(Reply::new)
    }
}

impl IntoFuture for Unsubscribe {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.go())
    }
}
