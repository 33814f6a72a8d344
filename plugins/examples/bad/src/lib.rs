//! A plugin that misbehaves as its configuration tells it: for tests of what a host must bear. Nothing to copy from.

mod flood;
mod hang;
mod outside;

use std::cell::RefCell;

use prony_plugin::prelude::*;

thread_local! {
    /// Answers that are never let go.
    static KEPT: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
}

/// What the plan may say under `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The misbehaviour.
    r#do: Deed,
    /// How many requests `good` sends, one after the other.
    #[serde(default = "one")]
    requests: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    /// A request to `/` and a check of it: no misbehaviour.
    Good,
    /// Panics.
    Panic,
    /// A request to `/`, and then a panic in one of a hundred iterations.
    PanicSometimes,
    /// Computes forever, in silence.
    Loop,
    /// Computes for some 20 ms, then a request to `/`.
    Slow,
    /// Takes memory until there is none.
    Memory,
    /// Calls itself until the stack is full.
    Recursion,
    /// Says lines without end.
    LogFlood,
    /// New metrics and checks without end.
    MetricFlood,
    /// A request to `/` with a new name each time.
    NameFlood,
    /// A request to a host that no plan allows.
    ForeignHost,
    /// A thousand requests to `/` at a time.
    ManyRequests,
    /// Ends the iteration with an error.
    Error,
    /// Refuses its configuration.
    RefuseConfig,
    /// Panics while it is configured.
    TrapInConfigure,
    /// A request to `/` whose answer is kept forever.
    LeakReplies,
    /// Tries what the world outside may not be open to: environment, clock, files, sockets.
    Env,
    /// Ends the process, or what it takes for one.
    Exit,
}

struct Bad(Deed, u32);

impl Scenario for Bad {
    type Config = Config;

    #[expect(clippy::panic, reason = "it is bad")]
    fn configure(config: Config) -> Result<Self, Problem> {
        match config.r#do {
            Deed::RefuseConfig => {
                Err(Problem::new("this plugin refuses its configuration").at(["do"]).help("say `good`"))
            }
            Deed::TrapInConfigure => panic!("deliberate panic while configured"),
            deed => Ok(Self(deed, config.requests)),
        }
    }

    #[expect(clippy::panic, reason = "it is bad")]
    async fn journey(&self, user: &User) -> Result {
        match self.0 {
            Deed::Good | Deed::RefuseConfig | Deed::TrapInConfigure => {
                for _ in 0..self.1 {
                    let reply = http::get("/").await?;
                    reply.check("status is 200", reply.status() == 200);
                }
            }
            Deed::Panic => panic!("deliberate panic of user {}", user.id()),
            Deed::PanicSometimes => {
                http::get("/").await?;
                if random::chance(0.01) {
                    panic!("deliberate panic of user {}", user.id());
                }
            }
            Deed::Loop => hang::compute_forever(),
            Deed::Slow => {
                hang::compute(Duration::from_millis(20));
                http::get("/").await?;
            }
            Deed::Memory => hang::take_all_memory(),
            Deed::Recursion => hang::fill_the_stack(),
            Deed::LogFlood => flood::lines(),
            Deed::MetricFlood => flood::metrics_and_checks(),
            Deed::NameFlood => {
                let name = format!("user {} iteration {}", user.id(), user.iteration());
                http::get("/").name(name).await?;
            }
            Deed::ForeignHost => outside::request_a_foreign_host().await?,
            Deed::ManyRequests => flood::requests().await?,
            Deed::Error => return Err(Error::new("deliberate error")),
            Deed::LeakReplies => {
                let reply = http::get("/").await?;
                KEPT.with_borrow_mut(|kept| kept.push(reply));
            }
            Deed::Env => outside::try_all(),
            Deed::Exit => std::process::exit(3),
        }
        Ok(())
    }
}

prony_plugin::scenario!(Bad);

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    fn host() -> Host {
        let mut host = Host::new();
        host.on("GET", "/", Answer::text("hello"));
        host
    }

    #[test]
    fn good_is_good() {
        let mut host = host();
        host.run::<Bad>(json!({"do": "good"})).unwrap();
        assert_eq!(host.check("status is 200").passed, 1);
    }

    #[test]
    fn a_deed_that_is_none_is_told() {
        let problem = host().configure::<Bad>(json!({"do": "nothing"})).err().unwrap();
        assert_eq!(problem.path(), ["do"]);
        assert!(problem.message().starts_with("unknown variant `nothing`, expected one of `good`"));
        let refused = host().configure::<Bad>(json!({"do": "refuse_config"})).err().unwrap();
        assert_eq!((refused.path(), refused.advice()), (&["do".to_owned()][..], Some("say `good`")));
    }

    #[test]
    fn errors_and_failures_end_the_iteration() {
        let error = host().run::<Bad>(json!({"do": "error"})).unwrap_err();
        assert_eq!(error.message(), "deliberate error");
        let error = host().run::<Bad>(json!({"do": "foreign_host"})).unwrap_err();
        assert!(error.message().starts_with("unanswered: the test has no answer to GET http://192.0.2.1:9/"));
    }

    #[test]
    fn many_requests_go_at_a_time() {
        let mut host = Host::new();
        host.on("GET", "/", Answer::text("hello").after(Duration::from_millis(5)));
        host.run::<Bad>(json!({"do": "many_requests"})).unwrap();
        assert_eq!(host.requests().len(), 1000);
        assert_eq!(host.now(), Duration::from_millis(5));
    }

    #[test]
    fn names_and_answers_pile_up() {
        let mut host = host();
        host.run::<Bad>(json!({"do": "name_flood"})).unwrap();
        host.user(3).run::<Bad>(json!({"do": "name_flood"})).unwrap();
        let names: Vec<_> = host.requests().into_iter().map(|request| request.name).collect();
        assert_eq!(names, ["user 0 iteration 0", "user 3 iteration 0"]);
        host.run::<Bad>(json!({"do": "leak_replies"})).unwrap();
        assert_eq!(KEPT.with_borrow(Vec::len), 1);
    }

    #[test]
    #[should_panic(expected = "deliberate panic of user 7")]
    fn a_panic_names_its_user() {
        let _never = host().user(7).run::<Bad>(json!({"do": "panic"}));
    }
}
