//! Connecting, with a pause where it fails: the next iteration would try again at once, and all nodes with it.

use prony_plugin::prelude::*;

/// The pause after a connection that could not be made, and as much again by chance.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn connected(connect: mqtt::Connect) -> Result {
    if let Err(failure) = connect.await {
        sleep(PAUSE.mul_f64(1.0 + random::unit())).await;
        return Err(failure.into());
    }
    Ok(())
}
