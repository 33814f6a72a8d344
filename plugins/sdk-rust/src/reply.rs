//! What came back.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Error, Result, host, json};

/// An answer. The status is at hand; headers and body cross to the plugin each time they are asked for.
#[derive(Debug)]
pub struct Reply(host::Reply);

impl Reply {
    pub(crate) fn new(inner: host::Reply) -> Self {
        Self(inner)
    }

    /// The protocol's own status: HTTP's status, gRPC's code, MQTT's reason code, the code of WebSocket's CLOSE.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.field("header", name)
    }

    /// All headers in the order they came, names in lower case.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        self.fields("header")
    }

    /// The value of a cookie that the answer sets.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.field("cookie", name)
    }

    /// The first value of a named part of the answer. The kinds are those that checks in a plan know: for HTTP `header`,
    /// `cookie` and `trailer`, for MQTT `topic` (with an empty name) and `property`,
    /// for gRPC `metadata` and `trailer`, for WebSocket `header` of a handshake, `message` (`type`) and `close` (`reason`).
    #[must_use]
    pub fn field(&self, kind: &str, name: &str) -> Option<String> {
        self.0.field(kind, name)
    }

    /// All named parts of a kind, in the order they came, names in lower case.
    #[must_use]
    pub fn fields(&self, kind: &str) -> Vec<(String, String)> {
        self.0.fields(kind)
    }

    /// The topic of a message that [`mqtt::receive`](crate::mqtt::receive) got.
    #[must_use]
    pub fn topic(&self) -> Option<String> {
        self.field("topic", "")
    }

    /// A property of a message that [`mqtt::receive`](crate::mqtt::receive) got, its name in any case. MQTT 5.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<String> {
        self.field("property", name)
    }

    /// The decoded body, as far as it was kept.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.0.body()
    }

    /// The body as text; what is no UTF-8 becomes `�`.
    #[must_use]
    pub fn text(&self) -> String {
        match String::from_utf8(self.body()) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }

    /// The body as JSON: a type of the plugin's own, or `serde_json::Value`.
    ///
    /// # Errors
    /// When it is no JSON, or not of that type; the text says where.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body();
        match serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(&body)) {
            Ok(value) => Ok(value),
            Err(error) => {
                let what = format!("the answer (status {})", self.status());
                Err(Error::new(json::told(&error, &what)))
            }
        }
    }

    /// The size of the body as it was received, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// The service time: from the actual send to the end of the answer.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.0.time())
    }

    /// When the end of the answer was there, since the run's beginning, as [`clock::now`](crate::clock::now) counts; of a message
    /// that was received, when it came. It was sent [`time`](Self::time) before that.
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.0.at())
    }

    /// Counts a check of this answer. One that does not hold makes its request a failed one, as in a plan's `check`. Gives
    /// back `passed`.
    pub fn check(&self, name: &str, passed: bool) -> bool {
        self.0.check(name, passed)
    }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use crate::http;
    use crate::testing::{Answer, Host};
    use serde_json::json;

    fn reply(answer: Answer) -> Reply {
        let mut host = Host::new();
        host.on("GET", "/", answer);
        host.wait_for(http::get("/").send()).unwrap()
    }

    #[derive(Debug, serde::Deserialize)]
    struct Items {
        items: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Item {
        price: f64,
    }

    #[test]
    fn json_becomes_a_type_of_the_plugins_own() {
        let reply = reply(Answer::json(json!({"items": [{"price": 1.5, "id": 3}]})));
        assert_eq!(reply.json::<Items>().unwrap().items[0].price, 1.5);
        assert_eq!(reply.header("Content-Type").as_deref(), Some("application/json"));
        assert_eq!(reply.size(), 32);
    }

    #[test]
    fn errors_say_what_is_wrong_with_an_answer() {
        let wrong = reply(Answer::json(json!({"items": [{"price": "free"}]}))).json::<Items>().unwrap_err();
        assert_eq!(
            wrong.message(),
            "the answer (status 200) is not as expected at items[0].price: invalid type: string \"free\", expected f64"
        );
        let html = reply(Answer::text("<html>").with_status(502)).json::<Items>().unwrap_err();
        assert_eq!(html.message(), "the answer (status 502) is no JSON");
        assert!(html.to_string().contains("reply.rs:"), "{html}");
    }

    #[test]
    fn cookies_and_times_are_at_hand() {
        let reply = reply(Answer::status(200).cookie("session", "abc").after(Duration::from_millis(3)));
        assert_eq!(reply.cookie("session").as_deref(), Some("abc"));
        assert_eq!(reply.time(), Duration::from_millis(3));
    }
}
