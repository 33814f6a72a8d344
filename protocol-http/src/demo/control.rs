//! Control calls: orders for the replies to come, and what has come in so far.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use prony_transport::target::{Delay, Pattern, Standing, clock, words};
use serde_json::{Map, Value, json};

use super::Shared;
use super::fault::{self, Ending, Faults};
use super::paths;
use super::reply::{Reply, json_value, wrong, wrong_method};

/// Where control calls begin.
pub(super) const PREFIX: &str = "/_control/";

/// The reply to a control call. It is held by no order.
pub(super) fn answer(shared: &Shared, head: &Parts, body: &Bytes) -> Reply {
    let path = head.uri.path();
    let order = path.strip_prefix(PREFIX).unwrap_or_default();
    let outcome = match (order, &head.method) {
        ("counters", &Method::GET) => return counters(shared),
        ("counters", _) => return wrong_method("GET"),
        ("stall" | "delay" | "status" | "fault" | "reset", &Method::POST) => {
            fields(body).and_then(|fields| change(shared, order, &fields))
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

fn change(shared: &Shared, order: &str, fields: &Map<String, Value>) -> Result<(), String> {
    match order {
        "stall" => {
            let after =
                text(fields, "after")?.map_or(Ok(Duration::ZERO), |text| words::duration("after", text));
            let length =
                text(fields, "for")?.ok_or("expected `for`, how long the stall lasts, such as \"2s\"")?;
            let from = clock::now() + after?;
            let until = from + words::duration("for", length)?;
            only(fields, &["after", "for"])?;
            shared.orders.change(|standing| standing.stall(from, until));
        }
        "delay" => {
            let delay = text(fields, "delay")?.ok_or("expected `delay`, such as \"uniform(1ms,9ms)\"")?;
            let delay = Delay::parse(delay)?;
            only(fields, &["path", "delay"])?;
            let pattern = pattern(fields)?;
            shared.orders.change(|standing| standing.rule(pattern).delay = Some(delay));
        }
        "status" => {
            let code = match fields.get("status") {
                Some(Value::Number(number)) => number.to_string(),
                _ => text(fields, "status")?.ok_or("expected `status`, such as 503")?.to_owned(),
            };
            let status = fault::status(&code)?;
            let share = text(fields, "share")?.map_or(Ok(1.0), |text| words::share("share", text))?;
            only(fields, &["path", "status", "share"])?;
            let pattern = pattern(fields)?;
            shared.orders.change(|standing| {
                let rule = standing.rule(pattern);
                rule.ending = Some(Ending::Status(status));
                rule.share = share;
            });
        }
        "fault" => {
            let words = text(fields, "fault")?.ok_or("expected `fault`, such as \"reset&share=1%\"")?;
            let faults = Faults::parse(words)?;
            only(fields, &["path", "fault"])?;
            let pattern = pattern(fields)?;
            shared.orders.change(|standing| *standing.rule(pattern) = faults);
        }
        _ => {
            only(fields, &[])?;
            shared.orders.change(|standing| *standing = Standing::default());
            shared.counters.forget();
        }
    }
    Ok(())
}

/// The body's fields; no body has none.
fn fields(body: &Bytes) -> Result<Map<String, Value>, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(format!("the body is no JSON: {error}")),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match fields.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{key}` expects a text in quotes, found {other}")),
    }
}

fn pattern(fields: &Map<String, Value>) -> Result<Pattern, String> {
    match text(fields, "path")? {
        None => Ok(Pattern::All),
        Some(path) if path.starts_with('/') => Ok(Pattern::parse(path)),
        Some(path) => {
            Err(format!("`path` expects a path such as \"/items\" or \"/items/*\", found `{path}`"))
        }
    }
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) if known.is_empty() => Err(format!("unknown key `{key}`: this call has none")),
        Some(key) => Err(format!("unknown key `{key}`, expected {}", known.join(", "))),
    }
}
