//! A request's head: read off the connection, and what it says. What came behind it is kept.

use std::borrow::Cow;

use bytes::{Buf, BytesMut};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head that is read.
const LONGEST: usize = 64 * 1024;

/// Headers a request may have.
const HEADERS: usize = 100;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    /// As sent: path and query.
    pub(super) target: String,
    /// Names in small letters, values as sent.
    pub(super) headers: Vec<(String, String)>,
}

/// What is wrong with a head.
#[derive(Debug)]
pub(super) enum Bad {
    /// The client left, or the connection broke.
    Gone,
    /// It is no head of HTTP/1.1, in words.
    Wrong(String),
}

impl Head {
    /// Reads one; `behind` has what came after it.
    pub(super) async fn read<S: AsyncRead + Unpin>(
        stream: &mut S,
        behind: &mut BytesMut,
    ) -> Result<Self, Bad> {
        loop {
            if stream.read_buf(behind).await.map_err(|_| Bad::Gone)? == 0 {
                return Err(Bad::Gone);
            }
            if let Some((head, length)) = Self::parse(behind)? {
                behind.advance(length);
                return Ok(head);
            }
            if behind.len() > LONGEST {
                return Err(Bad::Wrong(format!("expected a head of at most {LONGEST} bytes")));
            }
        }
    }

    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Bad> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let status = request
            .parse(bytes)
            .map_err(|error| Bad::Wrong(format!("expected a request of HTTP/1.1, found: {error}")))?;
        let httparse::Status::Complete(length) = status else { return Ok(None) };
        let headers = request
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).trim().to_owned();
                (header.name.to_ascii_lowercase(), value)
            })
            .collect();
        let head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            headers,
        };
        Ok(Some((head, length)))
    }

    /// Without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The value of a header, by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether one of a header's values, which commas part, is this word.
    pub(super) fn says(&self, name: &str, word: &str) -> bool {
        self.listed(name).any(|found| found.eq_ignore_ascii_case(word))
    }

    /// All values of a header that commas part.
    pub(super) fn listed<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.headers.iter().filter(move |(known, _)| known == name);
        lines.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The value of a word of the query, decoded; an empty one when it has none.
    pub(super) fn word(&self, key: &str) -> Option<Cow<'_, str>> {
        words(self.query()).find(|(name, _)| *name == key).map(|(_, value)| value.unwrap_or_default())
    }
}

/// The words of a query, decoded.
pub(super) fn words(query: &str) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
    query.split('&').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
        (key, value.map(|value| percent_decode_str(value).decode_utf8_lossy()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart_and_what_follows_it_stays() {
        let text = b"GET /room/a%20b?user=ada&presence HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\r\nrest";
        let (head, length) = Head::parse(text).expect("a head").expect("whole");
        assert_eq!(&text[length..], b"rest");
        assert_eq!((head.path(), head.query()), ("/room/a%20b", "user=ada&presence"));
        assert!(head.says("connection", "upgrade") && !head.says("connection", "close"));
        assert_eq!((head.word("user").as_deref(), head.word("presence").as_deref()), (Some("ada"), Some("")));
        assert_eq!((head.word("token"), head.header("host")), (None, Some("x")));
        assert!(Head::parse(&text[..40]).expect("no error").is_none());
        assert!(matches!(Head::parse(b"\x16\x03\x01\x02"), Err(Bad::Wrong(_))));
    }
}
