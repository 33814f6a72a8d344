//! Every path, as HTTP/1.1.

use crate::wire::{Wire, json_of, request, start, status_of};

#[test]
fn the_shop_answers_each_path() {
    let target = start(2);
    let wire = &mut Wire::open(&target);
    assert!(wire.get("/").1.starts_with("Prony"));
    let items = json_of(&wire.get("/items"));
    assert_eq!(items["items"][0]["id"], 1);
    let item = json_of(&wire.get("/items/4711"));
    assert_eq!(item["id"], 4711);
    assert!(item["name"].is_string() && item["price"].is_f64(), "{item}");
    for path in ["/items/0", "/items/-1", "/items/x", "/nowhere"] {
        assert_eq!(wire.status("GET", path), 404, "{path}");
    }
    let unknown = json_of(&wire.get("/nowhere"));
    assert!(unknown["paths"].as_array().expect("a list").contains(&"GET /items/{id}".into()), "{unknown}");
    assert_eq!(wire.status("DELETE", "/items"), 405);
}

#[test]
fn the_cart_takes_json_and_nothing_else() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let (head, body) = wire.call(&request("POST", "/cart", "", "{\"item_id\": 7}"));
    assert_eq!((status_of(&head), json_of(&(head, body))["item_id"].clone()), (201, 7.into()));
    let (head, body) = wire.call(&request("POST", "/cart", "", "item 7"));
    assert_eq!(status_of(&head), 400);
    assert!(body.contains("item_id"), "{body}");
}

#[test]
fn a_login_gives_a_token_and_a_cookie_that_open_the_door() {
    let target = start(2);
    let wire = &mut Wire::open(&target);
    let answer = wire.call(&request("POST", "/login", "", r#"{"user":"ada","password":"x"}"#));
    let token = json_of(&answer)["token"].as_str().expect("a token").to_owned();
    assert!(answer.0.contains(&format!("set-cookie: session={token};")), "{}", answer.0);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let by_form = wire.call(&request("POST", "/login", form, "user=ada&password=x%26y"));
    assert_eq!(json_of(&by_form)["token"], token.as_str());
    for body in ["", r#"{"user":"ada"}"#, r#"{"user":"ada","password":""}"#] {
        assert_eq!(status_of(&wire.call(&request("POST", "/login", "", body)).0), 401, "{body}");
    }
    for header in [
        format!("authorization: Bearer {token}\r\n"),
        format!("cookie: a=b; session={token}\r\n"),
        // ada:x
        "authorization: Basic YWRhOng=\r\n".to_owned(),
    ] {
        let answer = wire.call(&request("GET", "/me", &header, ""));
        assert_eq!(json_of(&answer)["user"], "ada", "{header}");
    }
    for header in ["", "authorization: Bearer made.up\r\n", "cookie: session=1\r\n"] {
        assert_eq!(status_of(&wire.call(&request("GET", "/me", header, "")).0), 401, "{header}");
    }
}

#[test]
fn an_echo_tells_what_came() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let echo = json_of(&wire.call(&request("PUT", "/echo?a=1&b=2", "x-one: 1\r\nx-one: 2\r\n", "hello")));
    assert_eq!(echo["method"], "PUT");
    assert_eq!((&echo["path"], &echo["query"]), (&"/echo".into(), &"a=1&b=2".into()));
    assert_eq!(echo["headers"]["x-one"], serde_json::json!(["1", "2"]));
    assert_eq!(echo["body"], "hello");
}

#[test]
fn bodies_have_the_length_asked_for_in_either_framing() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    let (head, body) = wire.get("/bytes/300000");
    assert!(head.contains("content-length: 300000"), "{head}");
    assert_eq!(body.len(), 300_000);
    let (head, body) = wire.get("/bytes/300000?chunked");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body.len(), 300_000);
    assert_eq!(wire.get("/bytes/0?chunked").1.len(), 0);
    assert_eq!(wire.get("/bytes/0").1.len(), 0);
    assert_eq!(wire.status("GET", "/bytes/100000000001"), 400);
    // A hundred gigabytes begin at once; nobody waits for the rest.
    wire.send(&request("GET", "/bytes/100000000000", "", ""));
    assert!(wire.head().contains("content-length: 100000000000"));
}

#[test]
fn statuses_redirects_codings_and_headers_come_as_ordered() {
    let target = start(1);
    let wire = &mut Wire::open(&target);
    for code in [200, 204, 304, 404, 503] {
        assert_eq!(wire.status("POST", &format!("/status/{code}")), code);
    }
    assert_eq!(wire.status("GET", "/status/99"), 400);
    let (head, _) = wire.get("/redirect/2");
    assert!(head.starts_with("HTTP/1.1 302") && head.contains("location: /redirect/1\r\n"), "{head}");
    assert_eq!(wire.status("GET", "/redirect/0"), 200);
    for coding in ["gzip", "br", "zstd"] {
        let (head, body) = wire.get_bytes(&format!("/{coding}"));
        assert!(head.contains(&format!("content-encoding: {coding}\r\n")), "{head}");
        let mut text = String::new();
        let decoded = match coding {
            "gzip" => std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text),
            "br" => std::io::Read::read_to_string(&mut brotli::Decompressor::new(&body[..], 4096), &mut text),
            _ => {
                let mut decoder = zstd::stream::read::Decoder::new(&body[..]).expect("zstd");
                std::io::Read::read_to_string(&mut decoder, &mut text)
            }
        };
        decoded.expect("decodes");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["coding"], coding);
        assert!(body.len() < text.len() / 2);
    }
    let (head, _) = wire.get("/headers/1000000");
    assert_eq!(head.matches('x').count(), 1_000_001 + head.matches("x-fill").count() - 1);
    let (head, _) = wire.get("/headers/1001?count=10");
    let values: Vec<usize> = head
        .lines()
        .filter(|line| line.starts_with("x-fill-"))
        .map(|line| line.split_once(": ").expect("a header").1.len())
        .collect();
    assert_eq!((values.len(), values.iter().sum::<usize>()), (10, 1001));
}
