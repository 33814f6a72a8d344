//! What a plan may say, and what it is told where it is wrong.

use prony_core::Variables;

use crate::server::{Manners, Server};
use crate::world::{ALL, NOTHING, World, compile, run, with_proto};

fn refused(target: Option<&str>, settings: &str, step: &str) -> String {
    let compiled = compile(target, settings, &[(step, NOTHING)], &Variables::default());
    compiled.err().expect(step)
}

#[test]
fn mistakes_of_steps_are_told_before_the_run() {
    let target = Some("grpc://127.0.0.1:1");
    for (step, part) in [
        ("test.v1.Probe/Unari", "Unary"),
        ("test.v1.Prob/Unary", "test.v1.Probe"),
        ("{data: {}}", "`call: pkg.Service/Method`"),
        ("{call: test.v1.Probe/Unary, health: x}", "`call` and `health`"),
        ("{call: test.v1.Probe/Unary, data: {txt: x}}", "text"),
        ("{call: test.v1.Probe/Unary, data: {}, raw: {hex: 00}}", "`data` and `raw`"),
        ("{call: test.v1.Probe/Unary, raw: {hex: 0}}", "pairs of hexadecimal digits"),
        ("{call: test.v1.Probe/Unary, raw: {}}", "`raw` with 0 sources"),
        (
            "{call: test.v1.Probe/Unary, count: 5}",
            "`count` for `test.v1.Probe/Unary`, which takes one message",
        ),
        ("{call: test.v1.Probe/Server, every: 1s}", "`every`"),
        ("{call: test.v1.Probe/Client, receive: 1}", "`receive`"),
        ("{call: test.v1.Probe/Server, key: id}", "`key`"),
        ("{call: test.v1.Probe/Both, key: nothing}", "no field `nothing`"),
        ("{call: test.v1.Probe/Both, every: 1s}", "`every` without an end"),
        ("{call: test.v1.Probe/Unary, deadline: 1s}", "write `timeout`"),
        ("{call: test.v1.Probe/Unary, metadata: {grpc-timeout: 1S}}", "write `timeout`"),
        ("{call: test.v1.Probe/Unary, metadata: {X: y}}", "lower-case"),
        ("{call: test.v1.Probe/Unary, metadata: {x-bin: '?'}}", "base64"),
        ("{call: test.v1.Probe/Unary, data: {text: '{{id}}'}}", "undefined variable `id`"),
        ("{health: x, data: {}}", "`data` beside `health`"),
    ] {
        let told = refused(target, &with_proto(""), step);
        assert!(told.contains(part) && told.starts_with("plan:1:"), "{step}: {told}");
    }
}

#[test]
fn mistakes_of_settings_are_told_before_the_run() {
    let step = "test.v1.Probe/Unary";
    for (settings, part) in [
        ("{proto: nothing.proto}", "nothing.proto"),
        ("{descriptors: nothing.bin}", "nothing.bin"),
        ("{imports: x}", "`imports` without `proto`"),
        ("{proto: a.proto, descriptors: b}", "`proto` and `descriptors` together"),
        ("{targets: [a]}", "with its port"),
    ] {
        let told = refused(Some("grpc://127.0.0.1:1"), settings, step);
        assert!(told.contains(part), "{settings}: {told}");
    }
    assert!(refused(None, &with_proto(""), step).contains("no target"));
    let told = refused(Some("grpc://127.0.0.1:1"), &with_proto("metadata: {Bad: x}"), step);
    assert!(told.contains("lower-case"), "{told}");
}

#[test]
fn a_server_is_asked_for_its_schema_in_either_version() {
    for reflection in [1, 2] {
        let server = Server::start(Manners { reflection, ..Manners::default() });
        let target = format!("grpc://{}", server.address);
        let steps = [
            ("{call: test.v1.Probe/Unary, data: {text: hi}}", ALL),
            ("{call: test.v1.Probe/Both, data: {text: hi}, count: 3}", ALL),
        ];
        let plan = compile(Some(&target), "{}", &steps, &Variables::default()).expect("compiles");
        run(async {
            let mut world = World::new(plan);
            let mut session = world.session(0);
            let exchange = world.perform(session.as_mut(), 0).await;
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            assert!(String::from_utf8_lossy(session.reply().body()).contains("\"text\":\"hi\""));
            let exchange = world.perform(session.as_mut(), 1).await;
            assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
            assert_eq!(world.recorded_as("message test.v1.Probe/Both").len(), 3);
        });
    }
}

#[test]
fn a_server_that_does_not_tell_its_schema_stops_the_run_with_advice() {
    let server = Server::start(Manners::default());
    let target = format!("grpc://{}", server.address);
    let told = refused(Some(&target), "{}", "test.v1.Probe/Unary");
    assert!(told.contains("the server has no reflection") && told.contains("proto: FILE.proto"), "{told}");
    let server = Server::start(Manners { reflection: 2, ..Manners::default() });
    let target = format!("grpc://{}", server.address);
    let told = refused(Some(&target), "{}", "other.v1.Shop/Buy");
    assert!(told.contains("other.v1.Shop") && told.contains("test.v1.Probe"), "{told}");
    let told = refused(Some(&target), "{}", "{call: test.v1.Probe/Unary, data: {txt: x}}");
    assert!(told.starts_with("plan:1:") && told.contains("text"), "{told}");
    let told = refused(Some("grpc://127.0.0.1:1"), "{}", "test.v1.Probe/Unary");
    assert!(told.contains("127.0.0.1:1") && told.contains("gRPC server listening"), "{told}");
    // Templates are looked at although the schema is not known.
    let told = refused(Some(&target), "{}", "{call: test.v1.Probe/Unary, data: {text: '{{id}}'}}");
    assert!(told.contains("undefined variable `id`"), "{told}");
}
