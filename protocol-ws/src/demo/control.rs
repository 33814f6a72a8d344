//! Control calls: orders for the connections to come or for all there are, and what has come in so far.

use prony_transport::target::{Fields, Standing};
use serde_json::json;

use super::Shared;
use super::clients::Farewell;
use super::fault::Faults;
use super::head::Head;
use super::reply::Reply;

/// Where control calls begin.
pub(super) const PREFIX: &str = "/_control/";
/// Paths that orders may be for.
const PATHS: &str = "\"/echo\" or \"/room/*\"";

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
    match Fields::read(body).and_then(|fields| change(shared, order, &fields)) {
        Ok(()) => Reply::json(200, &json!({ "ok": true })),
        Err(error) => Reply::wrong(400, error),
    }
}

fn change(shared: &Shared, order: &str, fields: &Fields) -> Result<(), String> {
    match order {
        "stall" => {
            let (from, until) = fields.stall()?;
            shared.orders.change(|standing| standing.stall(from, until));
        }
        "fault" => {
            fields.only(&["path", "fault"])?;
            let words = fields.text("fault")?.ok_or("expected `fault`, such as \"close=1012&after=3\"")?;
            let faults = Faults::of_words(words)?;
            let pattern = fields.pattern(PATHS)?;
            shared.orders.change(|standing| standing.rule(pattern).map(|rule| *rule = faults))?;
        }
        "end" => {
            fields.only(&["path", "fault"])?;
            let words = fields.text("fault")?.unwrap_or("close=1012");
            let ending = Faults::of_words(words)?.ending;
            let ending =
                ending.ok_or("expected `fault` to be an ending, such as \"close=1012\" or \"reset\"")?;
            shared.clients.bid(Farewell { pattern: fields.pattern(PATHS)?, ending });
        }
        _ => {
            fields.only(&[])?;
            shared.orders.change(|standing| *standing = Standing::default());
            shared.counters.forget();
        }
    }
    Ok(())
}
