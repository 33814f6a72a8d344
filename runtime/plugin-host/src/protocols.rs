//! The protocols that guests speak, in their three lifetimes. A new one adds its line to each.

use std::time::Duration;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{BoxFuture, Diagnostic, Seat};
use prony_grpc::guest::{GuestGrpc, GuestGrpcWorker, GuestUser as GrpcUser};
use prony_http::guest::{GuestHttp, GuestHttpWorker, GuestUser};
use prony_mqtt::guest::{GuestDevice, GuestMqtt, GuestMqttWorker};
use prony_ws::guest::{GuestUser as WsUser, GuestWs, GuestWsWorker};

use crate::file::PACKAGE;
use crate::journeys::OpenError;
use crate::settings::PluginSettings;

/// Once a run.
pub(crate) struct RunProtocols {
    http: GuestHttp,
    mqtt: Option<GuestMqtt>,
    grpc: Option<GuestGrpc>,
    ws: Option<GuestWs>,
}

/// Once a worker.
#[derive(Default)]
pub(crate) struct WorkerProtocols {
    http: Option<GuestHttpWorker>,
    mqtt: Option<GuestMqttWorker>,
    grpc: Option<GuestGrpcWorker>,
    ws: Option<GuestWsWorker>,
}

/// Once a user.
#[derive(Default)]
pub(crate) struct UserProtocols {
    pub(crate) http: Option<GuestUser>,
    /// Made when it is first needed: most guests speak no MQTT.
    pub(crate) mqtt: Option<GuestDevice>,
    /// The same.
    grpc: Option<GrpcUser>,
    /// The same.
    pub(crate) ws: Option<WsUser>,
}

impl RunProtocols {
    /// Those that the plan's targets allow.
    ///
    /// # Errors
    /// When settings make no sense, or the plugin speaks to nobody whom the plan names.
    pub(crate) fn open<'a>(
        imports: &[String],
        settings: &PluginSettings,
        wiring: &dyn Fn(&str) -> Wiring<'a>,
        entries: &mut Entries<'_>,
    ) -> Result<Self, OpenError> {
        let mut of_http = wiring(prony_http::NAME);
        let of_mqtt = wiring(prony_mqtt::NAME);
        let of_grpc = wiring(prony_grpc::NAME);
        let of_ws = wiring(prony_ws::NAME);
        of_http.target = of_http.target.filter(|target| {
            !GuestMqtt::is_broker(target) && !GuestGrpc::is_server(target) && !GuestWs::is_server(target)
        });
        let listens = of_ws.target.is_some_and(GuestWs::is_server);
        let serves = GuestGrpc::has_server(&of_grpc);
        let broker = of_mqtt.target.filter(|target| GuestMqtt::is_broker(target));
        let imported =
            |name: &str| imports.iter().any(|import| import.starts_with(&format!("{PACKAGE}{name}@")));
        let speaks = [
            (prony_http::NAME, of_http.target.is_some() || !settings.allow.hosts.is_empty()),
            (prony_mqtt::NAME, broker.is_some()),
            (prony_grpc::NAME, serves),
            (prony_ws::NAME, listens),
        ];
        let spoken: Vec<_> = speaks.into_iter().filter(|(name, _)| imported(name)).collect();
        // Some toolchains import every protocol, whether the plugin speaks it or not.
        if !spoken.is_empty() && spoken.iter().all(|(_, possible)| !possible) {
            let help = match spoken.as_slice() {
                [(prony_mqtt::NAME, _)] => "add `target: mqtt://host:1883` to the plan",
                [(prony_grpc::NAME, _)] => "add `target: grpc://host:port` (or `grpcs://`) to the plan",
                [(prony_ws::NAME, _)] => "add `target: ws://host:port/path` (or `wss://`) to the plan",
                _ => {
                    "add `target: http://host:port` (or `mqtt://host:1883`, `grpc://host:port`, `ws://host:port`) to the plan, or `allow: {hosts: [...]}` to the plugin"
                }
            };
            let found = "the plugin sends requests, and there is nobody it may send them to";
            return Err(Diagnostic::at(&settings.node.place, found, "the plugin").help(help).into());
        }
        let http = GuestHttp::open(of_http, settings.allow.hosts.clone())??;
        let mqtt = match broker {
            Some(_) if imported(prony_mqtt::NAME) => Some(GuestMqtt::open(of_mqtt, entries)??),
            _ => None,
        };
        let grpc = match serves && imported(prony_grpc::NAME) {
            true => Some(GuestGrpc::open(of_grpc, entries)??),
            false => None,
        };
        let ws = match listens && imported(prony_ws::NAME) {
            true => Some(GuestWs::open(of_ws, entries)??),
            false => None,
        };
        Ok(Self { http, mqtt, grpc, ws })
    }

    /// A worker's part.
    pub(crate) fn worker(&self, seat: &Seat) -> WorkerProtocols {
        WorkerProtocols {
            http: Some(self.http.worker(seat)),
            mqtt: self.mqtt.as_ref().map(|mqtt| mqtt.worker(seat)),
            grpc: self.grpc.as_ref().map(|grpc| grpc.worker(seat)),
            ws: self.ws.as_ref().map(|ws| ws.worker(seat)),
        }
    }
}

