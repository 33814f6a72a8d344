//! The shape of a whole plan, and the JSON Schema it makes.

use prony_core::Shape;
use prony_scenario::PROTOCOLS;
use prony_scenario::data::DataSources;
use prony_transport::Connector;
use serde_json::{Value as Json, json};

use crate::plan::{load, threshold, trace};

/// What a plan may look like.
#[must_use]
pub fn shape() -> Shape {
    let scenarios = Shape::map_of(scenario());
    let mut plan = Shape::map()
        .key("name", Shape::text(), "The plan's name in results. Default: the file's name.")
        .key("seed", Shape::integer(0, u64::MAX), "Where all randomness comes from; the same seed sends the same requests. Default: a new one each run, told in the results.")
        .key("include", Shape::list(Shape::text()), "Further plan files, laid under this one: what this file says wins.")
        .key("vars", Shape::map_of(Shape::text()), "Constants for templates: name to text.")
        .key("data", DataSources::shape(), "Data sources by name; a column is the variable `NAME.COLUMN`.");
    plan = wiring(plan);
    plan = timing(plan).key(
        "outputs",
        crate::output::streams_shape(),
        "Monitoring systems that figures are streamed to while the run lasts: kind to where.",
    );
    plan.required("scenarios", scenarios, "What is run, side by side: name to scenario.").key(
        "thresholds",
        Shape::list(threshold::shape()),
        "What must hold for the run to pass.",
    )
}

fn scenario() -> Shape {
    let scenario = Shape::map().required("load", load::shape(), "How much load.");
    let scenario = prony_scenario::scenario_keys(scenario);
    timing(wiring(scenario))
        .key(
            "start_after",
            Shape::duration(),
            "How long after the run's beginning the scenario begins. Default 0s.",
        )
        .key(
            "iteration_every",
            Shape::duration(),
            "Closed load: the least time from one iteration's start to the next of the same user.",
        )
}

fn wiring(mut shape: Shape) -> Shape {
    let mut by_protocol = Shape::map();
    for protocol in PROTOCOLS {
        let name = protocol.name();
        by_protocol = by_protocol.key(name, Shape::text(), &format!("Where {} goes.", name.to_uppercase()));
    }
    shape = shape.key(
        "target",
        Shape::either(vec![Shape::text(), by_protocol]),
        "Where requests go whose URL has no host: `https://shop.test:8443`. A map gives each protocol its own.",
    );
    for protocol in PROTOCOLS {
        shape = shape.key(
            protocol.name(),
            protocol.settings_shape(),
            &format!("How {} is spoken.", protocol.name().to_uppercase()),
        );
    }
    shape.key("tls", Connector::tls_shape(), "Whom to trust and who to be over TLS.").key(
        "network",
        Connector::network_shape(),
        "Source addresses, names, connection time-outs.",
    )
}

fn timing(shape: Shape) -> Shape {
    shape
        .key("warmup", Shape::duration(), "Iterations due within this time of a scenario's beginning are left out of all figures. Default 0s.")
        .key("graceful_stop", Shape::duration(), "How long iterations under way may go on when the load has ended; then they are cut off and counted. Default 30s.")
        .key("trace", trace::shape(), "Makes each iteration a trace and tells servers of it (`traceparent`); this share of them is sampled. A scenario's own wins.")
}

/// The shape as JSON Schema, draft 2020-12.
#[must_use]
pub fn schema() -> Json {
    let mut schema = shape().schema();
    if let Json::Object(object) = &mut schema {
        object.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".to_owned(), "A Prony plan".into());
        let definitions = prony_scenario::definitions(PROTOCOLS);
        let definitions = definitions.iter().map(|(name, shape)| ((*name).to_owned(), shape.schema()));
        object.insert("$defs".to_owned(), json!(definitions.collect::<serde_json::Map<_, _>>()));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every property everywhere has a description.
    fn undescribed(schema: &Json, path: &str, found: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            for (name, property) in properties {
                if property.get("description").is_none() && property.get("$ref").is_none() {
                    found.push(format!("{path}.{name}"));
                }
            }
        }
        match schema {
            Json::Object(object) => {
                object.iter().for_each(|(name, inner)| undescribed(inner, &format!("{path}.{name}"), found));
            }
            Json::Array(items) => items.iter().for_each(|inner| undescribed(inner, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_key_has_a_description() {
        let mut found = Vec::new();
        undescribed(&schema(), "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
