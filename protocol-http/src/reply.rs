//! What is kept of an answer: nothing but what somebody asked for.

use std::borrow::Cow;

use prony_core::Reply;

use crate::fields::FieldList;

/// What to keep of the next answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Headers and trailers.
    pub(crate) fields: Fields,
    /// The body, up to so many bytes; `None` counts it and throws it away.
    pub(crate) body: Option<usize>,
}

/// Which headers to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Those HTTP itself needs: cookies, the place of a redirect, the coding of a kept body.
    #[default]
    Needed,
    /// All.
    All,
}

/// The answer, as far as it is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) keep: Keep,
    pub(crate) headers: FieldList,
    pub(crate) trailers: FieldList,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body, kept or not, before decoding.
    pub(crate) body_bytes: u64,
    /// The body was longer than is kept.
    pub(crate) overflowed: bool,
}

impl Kept {
    pub(crate) fn begin(&mut self, keep: Keep) {
        self.keep = keep;
        self.headers.clear();
        self.trailers.clear();
        self.body.clear();
        // One large body must not stay for ever.
        self.body.shrink_to(16 * 1024);
        self.body_bytes = 0;
        self.overflowed = false;
    }

    /// A header of the answer; `name` in any case.
    pub(crate) fn header(&mut self, name: &str, value: &[u8]) {
        let needed = match name.len() {
            8 => name.eq_ignore_ascii_case("location"),
            10 => name.eq_ignore_ascii_case("set-cookie"),
            16 => name.eq_ignore_ascii_case("content-encoding") && self.keep.body.is_some(),
            _ => false,
        };
        if needed || self.keep.fields == Fields::All {
            self.headers.push(name, value);
        }
    }

    /// A trailer of the answer.
    pub(crate) fn trailer(&mut self, name: &str, value: &[u8]) {
        if self.keep.fields == Fields::All {
            self.trailers.push(name, value);
        }
    }

    /// A piece of the body.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        self.body_bytes += bytes.len() as u64;
        let Some(limit) = self.keep.body else { return };
        let room = limit.saturating_sub(self.body.len());
        self.overflowed |= bytes.len() > room;
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The first header of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.headers.find(name)
    }

    /// Cookies that the answer sets: name and value.
    fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let set = self.headers.iter().filter(|(known, _)| *known == "set-cookie");
        set.filter_map(|(_, value)| {
            let (name, rest) = value.split_once('=')?;
            Some((name.trim(), rest.split(';').next().unwrap_or_default().trim()))
        })
    }
}

impl Reply for Kept {
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
        let found = match kind {
            "header" => self.headers.find(name),
            "trailer" => self.trailers.find(name),
            "cookie" => self.cookies().find(|(known, _)| *known == name).map(|(_, value)| value),
            _ => None,
        };
        found.map(Cow::Borrowed)
    }

    fn fields(&self, kind: &str) -> Vec<(String, String)> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        match kind {
            "header" => self.headers.iter().map(owned).collect(),
            "trailer" => self.trailers.iter().map(owned).collect(),
            "cookie" => self.cookies().map(owned).collect(),
            _ => Vec::new(),
        }
    }

    fn body(&self) -> &[u8] {
        &self.body
    }
}
