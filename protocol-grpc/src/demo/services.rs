//! Which service a call is for. tonic has a router for that, which brings a web framework; this target's services can be
//! counted on the fingers.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use prony_transport::target::Alarm;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::pb;
use tonic_reflection::server::Builder;

use super::Shared;
use super::answer::RequestBody;
use super::control::ControlCalls;
use super::generated::control_server::ControlServer;
use super::generated::shop_server::ShopServer;
use super::generated::{DESCRIPTORS, control_server, shop_server};
use super::shop::ShopCalls;

/// The shop's name.
pub(super) const SHOP: &str = shop_server::SERVICE_NAME;

/// The control service's name.
pub(super) const CONTROL: &str = control_server::SERVICE_NAME;

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The services whose health can be asked for and switched; the empty name is the server as a whole.
pub(super) const WITH_HEALTH: [&str; 6] = ["", SHOP, CONTROL, HEALTH, REFLECTION, REFLECTION_ALPHA];

/// The methods there are, as they are counted.
pub(super) const METHODS: [(&str, &[&str]); 5] = [
    (SHOP, &["GetItem", "AddItem", "PlaceOrder", "Echo", "Watch", "Upload", "Chat"]),
    (CONTROL, &["SetHealth", "SetFault", "Stall", "Reset", "GetCounters"]),
    (HEALTH, &["Check", "Watch"]),
    (REFLECTION, &["ServerReflectionInfo"]),
    (REFLECTION_ALPHA, &["ServerReflectionInfo"]),
];

type Replying = BoxFuture<Response<Body>, Infallible>;

/// A service's name, and how it is called.
type Route = (&'static str, Box<dyn Fn(Request<RequestBody>) -> Replying>);

/// A thread's services.
pub(super) struct Services(Vec<Route>);

impl Services {
    /// Needs the alarm of its thread.
    pub(super) fn new(shared: &Arc<Shared>, alarm: &Rc<Alarm>) -> io::Result<Self> {
        let reflection = |other| {
            Builder::configure()
                .register_encoded_file_descriptor_set(other)
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let broken = |error: tonic_reflection::server::Error| io::Error::other(error.to_string());
        let shop = ShopServer::new(ShopCalls::new(alarm))
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        let health = HealthServer::new(HealthService::from_health_reporter(shared.health.clone()));
        Ok(Self(vec![
            route(shop),
            route(ControlServer::new(ControlCalls::new(shared))),
            route(health),
            // Each knows itself without being told.
            route(reflection(pb::v1alpha::FILE_DESCRIPTOR_SET).build_v1().map_err(broken)?),
            route(reflection(pb::v1::FILE_DESCRIPTOR_SET).build_v1alpha().map_err(broken)?),
        ]))
    }

    /// The reply to a call, before any fault.
    pub(super) async fn call(&self, request: Request<RequestBody>) -> Response<Body> {
        let path = request.uri().path();
        let service =
            path.strip_prefix('/').and_then(|path| path.rsplit_once('/')).map(|(service, _)| service);
        let known = self.0.iter().find(|(name, _)| Some(*name) == service);
        let Some((_, serve)) = known else {
            let names: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
            let message = format!("no service for {path:?}: this server has {}", names.join(", "));
            return Status::unimplemented(message).into_http();
        };
        match serve(request).await {
            Ok(reply) => reply,
            Err(never) => match never {},
        }
    }
}

fn route<S>(service: S) -> Route
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future = Replying>
        + NamedService
        + Clone
        + 'static,
{
    (S::NAME, Box::new(move |request| service.clone().call(request)))
}

/// Has the health service say of all that they serve.
pub(super) async fn all_healthy(health: &HealthReporter) {
    for name in WITH_HEALTH {
        health.set_service_status(name, ServingStatus::Serving).await;
    }
}
