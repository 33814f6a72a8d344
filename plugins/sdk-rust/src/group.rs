//! Timing a named part of a journey, as a plan's `group` does.

use crate::{Result, host};

/// Does `work` and times it as a passage through the group `name`. One that ends with an error has failed.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let status = group("checkout", async {
///         http::get("/cart").await?;
///         let paid = http::post("/pay").await?;
///         Ok(paid.status())
///     })
///     .await?;
///     check("paid", status == 201);
///     Ok(())
/// }
/// # let mut host = prony_plugin::testing::Host::new();
/// # host.on("GET", "/cart", Answer::status(200)).on("POST", "/pay", Answer::status(201));
/// # use prony_plugin::testing::Answer;
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.groups()[0].name, "checkout");
/// ```
pub async fn group<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let passage = host::Group::new(name);
    let result = work.await;
    passage.finish(result.is_err());
    result
}
