//! From a step's node to a call that is as ready as can be.

use std::path::Path;
use std::time::Duration;

use prony_core::document::{Key, Value};
use prony_core::template::JsonTemplate;
use prony_core::{Diagnostic, Node, Place, ReplyNeeds, Variables};
use prony_transport::Origin;
use prost_reflect::MessageDescriptor;

use super::{BOTH, Content, Head, Keys, RECEIVING, SENDING, content, stream};
use crate::config::Settings;
use crate::metrics::Deliveries;
use crate::schema::{self, Method, MethodKind, Schema};
use crate::wire::Compression;

/// A compiled step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: MethodKind,
    /// What its answers are; `None` where nothing is known of them.
    pub(crate) output: Option<MessageDescriptor>,
    pub(crate) head: Head,
    /// At least one.
    pub(crate) messages: Vec<Content>,
    pub(crate) flow: Flow,
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) keep: Keep,
    /// A check looks at the status: then one that is not OK is no failure by itself.
    pub(crate) judges_status: bool,
    /// It asks the health protocol, and nobody looks at the answer.
    pub(crate) must_serve: bool,
    /// Where messages of its streams are timed.
    pub(crate) deliveries: Deliveries,
}

/// What is kept of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keep {
    pub(crate) fields: bool,
    pub(crate) body: bool,
}

/// How messages go and come.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// How many are sent; `None` for as many as there is time.
    pub(crate) count: Option<u64>,
    pub(crate) every: Option<Duration>,
    pub(crate) lasts: Option<Duration>,
    pub(crate) half_close: bool,
    pub(crate) receive: Option<u64>,
    pub(crate) pace: Option<Duration>,
    pub(crate) cancel: Option<Duration>,
    pub(crate) keys: Option<Keys>,
    pub(crate) in_flight: Option<usize>,
}

/// What steps are compiled with.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) settings_node: Option<&'a Node>,
    pub(crate) origins: &'a [Origin],
    pub(crate) folder: &'a Path,
    pub(crate) schema: &'a Schema,
}

/// What a step calls.
enum Called<'a> {
    Method(&'a Node),
    /// The health protocol, about a service.
    Health(&'a Node),
}

fn called(node: &Node) -> Result<Called<'_>, Diagnostic> {
    if !node.is_map() {
        return Ok(Called::Method(node));
    }
    match (node.get("call"), node.get("health")) {
        (Some(call), None) => Ok(Called::Method(call)),
        (None, Some(health)) => Ok(Called::Health(health)),
        (Some(_), Some(health)) => {
            Err(Diagnostic::at(&health.place, "`call` and `health` in one step", "expected one of them"))
        }
        (None, None) => Err(Diagnostic::at(&node.place, "a gRPC step that calls nothing", "expected `call`").help(
            "write `call: pkg.Service/Method`, `health: pkg.Service`, or `open: pkg.Service/Method` for a stream that stays open",
        )),
    }
}

/// The step's name when its plan gives none.
///
/// # Errors
/// When it calls nothing.
pub(crate) fn name(node: &Node) -> Result<String, Diagnostic> {
    match called(node)? {
        Called::Method(call) => Ok(call.text()?.trim().trim_start_matches('/').to_owned()),
        Called::Health(service) => Ok(format!("health {}", service.text()?).trim_end().to_owned()),
    }
}

/// The full name of the method or service that the server must describe; `None` where it is known anyway.
pub(crate) fn wanted(node: &Node) -> Result<Option<String>, Diagnostic> {
    let called = match stream::act(node)? {
        Some(("open", method)) => Called::Method(method),
        Some(_) => return Ok(None),
        None => called(node)?,
    };
    match called {
        Called::Method(call) => {
            let method = call.text()?.trim();
            if !method.contains(['/', '.']) {
                return Err(call.unexpected("a method such as `shop.v1.Cart/AddItem`"));
            }
            Ok(Some(method.to_owned()))
        }
        Called::Health(_) => Ok(None),
    }
}

/// Looks at the step's templates while its schema is not known yet, so that variables count as used and unknown ones are told.
pub(crate) fn variables_of(
    node: &Node,
    settings: Option<&Node>,
    variables: &Variables,
) -> Result<(), Diagnostic> {
    let metadata = settings.and_then(|settings| settings.get("metadata"));
    for part in
        ["data", "messages", "metadata", "health"].into_iter().filter_map(|key| node.get(key)).chain(metadata)
    {
        JsonTemplate::compile(part, variables)?;
    }
    Ok(())
}

/// Compiles a step.
///
/// # Errors
/// When it makes no sense, at its place.
pub(crate) fn compile(
    node: &Node,
    needs: ReplyNeeds,
    variables: &Variables,
    context: &Context<'_>,
) -> Result<Step, Diagnostic> {
    let (method, place, about) = match called(node)? {
        Called::Method(call) => {
            let found = context.schema.method(call.text()?.trim());
            (found.map_err(|told| no_method(call, &told))?, &call.place, None)
        }
        Called::Health(service) => {
            let told = |told: schema::NoMethod| Diagnostic::at(&service.place, told.to_string(), "");
            let method = schema::health().method("grpc.health.v1.Health/Check").map_err(told)?;
            (method, &service.place, Some(service))
        }
    };
    fits(node, &method, about.is_some())?;
    let flow = flow(node, &method)?;
    let limit = node.get("timeout").map(Node::duration_above_zero).transpose()?;
    let timeout = limit.unwrap_or(context.settings.timeout.saturating_add(flow.planned()));
    let get = |key: &str| node.get(key);
    let general = context.settings_node.and_then(|settings| settings.get("metadata"));
    // What every server has in the same way it need not take compressed.
    let compression = if about.is_some() { Compression::Identity } else { context.settings.compression };
    let metadata = [general, get("metadata")];
    let head = head((&method.path, place), context, compression, metadata, Some(timeout), variables)?;
    let asked = about.map(asking);
    let messages = content::compile(
        asked.as_ref().unwrap_or(node),
        &method.input,
        flow.keys.as_ref(),
        compression,
        variables,
        context.folder,
    )?;
    Ok(Step {
        head,
        messages,
        flow,
        timeout,
        compression,
        keep: Keep { fields: needs.fields, body: needs.body },
        judges_status: needs.judges_status,
        must_serve: about.is_some() && !needs.body,
        deliveries: Deliveries::default(),
        kind: method.kind,
        output: Some(method.output),
    })
}

