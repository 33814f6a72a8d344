//! The fake host: what a plugin's tests see of a plugin.

use std::time::{Duration, SystemTime};

use prony_plugin::log::Level;
use prony_plugin::prelude::*;
use prony_plugin::testing::{Answer, Host, Request};
use prony_plugin::{Error, metric, vars};

#[test]
fn a_request_without_an_answer_is_a_failure_that_says_so() {
    let mut host = Host::new();
    host.on("POST", "/login", Answer::status(200));
    let failure = host.wait_for(http::get("/items?page=2").send()).unwrap_err();
    assert_eq!(failure.kind(), "unanswered");
    assert_eq!(failure.message(), "the test has no answer to GET /items?page=2; it has: POST /login");
    assert_eq!(host.failed_requests()[0].name, "GET /items");
}

#[test]
fn the_answer_given_last_wins() {
    let mut host = Host::new();
    host.on("*", "*", Answer::status(404)).on("GET", "/a", Answer::status(200));
    let status = |host: &mut Host, url: &str| host.wait_for(http::get(url).send()).unwrap().status();
    assert_eq!((status(&mut host, "/a?x=1"), status(&mut host, "/b")), (200, 404));
    host.on("GET", "/a?x=1", Answer::status(500));
    assert_eq!((status(&mut host, "/a?x=1"), status(&mut host, "/a?x=2")), (500, 200));
}

#[test]
fn closures_answer_by_the_request() {
    let mut host = Host::new();
    host.on("POST", "/echo", |request: &Request| Answer::text(request.text()));
    let reply = host.wait_for(http::post("/echo").text("hello").send()).unwrap();
    assert_eq!(reply.text(), "hello");
}

#[test]
fn unexpected_statuses_and_checks_fail_requests() {
    let mut host = Host::new();
    host.on("GET", "/gone", Answer::status(404));
    host.on("GET", "/broken", Answer::status(503));
    host.on("GET", "/fine", Answer::status(200));
    host.run_journey(async |_user: &User| {
        http::get("/gone").await?;
        http::get("/gone").expect([200, 404]).await?;
        http::get("/broken").await?;
        let reply = http::get("/fine").expect(200..=299).await?;
        reply.check("is red", false);
        check("of the scenario", false);
        Ok(())
    })
    .unwrap();
    let kinds: Vec<_> = host.requests().into_iter().map(|request| request.failure).collect();
    let kind = |name: &str| Some(name.to_owned());
    assert_eq!(kinds, [kind("status_4xx"), None, kind("status_5xx"), kind("check")]);
    assert_eq!((host.check("is red").failed, host.check("of the scenario").failed), (1, 1));
}

#[test]
fn a_request_beyond_its_time_fails() {
    let mut host = Host::new();
    host.on("GET", "/", Answer::status(200).after(Duration::from_secs(3)));
    let failure = host.wait_for(http::get("/").timeout(Duration::from_secs(2)).send()).unwrap_err();
    assert_eq!(failure.to_string(), "timeout: no answer within 2s");
    assert_eq!(host.now(), Duration::from_secs(2));
    assert_eq!(host.requests()[0].failure.as_deref(), Some("timeout"));
}

#[test]
fn groups_are_timed_and_fail_with_their_error() {
    let mut host = Host::new();
    let error = host
        .run_journey(async |_user: &User| {
            group("good", sleep(Duration::from_millis(5)).then_ok()).await?;
            group("bad", async { Err::<(), _>(Error::new("no stock")) }).await
        })
        .unwrap_err();
    assert_eq!(error.message(), "no stock");
    let groups: Vec<_> =
        host.groups().into_iter().map(|group| (group.name, group.failed, group.time)).collect();
    assert_eq!(
        groups,
        [("good".to_owned(), false, Duration::from_millis(5)), ("bad".to_owned(), true, Duration::ZERO)]
    );
}

/// Only here, to have a group of something that is no `async` block.
trait ThenOk: Future<Output = ()> + Sized {
    async fn then_ok(self) -> Result {
        self.await;
        Ok(())
    }
}

