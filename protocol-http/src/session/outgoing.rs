//! A request on its way: rendered, or prepared once and for all.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use prony_core::{FailureKind, Message, Scope, TRACEPARENT, Traced, Traceparent};
use prony_transport::Origin;
use url::Url;

use crate::cookies::Jar;
use crate::session::{Failure, url_of};
use crate::step::compile::{path_and_query, to_origin};
use crate::step::{Body, Part, Prepared, RenderError, RequestHead, Step, percent_encode};

/// See the module's head.
pub(crate) struct Outgoing {
    pub(crate) origin: Origin,
    pub(crate) method: Method,
    content: Content,
    /// Of which trace it is.
    traceparent: Option<Traceparent>,
}

enum Content {
    Prepared(Prepared),
    Rendered(Rendered),
}

struct Rendered {
    target: String,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Outgoing {
    pub(crate) fn new(step: &Step, scope: &mut Scope<'_>, jar: &Jar) -> Result<Self, Failure> {
        let unchanged = jar.is_empty() && scope.message.is_none();
        if let (Some(prepared), Some(origin), true) = (&step.prepared, &step.origin, unchanged) {
            let content = Content::Prepared(prepared.clone());
            let (origin, method) = (origin.clone(), step.method.clone());
            let mut outgoing = Self { origin, method, content, traceparent: None };
            scope.trace = outgoing.trace(scope.trace);
            return Ok(outgoing);
        }
        let mut outgoing =
            render(step, scope).map_err(|error| Failure::new(FailureKind::Request, describe(error)))?;
        if let (Content::Rendered(rendered), Some(message)) = (&mut outgoing.content, scope.message) {
            rendered
                .lay_over(message, &step.base)
                .map_err(|text| Failure::new(FailureKind::Request, text))?;
        }
        outgoing.add_cookies(jar);
        scope.trace = outgoing.trace(scope.trace);
        Ok(outgoing)
    }

    /// Puts the request into a trace, unless it says by itself of which it is. Its place there, then.
    pub(crate) fn trace(&mut self, traced: Option<Traced>) -> Option<Traced> {
        let traced = traced?;
        let says = match &self.content {
            Content::Prepared(prepared) => prepared.request.headers().contains_key(TRACEPARENT),
            Content::Rendered(rendered) => {
                rendered.headers.iter().any(|(name, _)| name.as_str() == TRACEPARENT)
            }
        };
        if says {
            return None;
        }
        self.traceparent = Some(traced.parent());
        Some(traced)
    }

    /// A request that is no step's.
    pub(crate) fn foreign(
        origin: Origin,
        method: Method,
        target: String,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        jar: &Jar,
    ) -> Self {
        let content = Content::Rendered(Rendered { target, headers, body });
        let mut outgoing = Self { origin, method, content, traceparent: None };
        outgoing.add_cookies(jar);
        outgoing
    }

    /// HTTP/1.1: all its bytes.
    pub(crate) fn http1(&self) -> Bytes {
        match &self.content {
            Content::Prepared(prepared) => match &self.traceparent {
                None => prepared.whole.clone(),
                Some(parent) => {
                    let (head, rest) = prepared.whole.split_at(prepared.head);
                    let mut bytes = Vec::with_capacity(prepared.whole.len() + TRACE_LINE);
                    bytes.extend_from_slice(head);
                    put_trace_line(parent, &mut bytes);
                    bytes.extend_from_slice(rest);
                    bytes.into()
                }
            },
            Content::Rendered(rendered) => {
                let mut bytes = Vec::with_capacity(256 + TRACE_LINE + rendered.body.len());
                self.head(rendered, |head| head.http1_into(rendered.body.len(), &mut bytes));
                if let Some(parent) = &self.traceparent {
                    put_trace_line(parent, &mut bytes);
                }
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(&rendered.body);
                bytes.into()
            }
        }
    }

    /// HTTP/2: head and body.
    pub(crate) fn http2(&self) -> Result<(http::Request<()>, Bytes), Failure> {
        let (mut request, body) = self.untraced_http2()?;
        if let Some(parent) = &self.traceparent
            && let Ok(mut value) = HeaderValue::from_str(parent.as_str())
        {
            // It is another for each request: HPACK's table must not fill up with them, nor be searched through them.
            value.set_sensitive(true);
            request.headers_mut().insert(TRACEPARENT, value);
        }
        Ok((request, body))
    }

    fn untraced_http2(&self) -> Result<(http::Request<()>, Bytes), Failure> {
        match &self.content {
            Content::Prepared(prepared) => Ok((prepared.request.clone(), prepared.body.clone())),
            Content::Rendered(rendered) => {
                let request = self.head(rendered, |head| head.http2(rendered.body.len()));
                let request = request.ok_or_else(|| {
                    Failure::new(
                        FailureKind::Request,
                        format!("`{}` makes no HTTP/2 request", rendered.target.escape_debug()),
                    )
                })?;
                Ok((request, rendered.body.clone()))
            }
        }
    }

    fn head<T>(&self, rendered: &Rendered, with: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let headers: Vec<(&HeaderName, &str)> =
            rendered.headers.iter().map(|(name, value)| (name, value.as_str())).collect();
        with(&RequestHead {
            method: &self.method,
            origin: &self.origin,
            target: &rendered.target,
            headers: &headers,
        })
    }

    /// Where it goes.
    pub(crate) fn url(&self) -> Option<Url> {
        match &self.content {
            Content::Prepared(prepared) => {
                url_of(&self.origin, prepared.request.uri().path_and_query()?.as_str())
            }
            Content::Rendered(rendered) => url_of(&self.origin, &rendered.target),
        }
    }

    /// Turns it into the request that a redirect of `status` asks for (RFC 9110, section 15.4): 303, and by custom 301
    /// and 302 after POST, become GET without a body. Credentials do not go to another origin.
    pub(crate) fn redirect(&mut self, status: u16, origin: Origin, target: String, jar: &Jar) {
        let mut rendered = match std::mem::replace(&mut self.content, Content::Rendered(Rendered::empty())) {
            Content::Rendered(rendered) => rendered,
            Content::Prepared(prepared) => Rendered::from(prepared),
        };
        if status == 303 && self.method != Method::HEAD
            || matches!(status, 301 | 302) && self.method == Method::POST
        {
            self.method = Method::GET;
            rendered.body = Bytes::new();
            rendered.headers.retain(|(name, _)| *name != http::header::CONTENT_TYPE);
        }
        rendered.headers.retain(|(name, _)| *name != http::header::COOKIE);
        if origin != self.origin {
            rendered
                .headers
                .retain(|(name, _)| *name != http::header::AUTHORIZATION && *name != http::header::HOST);
        }
        rendered.target = target;
        self.origin = origin;
        self.content = Content::Rendered(rendered);
        self.add_cookies(jar);
    }

    fn add_cookies(&mut self, jar: &Jar) {
        let Some(cookies) = (!jar.is_empty()).then(|| self.url()).flatten().and_then(|url| jar.header(&url))
        else {
            return;
        };
        if let Content::Rendered(rendered) = &mut self.content {
            match rendered.headers.iter_mut().find(|(name, _)| *name == http::header::COOKIE) {
                Some((_, value)) => *value = format!("{value}; {cookies}"),
                None => rendered.headers.push((http::header::COOKIE, cookies)),
            }
        }
    }
}

/// How long a head's line about the trace is, in bytes.
const TRACE_LINE: usize = 70;

fn put_trace_line(parent: &Traceparent, out: &mut Vec<u8>) {
    for text in [TRACEPARENT, ": ", parent.as_str(), "\r\n"] {
        out.extend_from_slice(text.as_bytes());
    }
}

impl Rendered {
    /// Lays what a plugin has made over what the step says. The error is a sentence.
    fn lay_over(&mut self, message: &Message, base: &str) -> Result<(), String> {
        if let Some(body) = &message.body {
            self.body = Bytes::copy_from_slice(body);
        }
        for (kind, name, value) in &message.fields {
            match kind.as_str() {
                "header" => set_header(&mut self.headers, name, value)?,
                "query" => {
                    let separator = if self.target.contains('?') { '&' } else { '?' };
                    self.target.push(separator);
                    self.target.push_str(&percent_encode(name));
                    self.target.push('=');
                    self.target.push_str(&percent_encode(value));
                }
                "path" => self.target = target_on(base, value).ok_or_else(|| no_path(value))?,
                other => {
                    return Err(format!(
                        "the plugin gave a field of the kind `{}`; HTTP has header, query and path",
                        other.escape_debug()
                    ));
                }
            }
        }
        Ok(())
    }

