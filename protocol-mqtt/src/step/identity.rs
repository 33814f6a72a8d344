//! Who a device is: client identifier, login, will, certificate. Templates, for there may be thousands of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prony_core::{Diagnostic, Node, Scope, Template, Variables};

use super::{Payload, RenderError, render};
use crate::config::Settings;
use crate::packet::control::{Connect, TOPIC_ALIASES, Will};
use crate::packet::{Qos, Version, topic};

/// The words of a device about itself, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    client_id: Option<Template>,
    username: Option<Template>,
    password: Option<Template>,
    will: Option<WillTemplate>,
    user_properties: Vec<(String, Template)>,
    headers: Vec<(String, Template)>,
    certificate: Option<(Template, Template)>,
    folder: PathBuf,
}

#[derive(Clone, Debug)]
struct WillTemplate {
    topic: Template,
    payload: Payload,
    qos: Qos,
    retain: bool,
    delay: Option<Duration>,
}

/// A device's words, filled in: kept to connect again by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) connect: Connect,
    pub(crate) headers: Vec<(String, String)>,
    /// Files of a certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// The will's payload is made up, so it may carry a stamp in front.
    pub(crate) will_takes_stamp: bool,
}

impl Identity {
    /// Reads the settings.
    ///
    /// # Errors
    /// When a text is no template, or the words make no sense together.
    pub(crate) fn compile(
        settings: Option<&Node>,
        version: Version,
        variables: &Variables,
        folder: &Path,
    ) -> Result<Self, Diagnostic> {
        let Some(settings) = settings else { return Ok(Self::default()) };
        let template = |node: &Node| Template::compile(node.text()?, &node.place, variables);
        let optional = |key: &str| settings.get(key).map(template).transpose();
        let many = |key: &str| -> Result<Vec<(String, Template)>, Diagnostic> {
            let entries = settings.get(key).into_iter().flat_map(Node::entries);
            entries.map(|(key, node)| Ok((key.name.clone(), template(node)?))).collect()
        };
        if let (Some(password), None, Version::V4) =
            (settings.get("password"), settings.get("username"), version)
        {
            return Err(Diagnostic::at(
                &password.place,
                "`password` without `username`",
                "MQTT 3.1.1 has a password only beside a user name",
            ));
        }
        let will = settings.get("will").map(|node| WillTemplate::compile(node, version, variables, folder));
        let certificate = settings
            .get("certificate")
            .map(|node| match (node.get("file"), node.get("key")) {
                (Some(file), Some(key)) => Ok((template(file)?, template(key)?)),
                _ => Err(node.unexpected("`file` and `key`")),
            })
            .transpose()?;
        Ok(Self {
            client_id: optional("client_id")?,
            username: optional("username")?,
            password: optional("password")?,
            will: will.transpose()?,
            user_properties: many("user_properties")?,
            headers: many("headers")?,
            certificate,
            folder: folder.to_owned(),
        })
    }

    /// Fills the words in. `prefix` begins a client identifier that nobody has given.
    ///
    /// # Errors
    /// When a variable has no value, or the outcome is not allowed by MQTT.
    pub(crate) fn render(
        &self,
        settings: &Settings,
        prefix: &str,
        scope: &mut Scope<'_>,
    ) -> Result<Rendered, RenderError> {
        let client_id = match &self.client_id {
            Some(template) => render(template, scope, "a client identifier")?,
            None => format!("{prefix}-{}", scope.user),
        };
        let login = match (&self.username, &self.password) {
            (None, None) => None,
            (user, password) => {
                let mut text = |template: &Option<Template>, what| {
                    template.as_ref().map_or(Ok(String::new()), |template| render(template, scope, what))
                };
                Some((text(user, "a user name")?, text(password, "a password")?))
            }
        };
        let mut pairs =
            |templates: &[(String, Template)], what| -> Result<Vec<(String, String)>, RenderError> {
                templates
                    .iter()
                    .map(|(name, template)| Ok((name.clone(), render(template, scope, what)?)))
                    .collect()
            };
        let user_properties = pairs(&self.user_properties, "a user property")?;
        let headers = pairs(&self.headers, "a header")?;
        let certificate = match &self.certificate {
            None => None,
            Some((file, key)) => {
                let mut path =
                    |template| render(template, scope, "a file's name").map(|name| self.folder.join(name));
                Some((path(file)?, path(key)?))
            }
        };
        let will = self.will.as_ref().map(|will| will.render(scope)).transpose()?;
        let v5 = settings.version == Version::V5;
        let connect = Connect {
            client_id,
            clean_start: settings.clean_start,
            keep_alive: settings.keep_alive,
            login,
            will,
            session_expiry: settings.session_expiry,
            receive_maximum: settings.receive_maximum,
            max_packet: v5.then_some(settings.max_packet as u32),
            topic_aliases: v5.then_some(TOPIC_ALIASES),
            user_properties,
        };
        let will_takes_stamp = self
            .will
            .as_ref()
            .is_some_and(|will| will.payload.takes_stamp(prony_core::delivery::Stamp::LENGTH));
        Ok(Rendered { connect, headers, certificate, will_takes_stamp })
    }
}

impl WillTemplate {
    fn compile(
        node: &Node,
        version: Version,
        variables: &Variables,
        folder: &Path,
    ) -> Result<Self, Diagnostic> {
        let wanted = node.get("topic").ok_or_else(|| node.unexpected("a `topic`"))?;
        if let Some(found) = node.get("delay").filter(|_| version == Version::V4) {
            return Err(Diagnostic::at(&found.place, "`delay` with MQTT 3.1.1", "only MQTT 5 has it"));
        }
        let delay = node.get("delay").map(Node::duration).transpose()?;
        if let (Some(delay), Some(found)) = (delay, node.get("delay"))
            && delay.subsec_nanos() != 0
        {
            return Err(found.unexpected("whole seconds"));
        }
        let qos = node.get("qos").map_or(Ok(0), |node| node.integer(0..=2))? as u8;
        Ok(Self {
            topic: Template::compile(wanted.text()?, &wanted.place, variables)?,
            payload: Payload::compile(node, variables, folder)?,
            qos: Qos::from_number(qos).unwrap_or_default(),
            retain: node.get("retain").map_or(Ok(false), Node::boolean)?,
            delay,
        })
    }

    fn render(&self, scope: &mut Scope<'_>) -> Result<Will, RenderError> {
        let name = render(&self.topic, scope, "a topic")?;
        if let Some(mistake) = topic::topic_mistake(&name) {
            return Err(RenderError::Wrong(format!("the will's topic `{}`: {mistake}", name.escape_debug())));
        }
        let mut buffer = Vec::new();
        let payload = self.payload.bytes(scope, &mut buffer)?.to_vec();
        if payload.len() > topic::LONGEST {
            return Err(RenderError::Wrong(format!("a will of {} bytes; MQTT allows 65,535", payload.len())));
        }
        Ok(Will {
            topic: name,
            payload,
            qos: self.qos,
            retain: self.retain,
            delay: self.delay.map(|delay| delay.as_secs() as u32),
            user_properties: Vec::new(),
        })
    }
}
