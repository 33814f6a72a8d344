//! From a plan's step to a request that is as ready as can be.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::{HeaderName, Method};
use prony_core::diagnostic::did_you_mean;
use prony_core::document::Node;
use prony_core::{Diagnostic, Place, ReplyNeeds, Template, Variables};
use prony_transport::{Origin, path_texts};
use url::Url;

use crate::config::Settings;
use crate::reply::{Fields, Keep};
use crate::step::METHODS;
use crate::step::body::{self, Body};
use crate::step::text::{Encoding, Text};

/// The default of `keep_body`.
pub(crate) const KEEP_BODY: u64 = 1_000_000;

/// A compiled step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) method: Method,
    /// Whom it goes to; `None` when its URL is a template that says so.
    pub(crate) origin: Option<Origin>,
    /// Path and query, or a whole URL when there is no origin.
    pub(crate) target: Text,
    /// The path of the plan's target, which a path that a plugin gives is put behind.
    pub(crate) base: Box<str>,
    /// Lower-case names.
    pub(crate) headers: Vec<(HeaderName, Text)>,
    pub(crate) body: Body,
    pub(crate) terms: Terms,
    /// All of it, when nothing in it ever changes.
    pub(crate) prepared: Option<Prepared>,
}

/// How a request is carried out, whatever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) timeout: Duration,
    pub(crate) redirects: u32,
    pub(crate) keep: Keep,
    pub(crate) keep_limit: usize,
    pub(crate) max_body: u64,
    /// Somebody else looks at the status: 4xx and 5xx are no failures by themselves.
    pub(crate) judges_status: bool,
}

/// A request that is always the same.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// HTTP/1.1: head, empty line and body.
    pub(crate) whole: Bytes,
    /// Where in it the head's last line ends.
    pub(crate) head: usize,
    /// HTTP/2: the same without the body.
    pub(crate) request: http::Request<()>,
    pub(crate) body: Bytes,
}

/// What steps are compiled in.
pub(crate) struct Context<'a> {
    pub(crate) target: Option<(&'a Url, &'a Node)>,
    pub(crate) settings: &'a Settings,
    pub(crate) settings_node: Option<&'a Node>,
    pub(crate) folder: &'a Path,
}

/// Compiles `node`; also its name, should the plan give none.
pub(crate) fn compile(
    node: &Node,
    needs: ReplyNeeds,
    variables: &Variables,
    context: &Context<'_>,
) -> Result<(Step, String), Diagnostic> {
    let (method, target) = method_and_target(node)?;
    let get = |key: &str| node.get(key);
    let (body, media_type) = body::compile(node, variables, context.folder)?;
    let (origin, mut text) = locate(&target, variables, context)?;
    add_query(get("query"), &target, variables, &mut text)?;
    let headers = headers(node, media_type, variables, context)?;
    let keep_limit = get("keep_body").map_or(Ok(KEEP_BODY), Node::size)? as usize;
    let redirects = get("redirects")
        .map_or(Ok(u64::from(context.settings.redirects)), |node| node.integer(0..=20))?
        as u32;
    let mut step = Step {
        origin,
        base: context.target.map_or("", |(url, _)| url.path().trim_end_matches('/')).into(),
        target: text,
        headers,
        body,
        terms: Terms {
            timeout: get("timeout").map_or(Ok(context.settings.timeout), Node::duration_above_zero)?,
            redirects,
            keep: Keep {
                fields: if needs.fields { Fields::All } else { Fields::Needed },
                body: needs.body.then_some(keep_limit),
            },
            keep_limit,
            max_body: get("max_body").map_or(Ok(u64::MAX), Node::size)?,
            judges_status: needs.judges_status,
        },
        prepared: None,
        method,
    };
    step.prepared = prepare(&step);
    let path = target.text.split(['?', '#']).next().unwrap_or_default();
    let name = format!("{} {path}", step.method);
    Ok((step, name))
}

struct Target {
    text: String,
    node: Node,
}

