//! Journeys: the plugin that does what a user does, and how it becomes a component.

use serde::de::DeserializeOwned;

use crate::{Problem, Result, User};

/// A plugin that does what a user does.
///
/// One instance serves many users at a time, as concurrent tasks on one thread: `&self` is shared by all of them, and a
/// panic ends all of them. What one user keeps from iteration to iteration goes into [`vars`](crate::vars). Users cannot
/// wait for each other: a channel or an asynchronous lock between them panics.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// #[derive(Deserialize, Default)]
/// #[serde(default, deny_unknown_fields)]
/// struct Config {
///     think_ms: u64,
/// }
///
/// struct Visit {
///     config: Config,
/// }
///
/// impl Scenario for Visit {
///     type Config = Config;
///
///     fn configure(config: Config) -> Result<Self, Problem> {
///         Ok(Self { config })
///     }
///
///     async fn journey(&self, _user: &User) -> Result {
///         let reply = http::get("/").await?;
///         reply.check("status is 200", reply.status() == 200);
///         sleep(Duration::from_millis(self.config.think_ms)).await;
///         Ok(())
///     }
/// }
///
/// prony_plugin::scenario!(Visit);
/// # fn main() {}
/// ```
pub trait Scenario: Sized + 'static {
    /// What the plan's `config:` holds. A plan without one is read as an empty map.
    type Config: DeserializeOwned;

    /// Makes the plugin. Called once for each instance, before any user.
    ///
    /// # Errors
    /// When the configuration is wrong in a way its type does not tell.
    fn configure(config: Self::Config) -> Result<Self, Problem>;

    /// One iteration of one user. Written as `async fn journey(&self, user: &User) -> Result`.
    fn journey(&self, user: &User) -> impl Future<Output = Result>;
}

/// Makes a component of a [`Scenario`], or of a plain function:
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(user: &User) -> Result {
///     http::get("/").query("user", user.id()).name("home").await?;
///     Ok(())
/// }
///
/// prony_plugin::scenario!(fn journey);
/// # fn main() {}
/// ```
///
/// A crate has one of them. On targets that are no components it makes nothing, so that tests run anywhere.
#[macro_export]
macro_rules! scenario {
    (fn $journey:path) => {
        const _: () = {
            struct Journey;

            impl $crate::Scenario for Journey {
                type Config = $crate::NoConfig;

                fn configure(_config: Self::Config) -> ::std::result::Result<Self, $crate::Problem> {
                    ::std::result::Result::Ok(Self)
                }

                async fn journey(&self, user: &$crate::User) -> $crate::Result {
                    $journey(user).await
                }
            }

            $crate::scenario!(Journey);
        };
    };
    ($scenario:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static SCENARIO: ::std::cell::Cell<::std::option::Option<&'static $scenario>> =
                    const { ::std::cell::Cell::new(::std::option::Option::None) };
            }

            impl $crate::component::JourneyGuest for Component {
                fn configure(config: ::std::string::String) -> $crate::component::Configured {
                    SCENARIO.set(::std::option::Option::Some($crate::component::configure(&config)?));
                    ::std::result::Result::Ok(())
                }

                async fn iterate() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::component::iterate(SCENARIO.get()).await
                }
            }

    $crate::component::export_scenario!(Component with_types_in $crate::component::scenario);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::is_scenario::<$scenario>();
    };
}

/// Lets the compiler look at a scenario on targets that are no components.
#[doc(hidden)]
pub const fn is_scenario<S: Scenario>() {}
