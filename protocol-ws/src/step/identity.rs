//! What a user says in the handshake: path, headers, cookies, subprotocols. Templates, for there may be thousands of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prony_core::template::{Escape, MissingValue};
use prony_core::{Diagnostic, Node, Place, Scope, Shape, Template, Traceparent, Variables};
use prony_transport::path_texts;
use prony_transport::websocket::{OWN_HEADERS, is_header};

/// The words of a user about itself, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// In place of the target's.
    path: Option<Template>,
    headers: Vec<(String, Template)>,
    cookies: Vec<(String, Template)>,
    protocols: Vec<String>,
}

/// A user's words, filled in: kept to connect again by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) protocols: Vec<String>,
    /// Of which trace the handshake is; one that the connection makes by itself is of none.
    pub(crate) traceparent: Option<Traceparent>,
}

/// Adds the keys of what is said in the handshake.
pub(crate) fn identity_keys(shape: Shape) -> Shape {
    let basic = Shape::map().required("user", Shape::text(), "User name, without holes.").required(
        "password",
        Shape::text(),
        "Password, without holes.",
    );
    shape
        .key("path", Shape::text(), "The path, with its query, in place of the target's; a template.")
        .key("headers", Shape::map_of(Shape::text()), "Headers of the handshake; values are templates.")
        .key("cookies", Shape::map_of(Shape::text()), "Cookies of the handshake; values are templates.")
        .key(
            "subprotocols",
            Shape::filled_list(Shape::text()),
            "Subprotocols to offer, the favourite first. The server must choose one.",
        )
        .key("origin", Shape::text(), "The Origin header, as browsers send it; a template.")
        .key("user_agent", Shape::text(), "The User-Agent header. Default prony/VERSION.")
        .key("basic", basic, "HTTP basic authentication.")
        .key("bearer", Shape::text(), "A bearer token, a template.")
}

/// A path of the handshake, encoded as browsers do.
///
/// # Errors
/// When it is no template, or a whole URL.
pub(super) fn path(text: &str, place: &Place, variables: &Variables) -> Result<Template, Diagnostic> {
    let is_url = text.split_once("://").is_some_and(|(scheme, _)| {
        ["ws", "wss", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    });
    if is_url {
        let found = format!("found the whole URL `{text}`");
        return Err(Diagnostic::at(
            place,
            found,
            "expected a path on the target's server, such as `/room/7`",
        )
        .help("the server stands in `target`, and a scenario may have a `target` of its own"));
    }
    Ok(path_texts(Template::compile(text, place, variables)?))
}

impl Identity {
    /// Reads the settings.
    ///
    /// # Errors
    /// When a text is no template, or no header.
    pub(crate) fn compile(settings: Option<&Node>, variables: &Variables) -> Result<Self, Diagnostic> {
        let get = |key: &str| settings.and_then(|settings| settings.get(key));
        let template = |node: &Node| Template::compile(node.text()?, &node.place, variables);
        let pairs = |key: &str| -> Result<Vec<(String, Template)>, Diagnostic> {
            let entries = get(key).into_iter().flat_map(Node::entries);
            let made = entries.map(|(key, node)| {
                let template = template(node)?;
                let name = key.name.to_ascii_lowercase();
                if OWN_HEADERS.contains(&name.as_str()) {
                    let found = format!("`{}` is the handshake's own", key.name);
                    return Err(Diagnostic::at(&key.place, found, "not a header to set here")
                        .help("subprotocols have a key: `ws: {subprotocols: [v1]}`"));
                }
                if !is_header(&key.name, template.source()) {
                    return Err(Diagnostic::at(
                        &key.place,
                        "a name or value that no header can have",
                        "not allowed here",
                    ));
                }
                Ok((key.name.clone(), template))
            });
            made.collect()
        };
        let mut headers = pairs("headers")?;
        let mut add = |name: &str, value: Template| {
            if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                headers.push((name.to_owned(), value));
            }
        };
        if let Some(origin) = get("origin") {
            add("Origin", template(origin)?);
        }
        let agent = get("user_agent").map(Node::text).transpose()?;
        add("User-Agent", Template::constant(agent.unwrap_or(concat!("prony/", env!("CARGO_PKG_VERSION")))));
        if let Some(basic) = get("basic") {
            let text = |key: &str| basic.get(key).map_or(Ok(""), Node::text);
            let pair = format!("{}:{}", text("user")?, text("password")?);
            if pair.contains("{{") {
                return Err(Diagnostic::at(&basic.place, "templates in `basic`", "expected constants").help(
                    "for a value from data, put the encoded pair into a column and use `headers: {authorization: \"Basic {{users.pair}}\"}`",
                ));
            }
            add("Authorization", Template::constant(format!("Basic {}", STANDARD.encode(pair))));
        }
        if let Some(bearer) = get("bearer") {
            let text = format!("Bearer {}", bearer.text()?);
            add("Authorization", Template::compile(&text, &bearer.place, variables)?);
        }
        let protocols =
            get("subprotocols").map(Node::items).unwrap_or_default().iter().map(|node| {
                match node.text()? {
                    name if is_header(name, "") => Ok(name.to_owned()),
                    _ => Err(node.unexpected("a subprotocol's name, without blanks")),
                }
            });
        Ok(Self {
            path: get("path").map(|node| path(node.text()?, &node.place, variables)).transpose()?,
            headers,
            cookies: pairs("cookies")?,
            protocols: protocols.collect::<Result<_, Diagnostic>>()?,
        })
    }

    /// Fills the words in; `path` wins over the settings'.
    ///
    /// # Errors
    /// When a variable has no value.
    pub(crate) fn render(
        &self,
        path: Option<&Template>,
        scope: &mut Scope<'_>,
    ) -> Result<Rendered, MissingValue> {
        let mut text = |template: &Template, escape| {
            let mut text = String::new();
            template.render(scope, escape, &mut text).map(|()| text)
        };
        let path = path.or(self.path.as_ref());
        let path = path.map(|template| text(template, Escape::Percent)).transpose()?;
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        for (name, template) in &self.headers {
            headers.push((name.clone(), text(template, Escape::None)?));
        }
        let mut cookies = Vec::new();
        for (name, template) in &self.cookies {
            cookies.push(format!("{name}={}", text(template, Escape::None)?));
        }
        if !cookies.is_empty() {
            headers.push(("Cookie".to_owned(), cookies.join("; ")));
        }
        if let Some(message) = scope.message {
            let made = message.fields.iter().filter(|(kind, _, _)| kind == "header");
            headers.extend(made.map(|(_, name, value)| (name.clone(), value.clone())));
        }
        let path = path.map(|path| if path.starts_with('/') { path } else { format!("/{path}") });
        Ok(Rendered { path, headers, protocols: self.protocols.clone(), traceparent: None })
    }
}
