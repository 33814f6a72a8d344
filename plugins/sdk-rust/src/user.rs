//! Whose journey, or whose step, it is.

use crate::host;

/// The user that a journey or a step is of. Only Prony makes them.
#[derive(Debug)]
pub struct User(());

impl User {
    #[doc(hidden)]
    #[must_use]
    pub const fn current() -> Self {
        Self(())
    }

    /// The user's number in its scenario, from 0, unique over all workers.
    #[must_use]
    pub fn id(&self) -> u32 {
        host::user_id()
    }

    /// The number of the user's iteration, from 0.
    #[must_use]
    pub fn iteration(&self) -> u64 {
        host::user_iteration()
    }

    /// The scenario's name.
    #[must_use]
    pub fn scenario(&self) -> String {
        host::user_scenario()
    }

    /// The most users the scenario can have.
    #[must_use]
    pub fn users(&self) -> u32 {
        host::user_users()
    }

    /// Whether the load still wants this user. An iteration that goes on until told otherwise asks it now and then; one that is under
    /// way when it turns false has the plan's `graceful_stop` to come to its end.
    ///
    /// ```
    /// use prony_plugin::prelude::*;
    ///
    /// async fn journey(user: &User) -> Result {
    ///     while user.wanted() {
    ///         mqtt::message("beat", "").publish().await?;
    ///         sleep(Duration::from_secs(10)).await;
    ///     }
    ///     Ok(())
    /// }
    /// # use prony_plugin::testing::Host;
    /// # let mut host = Host::new();
    /// # host.wanted_for(Duration::from_secs(30)).run_journey(journey).unwrap();
    /// # assert_eq!(host.mqtt().published().len(), 3);
    /// ```
    #[must_use]
    pub fn wanted(&self) -> bool {
        host::user_wanted()
    }
}
