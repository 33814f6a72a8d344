//! What steps may look like in a plan.

use prony_core::Shape;
use prony_core::shape::Definitions;

use crate::data::DataSources;
use crate::protocols::Protocols;

/// The shapes that plans refer to by name: `step` and what stands in it.
#[must_use]
pub fn definitions(protocols: &Protocols) -> Definitions {
    vec![
        ("step", step(protocols)),
        ("steps", Shape::filled_list(Shape::reference("step"))),
        ("data_source", DataSources::source_shape()),
    ]
}

/// Adds the keys by which a scenario says what its users do.
#[must_use]
pub fn scenario_keys(scenario: Shape) -> Shape {
    let flow = Shape::map()
        .key("name", Shape::text(), "The flow's name.")
        .key("weight", Shape::integer(1, 1_000_000), "How often it is chosen, beside the others. Default 1.")
        .required("steps", Shape::reference("steps"), "What a user does in it.");
    scenario
        .key("steps", Shape::reference("steps"), "What a user does in an iteration.")
        .key(
            "plugin",
            prony_plugin_host::journey_shape(),
            "A plugin whose journey the users go, in place of `steps`.",
        )
        .key("flows", Shape::filled_list(flow), "Several courses an iteration may take, chosen by weight.")
        .key(
            "vars",
            Shape::map_of(Shape::text()),
            "Constants for templates: name to text. They win over the plan's.",
        )
        .key(
            "on_failure",
            Shape::one_of(&["continue", "end_iteration"]),
            "What a failed request does to its iteration. Default continue.",
        )
}

fn step(protocols: &Protocols) -> Shape {
    let mut step = Shape::map().elsewhere(&["sleep", "pause", "wait"], "write `think`: `- think: 1s`");
    for protocol in protocols {
        let (name, request) = (protocol.name(), protocol.step_shape());
        let inside = format!("belongs inside `{name}: {{…}}`, the long form");
        step = step.elsewhere(&request.key_names(), &inside).elsewhere(&["body"], &inside);
        step = step.key(
            name,
            request.elsewhere(
                &[
                    "check",
                    "checks",
                    "where",
                    "since",
                    "capture",
                    "name",
                    "on_failure",
                    "generate",
                    "validate",
                ],
                &format!("belongs beside `{name}:`, in the same step"),
            ),
            &format!("A request over {}.", name.to_uppercase()),
        );
    }
    let capture = Shape::map()
        .required(
            "from",
            Shape::text(),
            "Where the value comes from: `json $.id`, `header etag`, `regex /id=(\\d+)/`, …",
        )
        .key(
            "default",
            Shape::text(),
            "The value when nothing is found. Without it, finding nothing is a failure.",
        );
    let choice = Shape::map()
        .key("weight", Shape::integer(1, 1_000_000), "How often it is chosen, beside the others. Default 1.")
        .required("steps", Shape::reference("steps"), "What is done then.");
    step.key("name", Shape::text(), "The request's name in results. Default: method and path as written.")
        .key("check", Shape::list(Shape::text().example("status == 200")), "What must hold of the answer: `status == 200`, `time < 200ms`, `body contains \"ok\"`, `json $.id exists`, …")
        .key("where", Shape::list(Shape::text().example("json $.order == {{id}}")), "Of a step that waits for a message: which one it takes, in the words of `check`. The others are left for other steps.")
        .key("since", Shape::text(), "Of a step that waits for a message: the name of the step that causes it. The time then counts from that step, whatever protocol it speaks, to when the message came.")
        .key("capture", Shape::map_of(Shape::either(vec![Shape::text(), capture])), "Values kept from the answer as variables: name to `json $.id`, `header etag`, `cookie id`, `regex /…/`, `status` or `body`.")
        .key("on_failure", Shape::one_of(&["continue", "end_iteration"]), "What a failure of this request does to its iteration.")
        .key("generate", prony_plugin_host::function_shape(), "A plugin's function that makes the request's body and fields.")
        .key("validate", prony_plugin_host::function_shape(), "A plugin's function that judges the answer; what it finds wrong fails the request.")
        .key("think", think(), "A pause: `1s`, `1s..3s`, or a distribution.")
        .key("repeat", Shape::integer(0, 1_000_000_000), "How often the `steps` beside it are done.")
        .key("if", Shape::text().example("{{total}} > 100"), "A condition; the `steps` beside it are done when it holds, else those under `else`.")
        .key("else", Shape::reference("steps"), "What is done when the condition does not hold.")
        .key("group", Shape::text(), "A name for the `steps` beside it; together they are timed under it.")
        .key("exec", Shape::filled_list(choice), "One of several courses, chosen by weight.")
        .key("once", Shape::reference("steps"), "Steps that a user does once, in its first iteration: connecting, logging in. Those that did not come to their end are done again in the next iteration, and all when the user comes back after it had left.")
        .key("every", Shape::duration(), "A beat: the `steps` beside it are due at once and every so often, until the load wants the user no longer. A late beat counts from when it was due; none is left out.")
        .key("phase", Shape::one_of(&["start", "random"]), "When the first beat of `every` is: at once (start, default), or after a random part of the period.")
        .key("times", Shape::integer(1, 1_000_000_000), "How many beats `every` has. Default: as many as the load lets it.")
        .key("stay", Shape::either(vec![Shape::boolean(), Shape::duration()]), "Waits until the load wants the user no longer (`true`), or at most so long.")
        .key("steps", Shape::reference("steps"), "The steps of `repeat`, `if`, `group` or `every`.")
}

fn think() -> Shape {
    let bell = Shape::map().required("mean", Shape::duration(), "The mean.").required(
        "deviation",
        Shape::duration(),
        "The standard deviation.",
    );
    let decay = Shape::map().required("mean", Shape::duration(), "The mean.");
    let range = Shape::map().required("from", Shape::duration(), "The shortest pause.").required(
        "to",
        Shape::duration(),
        "The longest pause.",
    );
    let structured = Shape::map()
        .key("constant", Shape::duration(), "Always as long.")
        .key("uniform", range, "Anything in a range, evenly.")
        .key("normal", bell, "A bell curve; below zero counts as zero.")
        .key("exponential", decay, "Many short, few long ones.");
    Shape::either(vec![Shape::duration_or_range().example("1s..3s"), structured])
}