impl WorkerProtocols {
    /// Hands what protocols have counted on to the recorder: who still holds this when the worker ends does not matter then.
    pub(crate) fn hand_on(&self) {
        if let Some(mqtt) = &self.mqtt {
            mqtt.hand_on();
        }
        if let Some(grpc) = &self.grpc {
            grpc.hand_on();
        }
        if let Some(ws) = &self.ws {
            ws.hand_on();
        }
    }

    /// A user's part.
    pub(crate) fn user(&self) -> UserProtocols {
        UserProtocols { http: self.http.as_ref().map(GuestHttpWorker::user), ..UserProtocols::default() }
    }

    /// The device of a user, if the plan names a broker.
    pub(crate) fn device(&self, user: u32, protocols: &mut UserProtocols) -> Option<GuestDevice> {
        if protocols.mqtt.is_none() {
            protocols.mqtt = Some(self.mqtt.as_ref()?.user(user));
        }
        protocols.mqtt.clone()
    }

    /// A user's gRPC, if the plan names a server.
    pub(crate) fn grpc(&self, user: u32, protocols: &mut UserProtocols) -> Option<GrpcUser> {
        if protocols.grpc.is_none() {
            protocols.grpc = Some(self.grpc.as_ref()?.user(user));
        }
        protocols.grpc.clone()
    }

    /// A user's WebSocket, if the plan names a server.
    pub(crate) fn ws(&self, user: u32, protocols: &mut UserProtocols) -> Option<WsUser> {
        if protocols.ws.is_none() {
            protocols.ws = Some(self.ws.as_ref()?.user(user));
        }
        protocols.ws.clone()
    }
}

impl UserProtocols {
    /// A new iteration begins; `wall_origin` is the wall time at the clock's origin.
    pub(crate) fn begin_iteration(&mut self, wall_origin: Duration) {
        if let Some(http) = &mut self.http {
            http.begin_iteration();
        }
        if let Some(mqtt) = &self.mqtt {
            mqtt.begin_iteration();
        }
        if let Some(grpc) = &self.grpc {
            grpc.begin_iteration();
        }
        if let Some(ws) = &self.ws {
            ws.begin_iteration(wall_origin);
        }
    }

    /// Leaves in good order, one protocol after the other.
    pub(crate) fn leave(&self) -> BoxFuture<'static, ()> {
        let device = self.mqtt.as_ref().map(GuestDevice::leave);
        let socket = self.ws.as_ref().map(WsUser::leave);
        Box::pin(async move {
            for leaving in [device, socket].into_iter().flatten() {
                leaving.await;
            }
        })
    }
}
