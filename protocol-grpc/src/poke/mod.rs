//! A server looked at by hand: its services, what they look like, and single calls with JSON. Nothing is measured here; users under
//! load are [`crate::session`]'s.

pub(crate) mod reflect;
mod talk;

use std::sync::Arc;

use prony_core::protocol::Wiring;
use prony_core::{Clock, Diagnostic, Node};
use prony_transport::h2::H2Connection;
use prony_transport::{Connector, Origin};

use crate::config::Settings;
use crate::message;
use crate::schema::{Method, Schema};
use crate::session::{Event, Failure};
use crate::wire::{Code, metadata};
use crate::{driver, target};
use reflect::About;
use talk::Talk;

/// A connection to a server, and what is known of its services.
pub struct Client {
    connection: H2Connection,
    /// Which of the origins it goes to.
    origin: usize,
    origins: Vec<Origin>,
    settings: Settings,
    settings_node: Option<Node>,
    /// From files; `None` when the server is asked.
    schema: Option<Schema>,
}

/// Why something did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PokeError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Wrong(Diagnostic),
    /// What happened, in words for people.
    #[error("{0}")]
    Failed(String),
}

impl From<Diagnostic> for PokeError {
    fn from(mistake: Diagnostic) -> Self {
        Self::Wrong(mistake)
    }
}

impl From<Failure> for PokeError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.detail.into())
    }
}

fn failed<T>(text: impl Into<String>) -> Result<T, PokeError> {
    Err(PokeError::Failed(text.into()))
}

/// What is heard of a call while it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The initial metadata, names and values; bytes of `-bin` in base64.
    Metadata(Vec<(String, String)>),
    /// A message as proto3 JSON.
    Message(String),
}

/// A call's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// gRPC's status code; 0 is OK.
    pub status: u16,
    /// The code's name, `NOT_FOUND`; empty for a number that gRPC does not know.
    pub name: &'static str,
    /// The status, the server's message and its details in words.
    pub story: String,
    /// The trailers, names and values; bytes of `-bin` in base64.
    pub trailers: Vec<(String, String)>,
}

impl Client {
    /// Connects as a plan's words say: `target` or `targets`, `tls`, `network` and the `grpc` settings (`proto`, `descriptors`,
    /// `metadata`, `authority`, `timeout`, …). Without `proto` and `descriptors` the server is asked for its schema when it is needed.
    ///
    /// # Errors
    /// When the words are wrong, or there is no connection.
    pub async fn connect(wiring: Wiring<'_>, clock: Clock) -> Result<Self, PokeError> {
        let settings = Settings::from_plan(wiring.settings)?;
        let origins = target::from_plan(wiring.target, wiring.settings)?;
        let schema = driver::schema(wiring.settings, wiring.folder)?;
        let connector = Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?;
        let connector = connector.build(vec![b"h2".to_vec()]);
        let connector = Arc::new(connector.map_err(|error| PokeError::Failed(error.to_string()))?);
        let connector = connector.worker(0);
        let limit = settings.timeout;
        let connected = talk::connect(&connector, &origins, &settings, limit, clock).await;
        let (connection, origin) = connected.map_err(PokeError::Failed)?;
        Ok(Self { connection, origin, origins, settings, settings_node: wiring.settings.cloned(), schema })
    }

    /// The full names of all services, in alphabetical order.
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn list(&mut self) -> Result<Vec<String>, PokeError> {
        let mut names: Vec<String> = match &self.schema {
            Some(schema) => schema.services().map(|service| service.full_name().to_owned()).collect(),
            None => self.reflected(Vec::new()).await?.services,
        };
        names.sort_unstable();
        Ok(names)
    }

    /// The methods of a service as they are called, `shop.v1.Cart/AddItem`, in the order of its file.
    ///
    /// # Errors
    /// When there is no such service, or the server does not say.
    pub async fn methods(&mut self, service: &str) -> Result<Vec<String>, PokeError> {
        let schema = self.schema_of(service).await?;
        let mut services = schema.services();
        let Some(found) = services.find(|known| known.full_name() == service) else {
            let known: Vec<_> = schema.services().map(|known| format!("`{}`", known.full_name())).collect();
            return failed(format!(
                "there is no service `{}`; there are {}",
                service.escape_debug(),
                known.join(", ")
            ));
        };
        Ok(found.methods().map(|method| format!("{service}/{}", method.name())).collect())
    }

    /// The `.proto` text of a service, method (`shop.v1.Cart.AddItem` or `shop.v1.Cart/AddItem`), message or enum.
    ///
    /// # Errors
    /// When there is no such thing, or the server does not say.
    pub async fn describe(&mut self, symbol: &str) -> Result<String, PokeError> {
        let symbol = symbol.trim_start_matches('/').replace('/', ".");
        let schema = self.schema_of(&symbol).await?;
        match schema.describe(&symbol) {
            Some(text) => Ok(text),
            None => failed(format!(
                "`{}` is nothing that is known here; expected the full name of a service, method, message or enum",
                symbol.escape_debug()
            )),
        }
    }

