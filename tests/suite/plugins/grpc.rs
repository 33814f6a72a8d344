//! Plugins that speak gRPC, on the embedded target.

use serde_json::Value as Json;

use super::{Ran, guest, root};
use crate::binary::{Plan, Prony, Served};

fn run_on(target: &str, plan: &str) -> Ran {
    Ran::new(&plan.replace("TARGET", target), |plan: &Plan| {
        Prony::run(plan).arguments(&["--seed", "7"]).finish()
    })
}

/// The example, as its page has it run.
fn example(plugin: &std::path::Path) -> String {
    let plan =
        std::fs::read_to_string(root().join("plugins/examples/grpc-shop/plan.yaml")).expect("its plan");
    plan.replace("${TARGET:-grpc://127.0.0.1:50051}", "TARGET")
        .replace("./grpc_shop.wasm", &plugin.display().to_string())
        // How fast this machine is, beside other tests, is no matter of it.
        .replace("p95 < 100ms", "p95 < 10s")
}

/// Every check that was counted and failed.
fn failed_checks(scenario: &Json) -> Vec<String> {
    let checks = scenario["checks"].as_array().into_iter().flatten();
    let broken = checks.filter(|check| check["passed"] != check["evaluated"]);
    broken.map(|check| check["expression"].to_string()).collect()
}

#[test]
fn calls_in_bytes_in_json_and_streams_go_well() {
    let name = "calls_in_bytes_in_json_and_streams_go_well";
    let Some(shop) = guest(name, "grpc-shop") else { return };
    let served = Served::with_grpc();
    // What all four users have alone, share, and share in turns.
    for settings in
        ["{}", "{connections: {shared: 2, streams: 2}}", "{connections: per_iteration, compression: gzip}"]
    {
        let plan = format!("{}grpc: {settings}\n", example(&shop));
        let ran = run_on(served.grpc(), &plan);
        let scenario = &ran.summary["scenarios"]["shop"];
        assert!(matches!(ran.code, 0 | 4), "{settings}: {}", ran.stdout);
        assert_eq!(failed_checks(scenario), Vec::<String>::new(), "{settings}: {}", ran.stdout);
        for step in ["GetItem", "AddItem", "PlaceOrder", "look again", "gone", "prony.demo.v1.Shop/Chat"] {
            let figures = &scenario["steps"][step];
            assert_eq!(figures["requests"], 20, "{settings} {step}: {}", ran.stdout);
            assert_eq!(figures["failures"]["total"], 0, "{settings} {step}: {}", ran.stdout);
        }
        // Each line of the streams was timed on its own: by the key that the plugin knows.
        let lines = &scenario["deliveries"]["message prony.demo.v1.Shop/Chat"];
        assert_eq!(lines["messages"], 400, "{settings}: {}", ran.stdout);
        assert_eq!(lines["response_time_us"]["count"], 400, "{settings}: {}", ran.stdout);
        // Five messages of unary calls and twenty lines, twenty times.
        let metrics = &scenario["metrics"];
        assert_eq!(metrics["grpc.messages_sent"]["sum"], 500.0, "{settings}: {}", ran.stdout);
        assert_eq!(metrics["grpc.server_NOT_FOUND"]["sum"], 20.0, "{settings}: {}", ran.stdout);
    }
}

/// The same words in Python, and times by a key of the plugin's own: answers come out of order.
#[test]
fn python_speaks_grpc() {
    let Some(shop) = guest("python_speaks_grpc", "grpc-shop-python") else { return };
    let served = Served::with_grpc();
    let plan = std::fs::read_to_string(root().join("plugins/examples/grpc-shop-python/plan.yaml"));
    let plan = plan.expect("its plan").replace("${TARGET:-grpc://127.0.0.1:50051}", "TARGET");
    let ran = run_on(served.grpc(), &plan.replace("./shop.wasm", &shop.display().to_string()));
    let scenario = &ran.summary["scenarios"]["shop"];
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
    assert_eq!(failed_checks(scenario), Vec::<String>::new(), "{}", ran.stdout);
    for step in ["GetItem", "AddItem", "PlaceOrder", "Echo", "gone", "Watch", "Upload", "Chat"] {
        let figures = &scenario["steps"][step];
        assert_eq!(figures["requests"], 20, "{step}: {}", ran.stdout);
        assert_eq!(figures["failures"]["total"], 0, "{step}: {}", ran.stdout);
    }
    let answers = &scenario["deliveries"]["message Chat"]["response_time_us"]["count"];
    assert_eq!(*answers, 400, "{}", ran.stdout);
}

#[test]
fn json_goes_by_the_plans_files_too() {
    let name = "json_goes_by_the_plans_files_too";
    let Some(shop) = guest(name, "grpc-shop") else { return };
    let served = Served::with_grpc();
    let proto = root().join("protocol-grpc/proto/prony/demo/v1/shop.proto");
    let plan = format!("{}grpc: {{proto: '{}'}}\n", example(&shop), proto.display());
    let ran = run_on(served.grpc(), &plan);
    // 4: the figures of a machine that is busy with other tests may not count; what was counted does.
    assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
}

#[test]
fn a_plugin_without_a_grpc_server_is_told() {
    let Some(shop) = guest("a_plugin_without_a_grpc_server_is_told", "grpc-shop") else { return };
    let plan = Plan::new(&example(&shop).replace("TARGET", "http://127.0.0.1:9"));
    let finished = Prony::run(&plan).finish();
    assert_eq!(finished.exit_code(), 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("target: grpc://host:port"), "{}", finished.stderr);
}

#[test]
fn a_grpc_server_that_is_gone_is_a_failure_of_its_own_kind() {
    let name = "a_grpc_server_that_is_gone_is_a_failure_of_its_own_kind";
    let Some(shop) = guest(name, "grpc-shop") else { return };
    let [port] = crate::processes::free_ports();
    let ran = run_on(&format!("grpc://127.0.0.1:{port}"), &example(&shop));
    let scenario = &ran.summary["scenarios"]["shop"];
    assert_eq!(scenario["failures"]["by_kind"]["connect_refused"], 20, "{}", ran.stdout);
    assert_eq!(scenario["iterations"]["failed"], 20, "{}", ran.stdout);
}

#[test]
fn what_an_iteration_leaves_open_at_the_end_is_cut_off() {
    let name = "what_an_iteration_leaves_open_at_the_end_is_cut_off";
    let Some(shop) = guest(name, "grpc-shop") else { return };
    let served = Served::with_grpc();
    // More lines than there is time for.
    let plan = example(&shop)
        .replace("lines: 20", "lines: 100000000")
        .replace("iterations: 5}", "for: 1s}\n    graceful_stop: 0s");
    let ran = run_on(served.grpc(), &plan);
    let steps = &ran.summary["scenarios"]["shop"]["steps"];
    let chat = &steps["prony.demo.v1.Shop/Chat"];
    assert_eq!(chat["failures"]["by_kind"]["cut"], 4, "{}", ran.stdout);
    assert_eq!(chat["requests"], 4, "each is recorded once: {}", ran.stdout);
}
