//! Prometheus: a page that it scrapes, and its remote write.

mod messages;
mod remote_write;
mod text;

pub(super) use remote_write::{remote_write, remote_write_shape};
pub(super) use text::{page, page_shape};

/// The bound of the last bucket.
const INFINITY: &str = "+Inf";

/// A number as Prometheus reads it.
fn number(value: f64) -> String {
    if value.is_infinite() { INFINITY.to_owned() } else { value.to_string() }
}
