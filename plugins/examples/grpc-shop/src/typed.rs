//! Calls that take and give prost's types.

use prony_plugin::prelude::*;
use prost::Message as Typed;

/// A message's bytes.
pub(crate) fn bytes(message: &impl Typed) -> Vec<u8> {
    message.encode_to_vec()
}

/// What a server has sent.
pub(crate) fn answer<T: Typed + Default>(bytes: &[u8]) -> Result<T> {
    T::decode(bytes).map_err(|error| Error::new(format!("the answer is no message of its type: {error}")))
}

/// Calls a method of the shop. A status other than OK is an error here, for a chain of calls has nothing to go on with.
pub(crate) async fn unary<T: Typed + Default>(method: &str, message: &impl Typed) -> Result<(Reply, T)> {
    let call = grpc::call(format!("prony.demo.v1.Shop/{method}")).name(method);
    let reply = call.bytes(bytes(message)).await?;
    if reply.status() != 0 {
        let told = reply.field("trailer", "grpc-message").unwrap_or_default();
        return Err(Error::new(format!("{method}: status {}: {told}", reply.status())));
    }
    let found = answer(&reply.body())?;
    Ok((reply, found))
}
