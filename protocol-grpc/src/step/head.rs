//! A call's head: pseudo-headers, gRPC's own headers and metadata, as ready as can be.

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Version};
use prony_core::template::{Escape, MissingValue};
use prony_core::{Diagnostic, Message, Node, Scope, TRACEPARENT, Template, Variables};
use prony_transport::Origin;
use std::time::Duration;

use crate::config::Settings;
use crate::wire::{Compression, compression, metadata, timeout};

/// `grpc-timeout`.
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The head of a step's calls.
#[derive(Debug)]
pub(crate) struct Head {
    /// By origin: all of it that never changes.
    ready: Vec<Request<()>>,
    /// Metadata with holes.
    changing: Vec<(HeaderName, Template)>,
    /// What the server is told of the time, unless much of it is over when the call is sent; `None` where each call has its own.
    timeout: Option<Duration>,
    /// The length of what never changes, before HPACK makes it shorter.
    length: u64,
}

/// The most that a call may have been delayed before its server is told of less time.
const DELAY: Duration = Duration::from_millis(1);

impl Head {
    /// Compiles the head of calls to `path`; of two maps of metadata the second wins, name by name.
    ///
    /// # Errors
    /// When metadata makes no sense.
    pub(crate) fn compile(
        path: &str,
        origins: &[Origin],
        settings: &Settings,
        metadata_nodes: [Option<&Node>; 2],
        limit: Option<Duration>,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let (mut constants, mut changing) = (Vec::new(), Vec::new());
        let [general, own] = metadata_nodes;
        let overridden = |name: &str| own.is_some_and(|own| own.entries().any(|(key, _)| key.name == name));
        let general = general.into_iter().flat_map(Node::entries).filter(|(key, _)| !overridden(&key.name));
        for (key, node) in general.chain(own.into_iter().flat_map(Node::entries)) {
            let name = metadata::name(&key.name)
                .map_err(|told| Diagnostic::at(&key.place, format!("found `{}`", key.name), told))?;
            let template = Template::compile(node.text()?, &node.place, variables)?;
            match template.as_constant() {
                Some(text) => {
                    let value = metadata::value(&key.name, text).map_err(|told| {
                        Diagnostic::at(&node.place, format!("found {}", node.kind()), told)
                    })?;
                    constants.push((name, value));
                }
                None => changing.push((name, template)),
            }
        }
        let request = |origin: &Origin| {
            let authority = settings.authority.clone().unwrap_or_else(|| origin.authority(0));
            let scheme = if origin.tls { "https" } else { "http" };
            let mut request = Request::builder()
                .method(Method::POST)
                .version(Version::HTTP_2)
                .uri(format!("{scheme}://{authority}{path}"))
                .body(())
                .map_err(|error| format!("`{authority}{path}` makes no request: {error}"))?;
            let headers = request.headers_mut();
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            let agent = HeaderValue::from_str(&settings.user_agent);
            headers.insert(USER_AGENT, agent.unwrap_or(HeaderValue::from_static("prony")));
            headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(compression::ACCEPTED));
            if settings.compression != Compression::Identity {
                headers.insert(GRPC_ENCODING, HeaderValue::from_static(settings.compression.name()));
            }
            if let Some(limit) = limit {
                headers.insert(GRPC_TIMEOUT, told(limit));
            }
            headers.extend(constants.iter().cloned());
            Ok(request)
        };
        let ready = origins.iter().map(request).collect::<Result<Vec<_>, String>>();
        let ready = ready.map_err(|told| {
            Diagnostic::at(&prony_core::Place::nowhere("grpc"), told, "expected a host and a method")
        })?;
        let length = ready.first().map_or(0, head_length);
        Ok(Self { ready, changing, timeout: limit, length })
    }

    /// The head of one call to the origin of that number, of which so much time is `left` where it is limited, and its length before
    /// HPACK makes it shorter. The error is a sentence.
    pub(crate) fn request(
        &self,
        origin: usize,
        left: Option<Duration>,
        scope: &mut Scope<'_>,
    ) -> Result<(Request<()>, u64), String> {
        let ready = self.ready.get(origin).or(self.ready.first());
        let Some(mut request) = ready.cloned() else { return Err("there is no server".to_owned()) };
        let headers = request.headers_mut();
        if let Some(left) = left
            && self.timeout.is_none_or(|timeout| timeout.saturating_sub(left) > DELAY)
        {
            let mut told = told(left);
            // It is another for each call: HPACK's table must not fill up with them, nor be searched through them.
            told.set_sensitive(true);
            headers.insert(GRPC_TIMEOUT, told);
        }
        for (name, template) in &self.changing {
            let mut text = String::new();
            template.render(scope, Escape::None, &mut text).map_err(|MissingValue(_)| {
                "a variable has no value yet: nothing was captured into it before this step".to_owned()
            })?;
            headers.insert(name, metadata::value(name.as_str(), &text)?);
        }
        if let Some(message) = scope.message {
            lay_over(headers, message)?;
        }
        let unchanged = self.changing.is_empty() && scope.message.is_none();
        let mut length = if unchanged { self.length } else { head_length(&request) };
        // Who says by itself of which trace a call is has the last word.
        scope.trace = scope.trace.filter(|_| !request.headers().contains_key(TRACEPARENT));
        if let Some(traced) = scope.trace
            && let Ok(mut parent) = HeaderValue::from_str(traced.parent().as_str())
        {
            length += (TRACEPARENT.len() + parent.len()) as u64;
            parent.set_sensitive(true);
            request.headers_mut().insert(TRACEPARENT, parent);
        }
        Ok((request, length))
    }
}

/// Lays metadata that a plugin has made over what the step says; of a name that it gives twice both values go out.
fn lay_over(headers: &mut http::HeaderMap, message: &Message) -> Result<(), String> {
    for (place, (kind, name, value)) in message.fields.iter().enumerate() {
        if kind != "metadata" {
            let kind = kind.escape_debug();
            return Err(format!("the plugin gave a field of the kind `{kind}`; gRPC has metadata"));
        }
        let named = metadata::name(name)
            .map_err(|told| format!("the plugin gave metadata named `{}`: {told}", name.escape_debug()))?;
        let valued = metadata::value(name, value).map_err(|told| format!("the plugin's metadata: {told}"))?;
        if message.fields[..place].iter().any(|(_, before, _)| before == name) {
            headers.append(named, valued);
        } else {
            headers.insert(named, valued);
        }
    }
    Ok(())
}

fn told(limit: Duration) -> HeaderValue {
    // Digits and a letter are a header's value.
    HeaderValue::try_from(timeout::encode(limit)).unwrap_or(HeaderValue::from_static("0n"))
}

fn head_length(request: &Request<()>) -> u64 {
    let uri = request.uri();
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    (request.method().as_str().len() + uri.path().len() + authority) as u64 + fields_length(request.headers())
}

/// Names and values, before HPACK makes them shorter.
pub(crate) fn fields_length(fields: &http::HeaderMap) -> u64 {
    fields.iter().map(|(name, value)| (name.as_str().len() + value.len()) as u64).sum()
}