fn method_and_target(node: &Node) -> Result<(Method, Target), Diagnostic> {
    if !node.is_map() {
        let text = node.text()?.trim();
        let (method, path) = text.split_once(char::is_whitespace).unwrap_or(("GET", text));
        let target = Target { text: path.trim().to_owned(), node: node.clone() };
        let parsed = parse_method(method, node)?;
        return match likely_method(&parsed) {
            Some(meant) => Err(Diagnostic::at(
                &node.place,
                format!("`{method}` is no usual HTTP method"),
                "expected a method and a path",
            )
            .help(format!(
                "did you mean `{meant}`? A method of your own is written `{{method: {method}, url: {}}}`",
                target.text
            ))),
            None => Ok((parsed, target)),
        };
    }
    let given: Vec<&str> =
        METHODS.into_iter().chain(["method"]).filter(|key| node.get(key).is_some()).collect();
    let [key] = given.as_slice() else {
        return Err(Diagnostic::at(&node.place, format!("found {} methods", given.len()), "expected one")
            .help("write `http: GET /path`, `http: {get: /path}` or `http: {method: PURGE, url: /path}`"));
    };
    let value = node.get(key).unwrap_or(node);
    if *key == "method" {
        let Some(url) = node.get("url") else {
            return Err(Diagnostic::at(&value.place, "`method` without `url`", "expected `url` beside it"));
        };
        return Ok((
            parse_method(value.text()?, value)?,
            Target { text: url.text()?.to_owned(), node: url.clone() },
        ));
    }
    Ok((parse_method(key, value)?, Target { text: value.text()?.to_owned(), node: value.clone() }))
}

fn parse_method(text: &str, node: &Node) -> Result<Method, Diagnostic> {
    let problem = || {
        Diagnostic::at(&node.place, format!("`{text}` is no HTTP method"), "expected a method and a path")
            .help("write `GET /path`, or a path alone for GET")
    };
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        Ok(Method::CONNECT) | Err(_) => Err(problem()),
        Ok(method) => Ok(method),
    }
}

/// The usual method that was probably meant by one that is none of them.
fn likely_method(method: &Method) -> Option<&'static str> {
    let usual = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"];
    if usual.contains(&method.as_str()) { None } else { did_you_mean(method.as_str(), usual) }
}

/// A `#` begins a fragment, which stays with the client. In a template, and before a brace, something else is meant.
fn refuse_fragment(target: &Target, template: &Template) -> Result<(), Diagnostic> {
    if target.text.contains("#{") || template.as_constant().is_none() && target.text.contains('#') {
        let message = format!("found `#` in `{}`", target.text);
        return Err(Diagnostic::at(&target.node.place, message, "a fragment is never sent")
            .help("for a variable write `{{id}}`, for the character itself `%23`"));
    }
    Ok(())
}

/// The origin, and path and query as they go over the wire.
fn locate(
    target: &Target,
    variables: &Variables,
    context: &Context<'_>,
) -> Result<(Option<Origin>, Text), Diagnostic> {
    let template = Template::compile(&target.text, &target.node.place, variables)?;
    refuse_fragment(target, &template)?;
    let absolute = target.text.starts_with("http://") || target.text.starts_with("https://");
    if absolute || target.text.starts_with("{{") {
        return match template.as_constant() {
            Some(constant) => {
                let url = parse_url(constant, &target.node)?;
                Ok((Some(origin_of(&url, &target.node)?), Text::constant(path_and_query(&url))))
            }
            None => Ok((None, Text::one(template, Encoding::Plain))),
        };
    }
    let Some((base, base_node)) = context.target else {
        return Err(Diagnostic::at(
            &target.node.place,
            format!("`{}` has no host", target.text),
            "expected a whole URL",
        )
        .help("add `target: http://host:port` to the plan, or write the whole URL here"));
    };
    if !target.text.starts_with('/') {
        return Err(Diagnostic::at(
            &target.node.place,
            format!("the path `{}`", target.text),
            "expected a path that begins with `/`",
        ));
    }
    let mut text = Text::constant(base.path().trim_end_matches('/'));
    if template.as_constant().is_some() {
        // A constant is brought into the form that goes over the wire once.
        let whole = format!("http://host{}", target.text);
        text.push_constant(&path_and_query(&parse_url(&whole, &target.node)?));
    } else {
        text.push(path_texts(template), Encoding::PathValues);
    }
    Ok((Some(origin_of(base, base_node)?), text))
}

