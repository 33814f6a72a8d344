//! The calls of the interface as `wit-bindgen` makes them from the WIT, one module a world.
//!
//! They belong to the macros `scenario!` and `request!` and to `host`; plugins use the modules above.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, reason = "made from the WIT")]

/// The world of journeys. Its imports are those of the other world, too.
pub mod scenario {
    wit_bindgen::generate!({
        world: "scenario",
        path: "../wit/0.1.1",
        pub_export_macro: true,
        export_macro_name: "export_scenario",
        default_bindings_module: "prony_plugin::bindings::scenario",
    });
}

/// The world of functions that steps use.
pub mod request {
    wit_bindgen::generate!({
        world: "request",
        path: "../wit/0.1.1",
        with: {
            "prony:plugin/user@0.1.1": crate::bindings::scenario::prony::plugin::user,
            "prony:plugin/types@0.1.1": crate::bindings::scenario::prony::plugin::types,
            "prony:plugin/exchange@0.1.1": crate::bindings::scenario::prony::plugin::exchange,
            "prony:plugin/check@0.1.1": crate::bindings::scenario::prony::plugin::check,
            "prony:plugin/metric@0.1.1": crate::bindings::scenario::prony::plugin::metric,
            "prony:plugin/data@0.1.1": crate::bindings::scenario::prony::plugin::data,
            "prony:plugin/random@0.1.1": crate::bindings::scenario::prony::plugin::random,
            "prony:plugin/clock@0.1.1": crate::bindings::scenario::prony::plugin::clock,
            "prony:plugin/log@0.1.1": crate::bindings::scenario::prony::plugin::log,
            "prony:plugin/vars@0.1.1": crate::bindings::scenario::prony::plugin::vars,
        },
        pub_export_macro: true,
        export_macro_name: "export_request",
        default_bindings_module: "prony_plugin::bindings::request",
    });
}