impl<F: Future<Output = ()>> ThenOk for F {}

#[test]
fn a_metric_has_one_kind_and_unit() {
    let mut host = Host::new();
    host.within(|| {
        metric::add("orders", "orders", 2.0);
        metric::add("orders", "orders", -1.0);
        metric::add("orders", "EUR", 5.0);
        metric::trend("orders", "orders", 5.0);
        metric::set("stock", "", 3.0);
        metric::set("stock", "", 1.0);
    });
    assert_eq!((host.counter("orders"), host.gauge("stock")), (2.0, Some(1.0)));
    assert_eq!(host.metrics(), ["orders", "stock"]);
    let warnings: Vec<_> = host.logs().into_iter().filter(|line| line.level == Level::Warn).collect();
    assert_eq!(warnings.len(), 2);
    assert_eq!(
        warnings[0].message,
        "metric `orders` is a counter of `orders`, and is used as a counter of `EUR`"
    );
}

#[test]
fn data_sources_begin_again_or_end() {
    let mut host = Host::new();
    host.data("users", [[("name", "ada")], [("name", "bob")]]);
    host.data("once", [[("name", "eve")]]).ends("once");
    host.within(|| {
        let name = |row: Option<data::Row>| row.and_then(|row| row.get("name").map(str::to_owned));
        let next = |source: &str| name(data::next(source).unwrap());
        assert_eq!([next("users"), next("users"), next("users")].map(Option::unwrap), ["ada", "bob", "ada"]);
        assert_eq!(name(Some(data::at("users", 3).unwrap())).as_deref(), Some("bob"));
        assert_eq!(data::rows("users").unwrap(), 2);
        assert_eq!((next("once").as_deref(), next("once")), (Some("eve"), None));
        let error = data::next("usres").unwrap_err();
        assert!(error.message().starts_with("the plan has no data source `usres`"));
        assert!(error.to_string().contains("host.rs:"), "the place is the plugin's: {error}");
    });
}

#[test]
fn users_have_their_own_numbers_variables_and_iterations() {
    let mut host = Host::new();
    host.var("tenant", "acme").users(2);
    let journey = async |user: &User| {
        let before = vars::get("last").unwrap_or_default();
        vars::set("last", format!("{}/{}", user.id(), user.iteration()))?;
        info!("{} {before} {} {}", user.scenario(), user.users(), random::between(1, 1000));
        assert_eq!(vars::get("tenant").as_deref(), Some("acme"));
        Ok(())
    };
    for user in [0, 1, 0] {
        host.user(user).run_journey(journey).unwrap();
    }
    let lines: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert!(lines[0].starts_with("test  2 "), "{lines:?}");
    assert!(lines[2].starts_with("test 0/0 2 "), "{lines:?}");
    assert_eq!(host.variable("last").as_deref(), Some("0/1"));
    let number = |line: &str| line.rsplit(' ').next().map(str::to_owned);
    assert_ne!(number(&lines[0]), number(&lines[1]));
}

#[test]
fn the_time_of_day_is_known_when_the_plan_allows_it() {
    let mut host = Host::new();
    assert_eq!(host.within(clock::wall), None);
    let beginning = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    host.wall(beginning);
    host.wait_for(sleep(Duration::from_micros(1)));
    // To the millisecond, as sleeping goes.
    assert_eq!(host.within(clock::wall), Some(beginning + Duration::from_millis(1)));
}

#[test]
fn the_first_of_two_ends_the_wait() {
    let mut host = Host::new();
    host.on("GET", "/a", Answer::status(200).after(Duration::from_secs(9)));
    host.on("GET", "/b", Answer::failure("connect_refused", "nobody listens").after(Duration::from_secs(1)));
    let failure = host.wait_for(try_join(http::get("/a").send(), http::get("/b").send())).unwrap_err();
    assert_eq!(failure.kind(), "connect_refused");
    assert_eq!(host.now(), Duration::from_secs(1));
}
