//! Plugins of the world `request` on the fake host.

use prony_plugin::prelude::*;
use prony_plugin::testing::{Answer, Host};
use prony_plugin::vars;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    prefix: String,
}

struct Numbered {
    config: Config,
    made: u64,
}

impl Generate for Numbered {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self { config, made: 0 })
    }

    fn generate(&mut self, user: &User) -> Result<Message> {
        self.made += 1;
        let number = format!("{}{}-{}", self.config.prefix, user.id(), self.made);
        Ok(Message::new().path("/orders").query("dry_run", "true").header("x-number", number))
    }
}

struct Token;

impl Validate for Token {
    type Config = NoConfig;

    fn configure(_config: NoConfig) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        reply.check("status is 200", reply.status() == 200);
        vars::set("token", reply.header("x-token").ok_or("no token")?)
    }
}

prony_plugin::request! {
    /// Numbers its messages.
    "numbered" => generate Numbered,
    /// Keeps the token
    /// of an answer.
    "token" => validate Token,
}

#[test]
fn messages_come_one_after_the_other() {
    let mut host = Host::new();
    let mut numbered = host.user(7).configure_generator::<Numbered>(json!({"prefix": "n"})).unwrap();
    let first = host.next_message(&mut numbered).unwrap();
    let second = host.next_message(&mut numbered).unwrap();
    assert_eq!(first.value("header", "x-number"), Some("n7-1"));
    assert_eq!(second.value("header", "x-number"), Some("n7-2"));
    assert_eq!((first.value("path", ""), first.bytes()), (Some("/orders"), None));
    let problem = host.generate::<Numbered>(json!({})).unwrap_err();
    assert_eq!(problem.message(), "missing field `prefix`");
    assert!(problem.downcast_ref::<Problem>().is_some());
}

#[test]
fn a_step_sets_what_the_plan_names() {
    let mut host = Host::new();
    let answer = Answer::status(200).header("X-Token", "abc");
    let error = host.validate::<Token>((), answer.clone()).unwrap_err();
    assert_eq!(error.message(), "a step's plugin sets the variables that the plan names: `sets: [token]`");
    host.sets("token");
    host.validate::<Token>((), answer).unwrap();
    assert_eq!(host.variable("token").as_deref(), Some("abc"));
    let error = host.validate::<Token>((), Answer::status(204)).unwrap_err();
    assert_eq!(error.message(), "no token");
    assert_eq!((host.check("status is 200").passed, host.check("status is 200").failed), (2, 1));
}