/// What a plan is told whose method is not there.
pub(super) fn no_method(call: &Node, told: &schema::NoMethod) -> Diagnostic {
    Diagnostic::at(&call.place, told.to_string(), "expected a method such as `shop.v1.Cart/AddItem`")
}

/// The head of calls to a path that a plan names at a place.
pub(super) fn head(
    (path, place): (&str, &Place),
    context: &Context<'_>,
    compression: Compression,
    metadata: [Option<&Node>; 2],
    limit: Option<Duration>,
    variables: &Variables,
) -> Result<Head, Diagnostic> {
    let settings = Settings { compression, ..context.settings.clone() };
    Head::compile(path, context.origins, &settings, metadata, limit, variables).map_err(|mistake| {
        if mistake.place.as_ref().is_some_and(|place| place.source.text.is_empty()) {
            Diagnostic { place: Some(place.clone()), ..mistake }
        } else {
            mistake
        }
    })
}

/// The health protocol's question, as a step would say it.
fn asking(service: &Node) -> Node {
    let map = |name: &str, value: Node| {
        let key = Key { name: name.to_owned(), place: service.place.clone() };
        Node { value: Value::Map(vec![(key, value)]), place: service.place.clone() }
    };
    map("data", map("service", service.clone()))
}

/// Whether all of the step's words mean something for its method.
fn fits(node: &Node, method: &Method, asks_health: bool) -> Result<(), Diagnostic> {
    if !node.is_map() {
        return Ok(());
    }
    let kind = match method.kind {
        MethodKind::Unary => "takes one message and answers with one",
        MethodKind::ServerStream => "takes one message",
        MethodKind::ClientStream => "answers with one message",
        MethodKind::Bidirectional => "",
    };
    let (sends, receives) = (method.kind.sends_many(), method.kind.receives_many());
    for (key, _) in node.entries().filter(|(_, value)| !value.is_null()) {
        let word = key.name.as_str();
        if asks_health && !["health", "metadata", "timeout"].contains(&word) {
            let message = format!("`{word}` beside `health`");
            return Err(Diagnostic::at(&key.place, message, "what fits there: metadata, timeout"));
        }
        let stray = SENDING.contains(&word) && !sends
            || RECEIVING.contains(&word) && !receives
            || BOTH.contains(&word) && !(sends && receives);
        if stray {
            let message = format!("`{word}` for `{}`, which {kind}", method.name());
            let expected = match (sends, receives) {
                (false, false) => "a unary call has no such word",
                (true, _) => "a stream of requests alone has no such word",
                (_, true) => "a stream of answers alone has no such word",
            };
            return Err(Diagnostic::at(&key.place, message, expected));
        }
    }
    Ok(())
}

fn flow(node: &Node, method: &Method) -> Result<Flow, Diagnostic> {
    let get = |key: &str| node.get(key);
    let duration = |key: &str| get(key).map(Node::duration_above_zero).transpose();
    let count = |key: &str, most: u64| get(key).map(|node| node.integer(1..=most)).transpose();
    let cancel = match get("cancel") {
        Some(cancel) if !cancel.is_map() => return Err(cancel.unexpected("`{after: TIME}` beside `call`")),
        cancel => cancel.and_then(|cancel| cancel.get("after")).map(Node::duration).transpose()?,
    };
    let keys = get("key").map(|node| Keys::compile(node, &method.input, &method.output)).transpose()?;
    let written = get("messages").map_or(1, |messages| messages.items().len() as u64);
    let lasts = duration("for")?;
    let flow = Flow {
        count: count("count", 1_000_000_000)?.or(lasts.is_none().then_some(written)),
        every: duration("every")?,
        lasts,
        half_close: get("half_close").map_or(Ok(true), Node::boolean)?,
        receive: count("receive", 1_000_000_000)?,
        pace: duration("pace")?,
        cancel,
        keys,
        in_flight: count("in_flight", 65_536)?.map(|most| most as usize),
    };
    let endless = ["count", "for", "messages"].into_iter().all(|key| get(key).is_none());
    if let Some(every) = get("every").filter(|_| endless) {
        return Err(Diagnostic::at(
            &every.place,
            "`every` without an end",
            "expected `count` or `for` beside it",
        ));
    }
    Ok(flow)
}

impl Flow {
    /// How long it takes by its own words.
    fn planned(&self) -> Duration {
        let beats = self.every.map_or(Duration::ZERO, |every| {
            every.saturating_mul(u32::try_from(self.count.unwrap_or(0)).unwrap_or(u32::MAX))
        });
        let sending = match self.lasts {
            Some(lasts) if self.count.is_some() && self.every.is_some() => beats.min(lasts),
            Some(lasts) => lasts,
            None => beats,
        };
        let reading = self
            .pace
            .unwrap_or_default()
            .saturating_mul(u32::try_from(self.receive.unwrap_or(0)).unwrap_or(u32::MAX));
        sending.max(reading).max(self.cancel.unwrap_or_default())
    }
}