    fn empty() -> Self {
        Self { target: String::new(), headers: Vec::new(), body: Bytes::new() }
    }

    fn from(prepared: Prepared) -> Self {
        let headers = prepared.request.headers().iter();
        let headers = headers
            .filter(|(name, _)| **name != http::header::CONTENT_LENGTH)
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Self { target: prepared.request.uri().path().to_owned(), headers, body: prepared.body }
    }
}

fn render(step: &Step, scope: &mut Scope<'_>) -> Result<Outgoing, RenderError> {
    let mut target = String::new();
    step.target.render(scope, &mut target)?;
    let origin = match &step.origin {
        Some(origin) => origin.clone(),
        None => {
            let url = Url::parse(&target).map_err(|_| RenderError::BadUrl)?;
            target = path_and_query(&url);
            to_origin(&url).filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(RenderError::BadUrl)?
        }
    };
    // A raw value could break out of the request line.
    if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(RenderError::BadUrl);
    }
    let mut headers = Vec::with_capacity(step.headers.len() + 1);
    for (name, text) in &step.headers {
        let mut value = String::new();
        text.render(scope, &mut value)?;
        if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            return Err(RenderError::ControlCharacter);
        }
        headers.push((name.clone(), value));
    }
    let body = match &step.body {
        Body::Empty => Bytes::new(),
        Body::Text(text) => {
            let mut body = String::new();
            text.render(scope, &mut body)?;
            body.into()
        }
        Body::Parts(parts) => {
            let mut body = Vec::new();
            for part in parts {
                match part {
                    Part::Bytes(bytes) => body.extend_from_slice(bytes),
                    Part::Text(text) => {
                        let mut piece = String::new();
                        text.render(scope, &mut piece)?;
                        body.extend_from_slice(piece.as_bytes());
                    }
                }
            }
            body.into()
        }
    };
    let content = Content::Rendered(Rendered { target, headers, body });
    Ok(Outgoing { origin, method: step.method.clone(), content, traceparent: None })
}

