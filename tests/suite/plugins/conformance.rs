//! The same journey in every language: with the same seed the same requests go over the wire, byte by byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{guest, released};
use crate::binary::{Plan, Prony};
use crate::servers::Server;

/// Requests by user, each user's in order. A connection may pass from one to another.
type Wire = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Whose a request is: by the name at a login, by the token that it gets there, or by its order.
fn user_of(request: &str) -> String {
    let marks = [("\"user\":\"", '"'), ("Bearer t-", '\r'), ("\"order\":\"", '-')];
    let named = marks.iter().find_map(|(mark, end)| request.split_once(mark)?.1.split(*end).next());
    named.unwrap_or_else(|| panic!("whose is this? {request}")).to_owned()
}

/// A shop that keeps every byte that it is sent.
fn recording_shop() -> (Server, Wire) {
    let wire = Wire::default();
    let kept = Arc::clone(&wire);
    let server = Server::tcp(move |peer| {
        while let Some(request) = peer.request() {
            let user = user_of(&request);
            let (status, body) = match request.split_whitespace().nth(1) {
                Some("/login") => ("200 OK", format!(r#"{{"token":"t-{user}"}}"#)),
                Some("/items") => {
                    ("200 OK", r#"{"items":[{"id":3},{"id":5},{"id":8},{"id":13}],"total":4}"#.to_owned())
                }
                Some("/cart") => {
                    ("201 Created", request.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned())
                }
                Some(item) => {
                    let id = item.rsplit('/').next().unwrap_or_default();
                    ("200 OK", format!(r#"{{"id":{id},"name":"Item","price":1.25}}"#))
                }
                None => return,
            };
            kept.lock().expect("the list").entry(user).or_default().push(request);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            if !peer.send(answer.as_bytes()) {
                return;
            }
        }
    });
    (server, wire)
}

/// What the users of a plan send.
fn sent(plan: &str, seed: &str) -> Vec<Vec<String>> {
    let (server, wire) = recording_shop();
    let address = server.http();
    let text = plan.replace("TARGET", &address);
    let finished = Prony::run(&Plan::new(&text)).arguments(&["--seed", seed, "--threads", "2"]).finish();
    let wire = wire.lock().expect("the list");
    let port = address.rsplit(':').next().unwrap_or_default().to_owned();
    // The port is another one in each run.
    let clean = |request: &String| request.replace(&port, "PORT");
    let users: Vec<Vec<String>> =
        wire.values().map(|requests| requests.iter().map(clean).collect()).collect();
    assert!(!users.is_empty(), "{}\n{}", finished.stdout, finished.stderr);
    users
}

fn shop(plugin: &Path) -> String {
    format!(
        "target: TARGET\nscenarios:\n  shop:\n    load: {{users: 4, iterations: 5}}\n    plugin: {{path: {}, config: {{buy_share: 0.6, password: geheim}}}}\n",
        plugin.display()
    )
}

#[test]
fn the_shop_journey_sends_the_same_in_every_language() {
    let test = "the_shop_journey_sends_the_same_in_every_language";
    let Some(rust) = guest(test, "shop") else { return };
    let first = sent(&shop(&rust), "42");
    assert_eq!(first.len(), 4, "each user sends");
    let all: Vec<&String> = first.iter().flatten().collect();
    assert_eq!(all.iter().filter(|request| request.starts_with("POST /login ")).count(), 20);
    let buys = all.iter().filter(|request| request.starts_with("POST /cart ")).count();
    assert!((4..20).contains(&buys), "{buys} of 20 buy");
    assert_eq!(first, sent(&shop(&rust), "42"), "the same seed");
    assert_ne!(first, sent(&shop(&rust), "43"), "another seed");
    // The toolchain that builds JavaScript's is not to be had here as a package, so one that it has built is kept.
    for (language, plugin) in
        [("Python", guest(test, "shop-python")), ("JavaScript", Some(released("0.1.0", "shop-js")))]
    {
        let Some(plugin) = plugin else { continue };
        assert_eq!(sent(&shop(&plugin), "42"), first, "{language}");
    }
}

#[test]
fn the_order_functions_make_the_same_in_every_language() {
    let test = "the_order_functions_make_the_same_in_every_language";
    let plan = |plugin: &Path| {
        format!(
            "target: TARGET\nscenarios:\n  orders:\n    load: {{users: 3, iterations: 6}}\n    steps:\n      - http: {{post: /cart}}\n        generate: {{plugin: {0}, function: order, config: {{items: 4}}}}\n        validate: {{plugin: {0}, function: accepted}}\n",
            plugin.display()
        )
    };
    let Some(python) = guest(test, "orders-python") else { return };
    let first = sent(&plan(&python), "9");
    assert_eq!(first.iter().map(Vec::len).sum::<usize>(), 18);
    assert!(first[0][0].contains(r#"{"order":"0-0","items":[{"item_id":"#), "{}", first[0][0]);
    let Some(js) = guest(test, "orders-js") else { return };
    assert_eq!(sent(&plan(&js), "9"), first);
}
