//! Control calls: orders for the answers to come, and what has come in so far.

use std::sync::Arc;
use std::time::Duration;

use prony_transport::target::{Pattern, Standing, clock};
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;

use super::Shared;
use super::fault::Faults;
use super::generated::control_server::Control;
use super::generated::{
    Counters, GetCountersRequest, ResetReply, ResetRequest, SetFaultReply, SetFaultRequest, SetHealthReply,
    SetHealthRequest, StallReply, StallRequest,
};
use super::services::{SHOP, WITH_HEALTH, all_healthy};

/// Answers control calls.
pub(super) struct ControlCalls(Arc<Shared>);

impl ControlCalls {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }
}

#[tonic::async_trait]
impl Control for ControlCalls {
    async fn set_health(
        &self,
        request: Request<SetHealthRequest>,
    ) -> Result<Response<SetHealthReply>, Status> {
        let SetHealthRequest { service, serving } = request.into_inner();
        if !WITH_HEALTH.contains(&service.as_str()) {
            return Err(Status::not_found(format!(
                "service: expected an empty text or one of {}, found {service:?}",
                WITH_HEALTH[1..].join(", ")
            )));
        }
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.health.set_service_status(service, status).await;
        Ok(Response::new(SetHealthReply {}))
    }

    async fn set_fault(&self, request: Request<SetFaultRequest>) -> Result<Response<SetFaultReply>, Status> {
        let SetFaultRequest { method, fault } = request.into_inner();
        let ordered = Faults::parse(&fault).map_err(|error| format!("fault: {error}")).and_then(|faults| {
            let pattern = pattern(&method)?;
            self.0.orders.change(|standing| standing.rule(pattern).map(|rule| *rule = faults))
        });
        ordered.map_err(Status::invalid_argument)?;
        Ok(Response::new(SetFaultReply {}))
    }

    async fn stall(&self, request: Request<StallRequest>) -> Result<Response<StallReply>, Status> {
        let StallRequest { after_us, for_us } = request.into_inner();
        let from = clock::now() + Duration::from_micros(after_us);
        let until = from + Duration::from_micros(for_us);
        self.0.orders.change(|standing| standing.stall(from, until));
        Ok(Response::new(StallReply {}))
    }

    async fn reset(&self, _: Request<ResetRequest>) -> Result<Response<ResetReply>, Status> {
        self.0.orders.change(|standing| *standing = Standing::default());
        self.0.counters.forget();
        all_healthy(&self.0.health).await;
        Ok(Response::new(ResetReply {}))
    }

    async fn get_counters(&self, _: Request<GetCountersRequest>) -> Result<Response<Counters>, Status> {
        let counters = &self.0.counters;
        Ok(Response::new(Counters {
            calls: counters.calls(),
            by_method: counters.by_method(),
            connections: counters.connections(),
        }))
    }
}

/// A method's path, all that begin like it when it ends with `*`, or all of the shop when it is empty.
fn pattern(method: &str) -> Result<Pattern, String> {
    match method {
        "" => Ok(Pattern::Below(format!("/{SHOP}/"))),
        path if path.starts_with('/') => Ok(Pattern::parse(path)),
        other => Err(format!("method: expected a path such as \"/{SHOP}/Echo\", found {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_for_paths_and_without_one_for_the_shop() {
        let echo = format!("/{SHOP}/Echo");
        for (method, path, fits) in [
            ("", &*echo, true),
            ("", "/a.B/C", false),
            ("/a.B/*", "/a.B/C", true),
            ("/a.B/*", "/a.BB/C", false),
        ] {
            assert_eq!(pattern(method).expect(method).fits(path), fits, "{method} {path}");
        }
        assert!(pattern("Echo").is_err());
    }
}
