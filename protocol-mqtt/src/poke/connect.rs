//! The way to a broker: TCP, TLS, WebSocket, CONNECT and its answer.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Clock, Phases, Random, Scope, Variables};
use prony_transport::{Connector, Stream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::{Client, PokeError, failed, said};
use crate::config::Settings;
use crate::device::link::Link;
use crate::packet::control::{ConnAck, Granted};
use crate::step::Identity;
use crate::target::Target;

impl Client {
    /// Connects as a plan's words say; templates among them are filled in for user 0 at the time of day `wall`.
    ///
    /// # Errors
    /// When the words are wrong, or there is no connection.
    pub async fn connect(wiring: Wiring<'_>, clock: Clock, wall: Duration) -> Result<Self, PokeError> {
        let settings = Settings::from_plan(wiring.settings)?;
        let Some(node) = wiring.target else { return failed("no target: expected where the broker is") };
        let target = Target::from_plan(node)?;
        let identity =
            Identity::compile(wiring.settings, settings.version, &Variables::default(), wiring.folder)?;
        let alpn = if target.websocket.is_some() { vec![b"http/1.1".to_vec()] } else { Vec::new() };
        let connector = Connector::from_plan(wiring.network, wiring.tls, wiring.folder)?.build(alpn);
        let connector = Arc::new(connector.map_err(|error| PokeError::Failed(error.to_string()))?);
        let chance = RandomState::new().build_hasher().finish();
        let mut random = Random::new(chance, 0, 0);
        let mut scope = Scope {
            values: &[],
            user: 0,
            iteration: 0,
            random: &mut random,
            wall,
            message: None,
            filter: None,
            trace: None,
        };
        let prefix = format!("prony-{:08x}", chance as u32);
        let mut rendered = identity
            .render(&settings, &prefix, &mut scope)
            .map_err(|mistake| PokeError::Failed(mistake.to_string()))?;
        // Without aliases every message says its topic.
        rendered.connect.topic_aliases = None;
        let hello =
            rendered.connect.write(settings.version).map_err(|mistake| PokeError::Failed(mistake.0))?;
        let made = tokio::time::timeout(settings.timeout, async {
            let connector = connector.worker(0);
            let connected = connector.connect(&target.origin, &clock, &mut Phases::default()).await;
            let connected = connected.map_err(|failure| {
                PokeError::Failed(format!("{}; is a broker listening there?", failure.detail))
            })?;
            let link = match &target.websocket {
                None => Link::Plain(connected.stream),
                Some(path) => upgrade(connected.stream, &target, path).await?,
            };
            let mut client = Self {
                link,
                version: settings.version,
                granted: Granted::default(),
                most: settings.max_packet,
                timeout: settings.timeout,
                keep_alive: None,
                clock,
                last_sent: clock.now(),
                pinged: false,
                bytes: Vec::new(),
            };
            client.send(&hello).await?;
            let answer = client.packet("CONNECT").await?;
            if answer.kind != 2 {
                return failed(format!("the broker answered CONNECT with a packet of type {}", answer.kind));
            }
            match ConnAck::read(&answer.frame(), settings.version) {
                Ok(ConnAck::Granted(granted)) => client.granted = *granted,
                Ok(ConnAck::Refused(reason, story)) => {
                    let said = said(reason, story.as_deref(), settings.version);
                    return failed(format!("{}: the broker refused the connection: {said}", target.origin));
                }
                Err(mistake) => return Err(mistake.into()),
            }
            let seconds = client.granted.keep_alive.unwrap_or(settings.keep_alive);
            client.keep_alive = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
            Ok(client)
        });
        made.await.unwrap_or_else(|_| {
            let limit = prony_core::units::show_duration(settings.timeout);
            failed(format!("{}: no connection within {limit}; does a broker speak there?", target.origin))
        })
    }
}

async fn upgrade(stream: Stream, target: &Target, path: &str) -> Result<Link, PokeError> {
    let scheme = if target.origin.tls { "wss" } else { "ws" };
    let wrong =
        |error: &dyn std::fmt::Display| PokeError::Failed(format!("no WebSocket came about: {error}"));
    let mut request = format!("{scheme}://{}{path}", target.origin.authority(0))
        .into_client_request()
        .map_err(|error| wrong(&error))?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let (socket, _) =
        tokio_tungstenite::client_async(request, stream).await.map_err(|error| wrong(&error))?;
    Ok(Link::WebSocket(Box::new(socket)))
}