/// Sets a header that comes from a plugin; the later wins. The error is a sentence.
pub(crate) fn set_header(
    headers: &mut Vec<(HeaderName, String)>,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        format!("the plugin gave a header named `{}`, which is no header name", name.escape_debug())
    })?;
    if matches!(known.as_str(), "content-length" | "transfer-encoding" | "connection") {
        return Err(format!("the plugin set the header `{known}`, which is Prony's to set"));
    }
    if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        return Err(format!("the plugin's header `{known}` would hold a line break or control character"));
    }
    match headers.iter_mut().find(|(other, _)| *other == known) {
        Some(entry) => value.clone_into(&mut entry.1),
        None => headers.push((known, value.to_owned())),
    }
    Ok(())
}

/// Path and query as they go over the wire, on top of a target's own path.
pub(crate) fn target_on(base: &str, path: &str) -> Option<String> {
    // What is plain already needs no second look, and most of it is.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~?&=%+,:@!$*();".contains(&byte);
    if !path.starts_with('/') || path.starts_with("//") {
        return None;
    }
    if path.bytes().all(plain) && !path.contains("/.") {
        return Some(format!("{base}{path}"));
    }
    let url = Url::parse(&format!("http://host{path}")).ok()?;
    Some(format!("{base}{}", path_and_query(&url)))
}

/// What is wrong with a path that a plugin gave.
pub(crate) fn no_path(path: &str) -> String {
    format!("`{}` is no path: expected one that begins with `/`", path.escape_debug())
}

fn describe(error: RenderError) -> &'static str {
    match error {
        RenderError::Missing(_) => "a variable of the request has no value: its capture found nothing",
        RenderError::ControlCharacter => "a header's value would hold a line break or control character",
        RenderError::BadUrl => "what the template makes is no URL",
    }
}
