//! The host's side of `plugins/wit`, made from it when this crate is built.

/// The world `scenario`.
pub(crate) mod scenario {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit/0.1.1",
        world: "scenario",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "prony:plugin/exchange.reply": crate::host::HeldReply,
            "prony:plugin/group.group": crate::host::Passage,
            "prony:plugin/mqtt.publication": crate::host::HeldPublication,
            "prony:plugin/grpc.stream": crate::host::HeldStream,
        },
    });
}

/// The world `request`. What it imports is what the other world imports too.
pub(crate) mod request {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit/0.1.1",
        world: "request",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "prony:plugin/types": crate::bindings::scenario::prony::plugin::types,
            "prony:plugin/user": crate::bindings::scenario::prony::plugin::user,
            "prony:plugin/exchange": crate::bindings::scenario::prony::plugin::exchange,
            "prony:plugin/check": crate::bindings::scenario::prony::plugin::check,
            "prony:plugin/metric": crate::bindings::scenario::prony::plugin::metric,
            "prony:plugin/data": crate::bindings::scenario::prony::plugin::data,
            "prony:plugin/random": crate::bindings::scenario::prony::plugin::random,
            "prony:plugin/clock": crate::bindings::scenario::prony::plugin::clock,
            "prony:plugin/log": crate::bindings::scenario::prony::plugin::log,
            "prony:plugin/vars": crate::bindings::scenario::prony::plugin::vars,
        },
    });
}

pub(crate) use scenario::prony::plugin as wit;
