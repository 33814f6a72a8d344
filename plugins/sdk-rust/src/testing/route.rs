//! Which answer a request gets.

use std::rc::Rc;

use super::{Answer, Request};

/// What answers requests: an [`Answer`], or a closure that makes one of the request.
pub trait Respond: 'static {
    /// The answer to a request.
    fn respond(&self, request: &Request) -> Answer;
}

impl Respond for Answer {
    fn respond(&self, _request: &Request) -> Answer {
        self.clone()
    }
}

impl<F: Fn(&Request) -> Answer + 'static> Respond for F {
    fn respond(&self, request: &Request) -> Answer {
        self(request)
    }
}

#[derive(Clone)]
pub(super) struct Route {
    method: String,
    path: String,
    respond: Rc<dyn Respond>,
}

impl Route {
    pub(super) fn new(method: &str, path: &str, respond: impl Respond) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), respond: Rc::new(respond) }
    }

    pub(super) fn matches(&self, request: &Request) -> bool {
        let path = if self.path.contains('?') { &request.url } else { request.path() };
        let method = self.method == "*" || self.method.eq_ignore_ascii_case(&request.method);
        method && fits(&self.path, path)
    }

    pub(super) fn respond(&self, request: &Request) -> Answer {
        self.respond.respond(request)
    }

    pub(super) fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What the server of a stream says to a message.
pub(super) type Answers = Rc<dyn Fn(&[u8]) -> Vec<Vec<u8>>>;

#[derive(Clone)]
pub(super) struct StreamRoute {
    pub(super) method: String,
    pub(super) answers: Answers,
}

/// Whether a path fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(left) = path.strip_prefix(head) else { return false };
    left.char_indices().map(|(at, _)| at).chain([left.len()]).any(|at| fits(rest, &left[at..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, path) in
            [("/items/*", "/items/7"), ("*", "/x"), ("/a/*/c", "/a/b/c"), ("/a*", "/a"), ("/ä*", "/äß")]
        {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("/items/*", "/items"), ("/a/*/c", "/a/b/d"), ("/a", "/a/b")] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
