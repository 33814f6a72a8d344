//! Control calls: orders for the replies to come, and what has come in so far.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use prony_transport::target::{Delay, Fields, Standing, words};
use serde_json::{Map, Value, json};

use super::Shared;
use super::fault::{self, Ending, Faults};
use super::paths;
use super::reply::{Reply, json_value, wrong, wrong_method};

/// Where control calls begin.
pub(super) const PREFIX: &str = "/_control/";
/// Paths that orders may be for.
const PATHS: &str = "\"/items\" or \"/items/*\"";

/// The reply to a control call. It is held by no order.
pub(super) fn answer(shared: &Shared, head: &Parts, body: &Bytes) -> Reply {
    let path = head.uri.path();
    let order = path.strip_prefix(PREFIX).unwrap_or_default();
    let outcome = match (order, &head.method) {
        ("counters", &Method::GET) => return counters(shared),
        ("counters", _) => return wrong_method("GET"),
        ("stall" | "delay" | "status" | "fault" | "reset", &Method::POST) => {
            Fields::read(body).and_then(|fields| change(shared, order, &fields))
        }
        ("stall" | "delay" | "status" | "fault" | "reset", _) => return wrong_method("POST"),
        _ => return paths::unknown(path),
    };
    match outcome {
        Ok(()) => json_value(StatusCode::OK, &json!({ "ok": true })),
        Err(error) => wrong(StatusCode::BAD_REQUEST, error),
    }
}

fn counters(shared: &Shared) -> Reply {
    let totals = shared.counters.totals();
    let mut by_path: Map<String, Value> =
        totals.by_path.into_iter().map(|(path, count)| (path.into(), count.into())).collect();
    if totals.other > 0 {
        by_path.insert("other".to_owned(), totals.other.into());
    }
    let counters =
        json!({ "requests": totals.requests, "by_path": by_path, "connections": totals.connections });
    json_value(StatusCode::OK, &counters)
}

fn change(shared: &Shared, order: &str, fields: &Fields) -> Result<(), String> {
    match order {
        "stall" => {
            let (from, until) = fields.stall()?;
            shared.orders.change(|standing| standing.stall(from, until));
        }
        "delay" => {
            let delay = fields.text("delay")?.ok_or("expected `delay`, such as \"uniform(1ms,9ms)\"")?;
            let delay = Delay::parse(delay)?;
            fields.only(&["path", "delay"])?;
            let pattern = fields.pattern(PATHS)?;
            shared.orders.change(|standing| standing.rule(pattern).map(|rule| rule.delay = Some(delay)))?;
        }
        "status" => {
            let code = match fields.get("status") {
                Some(Value::Number(number)) => number.to_string(),
                _ => fields.text("status")?.ok_or("expected `status`, such as 503")?.to_owned(),
            };
            let status = fault::status(&code)?;
            let share = fields.text("share")?.map_or(Ok(1.0), |text| words::share("share", text))?;
            fields.only(&["path", "status", "share"])?;
            let pattern = fields.pattern(PATHS)?;
            shared.orders.change(|standing| {
                standing.rule(pattern).map(|rule| {
                    rule.ending = Some(Ending::Status(status));
                    rule.share = share;
                })
            })?;
        }
        "fault" => {
            let words = fields.text("fault")?.ok_or("expected `fault`, such as \"reset&share=1%\"")?;
            let faults = Faults::parse(words)?;
            fields.only(&["path", "fault"])?;
            let pattern = fields.pattern(PATHS)?;
            shared.orders.change(|standing| standing.rule(pattern).map(|rule| *rule = faults))?;
        }
        _ => {
            fields.only(&[])?;
            shared.orders.change(|standing| *standing = Standing::default());
            shared.counters.forget();
        }
    }
    Ok(())
}
