//! Same plan, same seed, same requests: in content and in order, for each user.

use std::collections::BTreeMap;

use crate::site::{Plan, Site, each};

const PLAN: &str = r#"
vars: {colour: red}
flows:
  - weight: 2
    steps:
      - http:
          post: "/u/{{user.id}}/{{iteration}}/{{random.int 1 1000000}}?c={{colour}}"
          json: {id: "{{random.uuid}}", x: "{{random.float 0 1}}"}
      - think: 1ms..3ms
      - http: "GET /u/{{user.id}}/{{random.text 12}}"
  - steps:
      - repeat: 2
        steps: [{http: "GET /u/{{user.id}}/loop/{{random.int 0 9}}"}]
"#;

/// What each user asked for, in its order.
fn requests(seed: u64, threads: u32) -> BTreeMap<String, Vec<(String, String)>> {
    let site = Site::open();
    Plan { load: each(6, 20), threads, seed, ..Plan::once(PLAN) }.run(&site);
    let mut users: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for asked in site.asked() {
        let user = asked.target.split('/').nth(2).expect("a user").to_owned();
        users.entry(user).or_default().push((asked.target, asked.body));
    }
    users
}

#[test]
fn the_same_seed_sends_the_same_requests_whatever_the_workers() {
    let first = requests(42, 1);
    assert_eq!(first.len(), 6);
    assert_eq!(first, requests(42, 1));
    assert_eq!(first, requests(42, 3));
    assert_ne!(first, requests(43, 1));
}

#[test]
fn users_draw_numbers_of_their_own() {
    let users = requests(42, 2);
    let bodies: Vec<_> = users
        .values()
        .flat_map(|asked| asked.iter().map(|(_, body)| body).filter(|body| !body.is_empty()))
        .collect();
    let mut different = bodies.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), bodies.len(), "no two bodies are alike");
}
