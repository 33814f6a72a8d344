//! Control calls: orders for the connections to come or for all there are, and what has come in so far.

use std::time::Duration;

use prony_transport::target::{Pattern, Standing, clock, words};
use serde_json::{Map, Value, json};

use super::Shared;
use super::clients::Farewell;
use super::fault::Faults;
use super::head::Head;
use super::reply::Reply;

/// Where control calls begin.
pub(super) const PREFIX: &str = "/_control/";

/// The reply to a control call. It is held by no order.
pub(super) fn answer(shared: &Shared, head: &Head, body: &[u8]) -> Reply {
    let order = head.path().strip_prefix(PREFIX).unwrap_or_default();
    match (order, head.method.as_str()) {
        ("counters", "GET") => return Reply::json(200, &shared.counters.shown()),
        ("counters", _) => return Reply::wrong(405, "this path answers to GET").with("allow", "GET"),
        ("stall" | "fault" | "end" | "reset", "POST") => {}
        ("stall" | "fault" | "end" | "reset", _) => {
            return Reply::wrong(405, "this path answers to POST").with("allow", "POST");
        }
        _ => return Reply::unknown(head.path()),
    }
    match fields(body).and_then(|fields| change(shared, order, &fields)) {
        Ok(()) => Reply::json(200, &json!({ "ok": true })),
        Err(error) => Reply::wrong(400, error),
    }
}

fn change(shared: &Shared, order: &str, fields: &Map<String, Value>) -> Result<(), String> {
    match order {
        "stall" => {
            only(fields, &["after", "for"])?;
            let after = text(fields, "after")?;
            let after = after.map_or(Ok(Duration::ZERO), |text| words::duration("after", text))?;
            let length =
                text(fields, "for")?.ok_or("expected `for`, how long the stall lasts, such as \"2s\"")?;
            let from = clock::now() + after;
            let until = from + words::duration("for", length)?;
            shared.orders.change(|standing| standing.stall(from, until));
        }
        "fault" => {
            only(fields, &["path", "fault"])?;
            let words = text(fields, "fault")?.ok_or("expected `fault`, such as \"close=1012&after=3\"")?;
            let faults = Faults::of_words(words)?;
            let pattern = pattern(fields)?;
            shared.orders.change(|standing| *standing.rule(pattern) = faults);
        }
        "end" => {
            only(fields, &["path", "fault"])?;
            let words = text(fields, "fault")?.unwrap_or("close=1012");
            let ending = Faults::of_words(words)?.ending;
            let ending =
                ending.ok_or("expected `fault` to be an ending, such as \"close=1012\" or \"reset\"")?;
            shared.clients.bid(Farewell { pattern: pattern(fields)?, ending });
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
fn fields(body: &[u8]) -> Result<Map<String, Value>, String> {
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
        Some(path) => Err(format!("`path` expects a path such as \"/echo\" or \"/room/*\", found `{path}`")),
    }
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) if known.is_empty() => Err(format!("unknown key `{key}`: this call has none")),
        Some(key) => Err(format!("unknown key `{key}`, expected {}", known.join(", "))),
    }
}
