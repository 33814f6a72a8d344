//! HTTP/1.1 without I/O: answers read as they come (RFC 9112). [`crate::session`] moves the bytes.

mod chunked;
mod response;

pub(crate) use response::{Malformed, Progress, ResponseReader};
