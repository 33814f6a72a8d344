//! HTTP requests, measured by Prony: `let reply = http::get("/items").await?`.
//!
//! A path is on the scenario's target; a whole URL may name another host that the plan allows. Give requests a name whose
//! paths differ (`/items/1`, `/items/2`, …), or results get a line for each.

mod encode;
mod request;
mod statuses;

pub use request::Request;
pub use statuses::Statuses;

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request::new(method.into(), url.into())
}

/// A `GET` request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A `POST` request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A `PUT` request.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A `PATCH` request.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A `DELETE` request.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A `HEAD` request.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}
