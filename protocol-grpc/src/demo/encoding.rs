//! Which compression a reply has: that of its request, or the one asked for by metadata.
//!
//! Most clients say that they take gzip without a wish for it. If that were enough, most loads would measure gzip.

use http::{HeaderMap, HeaderName};

/// The metadata that asks for a compression: `gzip`, `zstd` or `identity`.
const ASKED: &str = "prony-encoding";

const OFFERED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const SENT: HeaderName = HeaderName::from_static("grpc-encoding");

/// Leaves in `grpc-accept-encoding` the one compression that the reply is to have, or takes it out. tonic does the rest,
/// and passes over what it does not know.
pub(super) fn choose(headers: &mut HeaderMap) {
    match headers.remove(ASKED).or_else(|| headers.get(SENT).cloned()) {
        Some(encoding) => headers.insert(OFFERED, encoding),
        None => headers.remove(OFFERED),
    };
}