pub(crate) fn parse_url(text: &str, node: &Node) -> Result<Url, Diagnostic> {
    let url = Url::parse(text).map_err(|error| {
        Diagnostic::at(
            &node.place,
            format!("`{text}` is no URL: {error}"),
            "expected http:// or https:// and a host",
        )
        .help("for example `http://127.0.0.1:8080` or `https://shop.test`")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Diagnostic::at(
            &node.place,
            "a user in a URL",
            "expected http:// or https:// and a host",
        )
        .help("name user and password under a step's `basic`"));
    }
    if matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()) {
        Ok(url)
    } else {
        Err(Diagnostic::at(
            &node.place,
            format!("`{text}` is no HTTP URL"),
            "expected http:// or https:// and a host, for the plan has `http` steps",
        )
        .help("where a plan speaks several protocols `target` is a map: `target: {http: \"http://…\", ws: \"ws://…\"}`"))
    }
}

fn origin_of(url: &Url, node: &Node) -> Result<Origin, Diagnostic> {
    to_origin(url).ok_or_else(|| node.unexpected("a URL with a host and a port"))
}

/// The origin of an absolute URL.
pub(crate) fn to_origin(url: &Url) -> Option<Origin> {
    let host = url.host_str()?.trim_matches(['[', ']']).into();
    Some(Origin { tls: url.scheme() == "https", host, port: url.port_or_known_default()? })
}

/// What of a URL goes into a request line.
pub(crate) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn add_query(
    query: Option<&Node>,
    target: &Target,
    variables: &Variables,
    text: &mut Text,
) -> Result<(), Diagnostic> {
    let mut separator = if target.text.contains('?') { "&" } else { "?" };
    for (key, value) in query.into_iter().flat_map(Node::entries) {
        for item in value.items() {
            text.push_constant(separator);
            separator = "&";
            text.push(Template::constant(key.name.as_str()), Encoding::Percent);
            text.push_constant("=");
            text.push(Template::compile(item.text()?, &item.place, variables)?, Encoding::Percent);
        }
    }
    Ok(())
}

/// The headers that settings alone give, for requests that are no plan steps. They must be constant.
pub(crate) fn constant_headers(
    settings_node: Option<&Node>,
    settings: &Settings,
    folder: &Path,
) -> Result<Vec<(HeaderName, String)>, Diagnostic> {
    let context = Context { target: None, settings, settings_node, folder };
    let place = settings_node.map_or_else(|| Place::nowhere("http"), |node| node.place.clone());
    let nothing = Node { value: prony_core::document::Value::Null, place: place.clone() };
    let list = headers(&nothing, None, &Variables::default(), &context)?;
    let constant = |(name, text): (HeaderName, Text)| match text.as_constant() {
        Some(value) => Ok((name, value.to_owned())),
        None => {
            Err(Diagnostic::at(&place, format!("a template in the header `{name}`"), "expected a constant")
                .help("a plugin makes its own requests: let it set the header"))
        }
    };
    list.into_iter().map(constant).collect()
}

fn headers(
    node: &Node,
    media_type: Option<String>,
    variables: &Variables,
    context: &Context<'_>,
) -> Result<Vec<(HeaderName, Text)>, Diagnostic> {
    let mut list: Vec<(HeaderName, Text)> = Vec::new();
    let setting = |key: &str| context.settings_node.and_then(|node| node.get(key));
    let template = |node: &Node| Template::compile(node.text()?, &node.place, variables);
    let plain = |template| Text::one(template, Encoding::Plain);
    let agent = match setting("user_agent") {
        Some(node) => node.text()?.to_owned(),
        None => format!("prony/{}", env!("CARGO_PKG_VERSION")),
    };
    put(&mut list, http::header::USER_AGENT, Text::constant(agent));
    put(&mut list, http::header::ACCEPT, Text::constant("*/*"));
    if let Some(media_type) = media_type {
        put(&mut list, http::header::CONTENT_TYPE, Text::constant(media_type));
    }
    if let Some(codings) = node.get("compression").or_else(|| setting("compression")) {
        let words: Vec<&str> = codings.items().iter().filter_map(|item| item.text().ok()).collect();
        put(&mut list, http::header::ACCEPT_ENCODING, Text::constant(words.join(", ")));
    }
    for node in [setting("headers"), node.get("headers")].into_iter().flatten() {
        for (key, value) in node.entries() {
            let name = HeaderName::from_bytes(key.name.to_ascii_lowercase().as_bytes()).map_err(|_| {
                Diagnostic::at(
                    &key.place,
                    format!("`{}` is no header name", key.name),
                    "expected letters, digits and `-`",
                )
            })?;
            if matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
                return Err(Diagnostic::at(
                    &key.place,
                    format!("`{name}` is Prony's to set"),
                    "not allowed here",
                )
                .help("the body says the length, and `connections` says what is kept open"));
            }
            let template = template(value)?;
            if template.source().chars().any(|character| character.is_control() && character != '\t') {
                return Err(Diagnostic::at(
                    &value.place,
                    "a header with a line break or control character",
                    "not allowed in a header",
                ));
            }
            put(&mut list, name, plain(template));
        }
    }
    if let Some(basic) = node.get("basic") {
        let text = |key: &str| basic.get(key).map_or(Ok(""), Node::text);
        let pair = format!("{}:{}", text("user")?, text("password")?);
        if pair.contains("{{") {
            return Err(Diagnostic::at(&basic.place, "templates in `basic`", "expected constants").help(
                "for a value from data, put the encoded pair into a column and use `headers: {authorization: \"Basic {{users.pair}}\"}`",
            ));
        }
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        put(&mut list, http::header::AUTHORIZATION, Text::constant(format!("Basic {encoded}")));
    }
    if let Some(bearer) = node.get("bearer") {
        let mut text = Text::constant("Bearer ");
        text.push(template(bearer)?, Encoding::Plain);
        put(&mut list, http::header::AUTHORIZATION, text);
    }
    Ok(list)
}

