//! Building and sending one request.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use super::Statuses;
use super::encode::{self, Space};
use crate::{Failure, Reply, host};

/// A request. `.await` sends it and waits for the answer:
///
/// ```
/// use prony_plugin::prelude::*;
///
/// async fn journey(_user: &User) -> Result {
///     let reply = http::post("/orders")
///         .bearer("s3cret")
///         .json(&json!({"item": 7}))
///         .name("order")
///         .timeout(Duration::from_secs(2))
///         .await?;
///     reply.check("accepted", reply.status() == 201);
///     Ok(())
/// }
/// # use prony_plugin::testing::{Answer, Host};
/// # let mut host = Host::new();
/// # host.on("POST", "/orders", Answer::status(201));
/// # host.run_journey(journey).unwrap();
/// # assert_eq!(host.requests()[0].text(), r#"{"item":7}"#);
/// ```
///
/// An answer with a status that is not expected is counted as a failure, and given all the same.
#[must_use = "a request is sent when it is awaited"]
#[derive(Debug)]
pub struct Request {
    inner: host::Request,
    content_type: Option<&'static str>,
    problem: Option<String>,
}

impl Request {
    pub(super) fn new(method: String, url: String) -> Self {
        let inner =
            host::Request { method, url, headers: Vec::new(), body: None, name: None, options: Vec::new() };
        Self { inner, content_type: None, problem: None }
    }

    /// Adds a header. It wins over one of the plan's settings.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inner.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds a parameter to the URL's query, percent-encoded.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        let first = !self.inner.url.contains('?');
        if first {
            self.inner.url.push('?');
        }
        encode::pair(&mut self.inner.url, first, name, &value.to_string(), Space::Percent);
        self
    }

    /// A body of JSON, without needless spaces. The content type is `application/json` unless a header says otherwise, and
    /// it stands before the other headers.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.content("application/json", body),
            Err(error) => {
                self.problem = Some(format!("the request's body cannot be written as JSON: {error}"));
                self
            }
        }
    }

    /// A body of a form's fields, `application/x-www-form-urlencoded`.
    pub fn form<N: AsRef<str>, V: Display>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            let first = body.is_empty();
            encode::pair(&mut body, first, name.as_ref(), &value.to_string(), Space::Plus);
        }
        self.content("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// A body of text, `text/plain; charset=utf-8`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.content("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// A body of bytes, without a content type of its own.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner.body = Some(body.into());
        self.content_type = None;
        self
    }

    /// What results call this request; otherwise the method and the path without its query.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.inner.name = Some(name.into());
        self
    }

    /// The longest it may take, in place of the plan's; at least 1 µs.
    pub fn timeout(self, time: Duration) -> Self {
        let microseconds = time.as_micros().max(1);
        self.option("timeout", format!("{microseconds}us"))
    }

    /// How many redirects to follow, 0 to 20, in place of the plan's.
    pub fn redirects(self, count: u8) -> Self {
        self.option("redirects", count)
    }

    /// How many bytes of the answer's body to keep (1,000,000 by default). A longer body fails the request.
    pub fn keep_body(self, bytes: u64) -> Self {
        self.option("keep_body", bytes)
    }

    /// The longest body that is no failure, kept or not, in bytes. There is no limit by default.
    pub fn max_body(self, bytes: u64) -> Self {
        self.option("max_body", bytes)
    }

    /// The statuses that are no failure, in place of those below 400: `404`, `200..=299`, `[200, 404]`.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and ranges read better without `&`")]
    pub fn expect(self, statuses: impl Statuses) -> Self {
        self.option("expect", statuses.words())
    }

    /// A further wish in the words of a plan, for what Prony knows and this crate does not.
    pub fn option(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.inner.options.push((name.into(), value.to_string()));
        self
    }

    /// Sends it and waits for the answer, as `.await` does: for the lists that
    /// [`join_all`](crate::join_all) takes.
    ///
    /// # Errors
    /// When there is no answer. A body that cannot be written as JSON is of the kind `request`, and is not sent.
    pub async fn send(mut self) -> Result<Reply, Failure> {
        if let Some(problem) = self.problem {
            return Err(Failure::new("request", problem));
        }
        if let Some(content_type) = self.content_type
            && !self.inner.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            self.inner.headers.insert(0, ("content-type".to_owned(), content_type.to_owned()));
        }
        host::send(self.inner).await.map(Reply::new)
    }

    fn content(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.inner.body = Some(body);
        self.content_type = Some(content_type);
        self
    }
}

impl IntoFuture for Request {
    type Output = Result<Reply, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::super::{get, post};
    use super::*;
    use crate::testing::{Answer, Host};

    fn sent(request: Request) -> crate::testing::Request {
        let mut host = Host::new();
        host.on("*", "*", Answer::status(200));
        host.wait_for(request.into_future()).unwrap();
        host.requests().remove(0)
    }

    #[test]
    fn the_content_type_stands_before_other_headers() {
        let request = sent(post("/").bearer("t").json(&serde_json::json!({"a": [1, 2.5]})));
        assert_eq!(
            request.headers,
            [
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), "Bearer t".to_owned())
            ]
        );
        assert_eq!(request.text(), r#"{"a":[1,2.5]}"#);
    }

    #[test]
    fn a_content_type_among_the_headers_wins() {
        let request = sent(post("/").header("Content-Type", "application/x").text("x"));
        assert_eq!(request.headers, [("Content-Type".to_owned(), "application/x".to_owned())]);
    }

    #[test]
    fn queries_and_forms_are_encoded() {
        let request =
            sent(post("/a?x=1").query("näme", "a b&c").query("n", 7).form([("q", "a b"), ("r", "~/")]));
        assert_eq!(request.url, "/a?x=1&n%C3%A4me=a%20b%26c&n=7");
        assert_eq!(request.text(), "q=a+b&r=~%2F");
        assert_eq!(sent(get("/").query("a", 1)).url, "/?a=1");
    }

    #[test]
    fn wishes_are_in_the_words_of_a_plan() {
        let request = sent(
            get("/")
                .timeout(Duration::from_millis(1500))
                .redirects(3)
                .keep_body(64_000)
                .expect([200..=299, 404..=404]),
        );
        let options: Vec<_> = request.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            options,
            ["timeout=1500000us", "redirects=3", "keep_body=64000", "expect=200..299,404..404"]
        );
    }

    #[test]
    fn a_body_that_is_no_json_fails_unsent() {
        let mut host = Host::new();
        let odd = std::collections::BTreeMap::from([(vec![1], 2)]);
        let failure = host.wait_for(post("/").json(&odd).send()).unwrap_err();
        assert_eq!(failure.kind(), "request");
        assert!(host.requests().is_empty());
    }
}
