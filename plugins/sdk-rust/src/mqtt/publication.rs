//! A message that has been handed to the connection.

use crate::{Failure, Reply, host};

/// A message that has been handed to the connection. It is measured whether anybody waits for it or not.
pub struct Publication(host::mqtt::Publication);

impl Publication {
    pub(super) fn new(inner: host::mqtt::Publication) -> Self {
        Self(inner)
    }

    /// Waits until the broker has acknowledged it (QoS 1 and 2), or it is written (QoS 0). The reply's status is the reason
    /// code. It may be asked again.
    ///
    /// # Errors
    /// When it was not: the broker refused it (`status`), the connection ended (`closed`, `reset`), it took too long (`timeout`).
    pub async fn settled(&self) -> Result<Reply, Failure> {
        self.0.settled().await.map(Reply::new)
    }
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a message under way")
    }
}