/// Sets a header; the later wins.
fn put(list: &mut Vec<(HeaderName, Text)>, name: HeaderName, text: Text) {
    match list.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = text,
        None => list.push((name, text)),
    }
}

/// The whole request, when nothing in it is a template.
fn prepare(step: &Step) -> Option<Prepared> {
    let origin = step.origin.as_ref()?;
    let target = step.target.as_constant()?;
    let body = step.body.as_constant()?;
    let mut headers = Vec::with_capacity(step.headers.len());
    for (name, text) in &step.headers {
        headers.push((name, text.as_constant()?));
    }
    let rendered = RequestHead { method: &step.method, origin, target, headers: &headers };
    let mut whole = Vec::with_capacity(256 + body.len());
    rendered.http1_into(body.len(), &mut whole);
    let head = whole.len();
    whole.extend_from_slice(b"\r\n");
    whole.extend_from_slice(&body);
    Some(Prepared { whole: whole.into(), head, request: rendered.http2(body.len())?, body })
}

/// A rendered head, on its way to the wire.
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a Method,
    pub(crate) origin: &'a Origin,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(&'a HeaderName, &'a str)],
}

impl RequestHead<'_> {
    fn default_port(&self) -> u16 {
        if self.origin.tls { 443 } else { 80 }
    }

    /// Whether a request of this method says its body's length even when there is none (RFC 9110, section 8.6).
    fn tells_length(&self, length: usize) -> bool {
        length > 0 || matches!(*self.method, Method::POST | Method::PUT | Method::PATCH)
    }

    /// The head in HTTP/1.1 onto the end of `out`, without the empty line that ends it.
    pub(crate) fn http1_into(&self, length: usize, out: &mut Vec<u8>) {
        for text in [self.method.as_str(), " ", self.target, " HTTP/1.1\r\n"] {
            out.extend_from_slice(text.as_bytes());
        }
        if !self.headers.iter().any(|(name, _)| **name == http::header::HOST) {
            for text in ["host: ", &self.origin.authority(self.default_port()), "\r\n"] {
                out.extend_from_slice(text.as_bytes());
            }
        }
        for (name, value) in self.headers {
            for text in [name.as_str(), ": ", value, "\r\n"] {
                out.extend_from_slice(text.as_bytes());
            }
        }
        if self.tells_length(length) {
            out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
    }

    /// The head in HTTP/2; `None` when something in it is no URL or header.
    pub(crate) fn http2(&self, length: usize) -> Option<http::Request<()>> {
        let host = self.headers.iter().find(|(name, _)| **name == http::header::HOST);
        let authority =
            host.map_or_else(|| self.origin.authority(self.default_port()), |(_, value)| (*value).to_owned());
        let uri = http::Uri::builder()
            .scheme(if self.origin.tls { "https" } else { "http" })
            .authority(authority)
            .path_and_query(self.target)
            .build()
            .ok()?;
        let mut request =
            http::Request::builder().method(self.method.clone()).uri(uri).version(http::Version::HTTP_2);
        for (name, value) in self.headers.iter().filter(|(name, _)| **name != http::header::HOST) {
            request = request.header(*name, *value);
        }
        if self.tells_length(length) {
            request = request.header(http::header::CONTENT_LENGTH, length);
        }
        request.body(()).ok()
    }
}