    /// A method's message to start from, as JSON: every field once.
    ///
    /// # Errors
    /// When there is no such method, or the server does not say.
    pub async fn example(&mut self, method: &str) -> Result<String, PokeError> {
        let schema = self.schema_of(method).await?;
        let method = find(&schema, method)?;
        serde_json::to_string_pretty(&schema.example(&method.input))
            .map_err(|error| PokeError::Failed(format!("no JSON can be made of it: {error}")))
    }

    /// Calls `method` (`shop.v1.Cart/AddItem`) with messages in proto3 JSON; one that takes one message gets an empty one when there
    /// is none. `hear` is told what comes as it comes. The call may take as long as the settings' `timeout`.
    ///
    /// # Errors
    /// When there is no such method, a message does not fit, or no status comes.
    pub async fn call(
        &mut self,
        method: &str,
        messages: &[String],
        metadata: &[(String, String)],
        hear: &mut dyn FnMut(Heard),
    ) -> Result<Answered, PokeError> {
        let schema = self.schema_of(method).await?;
        let method = find(&schema, method)?;
        if !method.kind.sends_many() && messages.len() > 1 {
            return failed(format!("`{}` takes one message; found {}", method.name(), messages.len()));
        }
        let mut encoded = Vec::new();
        for (number, text) in messages.iter().enumerate() {
            let message = message::from_json(text, &method.input);
            encoded.push(message.map_err(|told| {
                PokeError::Failed(format!(
                    "message {} is no {}: {told}",
                    number + 1,
                    method.input.full_name()
                ))
            })?);
        }
        if !method.kind.sends_many() && encoded.is_empty() {
            encoded.push(bytes::Bytes::new());
        }
        let limit = self.settings.timeout;
        let about = About {
            origins: &self.origins,
            settings: &self.settings,
            settings_node: self.settings_node.as_ref(),
        };
        let request = reflect::request(&method.path, self.origin, &about, limit);
        let mut request = request.map_err(PokeError::Failed)?;
        for (name, value) in metadata {
            let told =
                |told: String| PokeError::Failed(format!("metadata `{}`: {told}", name.escape_debug()));
            let (name, value) =
                (metadata::name(name).map_err(told)?, metadata::value(name, value).map_err(told)?);
            request.headers_mut().append(name, value);
        }
        let talking = async {
            let mut talk = Talk::begin(&mut self.connection, request, &self.settings).await?;
            encoded.iter().for_each(|message| talk.send(message));
            talk.finish();
            loop {
                match talk.next().await? {
                    Event::Head(headers) => hear(Heard::Metadata(listed(&headers))),
                    Event::Message(bytes, _) => {
                        let message = message::decode(&bytes, &method.output);
                        let message = message.map_err(|told| {
                            PokeError::Failed(format!("the answer cannot be read: {told}"))
                        })?;
                        hear(Heard::Message(message::to_json(&message)));
                    }
                    Event::End(said) => {
                        let story = said.story();
                        let name = Code::by_number(said.status).map_or("", Code::name);
                        return Ok(Answered {
                            status: said.status,
                            name,
                            story,
                            trailers: listed(&said.trailers),
                        });
                    }
                }
            }
        };
        tokio::time::timeout(limit, talking).await.unwrap_or_else(|_| {
            failed(format!("the call did not end within {}", prony_core::units::show_duration(limit)))
        })
    }

    /// What is known of a symbol's file, from files or from the server.
    async fn schema_of(&mut self, symbol: &str) -> Result<Schema, PokeError> {
        match &self.schema {
            Some(schema) => Ok(schema.clone()),
            None => Ok(self.reflected(vec![symbol.to_owned()]).await?.schema),
        }
    }

    async fn reflected(
        &mut self,
        wanted: Vec<String>,
    ) -> Result<crate::schema::reflection::Reflected, PokeError> {
        let about = About {
            origins: &self.origins,
            settings: &self.settings,
            settings_node: self.settings_node.as_ref(),
        };
        let limit = self.settings.timeout;
        let asked = reflect::ask(&mut self.connection, self.origin, &about, wanted);
        match tokio::time::timeout(limit, asked).await {
            Ok(reflected) => reflected.map_err(PokeError::Failed),
            Err(_) => failed(format!(
                "the server did not tell its schema within {}",
                prony_core::units::show_duration(limit)
            )),
        }
    }
}

fn find(schema: &Schema, method: &str) -> Result<Method, PokeError> {
    schema.method(method).map_err(|told| PokeError::Failed(told.to_string()))
}

fn listed(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let each = headers.iter();
    each.map(|(name, value)| (name.to_string(), crate::reply::shown(name.as_str(), value).into_owned()))
        .collect()
}
