//! Functions that misbehave: for tests of what a host must bear. Nothing to copy from.

use std::hint::black_box;

use prony_plugin::prelude::*;

/// What the plan may say under `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The misbehaviour.
    r#do: Deed,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    /// A body and a header; every answer is good: no misbehaviour.
    Good,
    /// Panics.
    Panic,
    /// Computes forever.
    Loop,
    /// Takes memory until there is none.
    Memory,
    /// Waits for a second, and all others with it.
    Wait,
    /// Gives a header that is none, and a part of a kind that is none; finds an answer bad with a text that is no line.
    Garbage,
    /// Ends with an error.
    Error,
}

struct Bad(Deed);

impl Bad {
    #[expect(clippy::panic, reason = "it is bad")]
    #[expect(clippy::disallowed_methods, reason = "it is bad")]
    fn misbehave(&self, user: u32) -> Result {
        match self.0 {
            Deed::Good | Deed::Garbage => Ok(()),
            Deed::Panic => panic!("deliberate panic of user {user}"),
            Deed::Loop => compute_forever(),
            Deed::Memory => take_all_memory(),
            Deed::Wait => {
                std::thread::sleep(Duration::from_secs(1));
                Ok(())
            }
            Deed::Error => Err(Error::new("deliberate error")),
        }
    }
}

impl Generate for Bad {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self(config.r#do))
    }

    fn generate(&mut self, user: &User) -> Result<Message> {
        self.misbehave(user.id())?;
        if matches!(self.0, Deed::Garbage) {
            return Ok(Message::body([0xff, 0x00, 0x0a])
                .header("x-bad", "a\r\nx-smuggled: b")
                .field("colour", "hair", "red"));
        }
        Ok(Message::json(&json!({"user": user.id()}))?.header("x-iteration", user.iteration().to_string()))
    }
}

impl Validate for Bad {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self(config.r#do))
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        self.misbehave(0)?;
        reply.check("status is 200", reply.status() == 200);
        match self.0 {
            Deed::Garbage => Err(Error::new(format!("\u{1b}[31m\0\n{}", "very long ".repeat(10_000)))),
            _ => Ok(()),
        }
    }
}

fn compute_forever() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fn take_all_memory() -> ! {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

prony_plugin::request! {
    /// Misbehaves as `do` tells.
    "bad" => both Bad,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    #[test]
    fn good_is_good() {
        let mut host = Host::new();
        let message = host.user(4).generate::<Bad>(json!({"do": "good"})).unwrap();
        assert_eq!(message.bytes(), Some(&br#"{"user":4}"#[..]));
        assert_eq!(message.value("header", "x-iteration"), Some("0"));
        host.validate::<Bad>(json!({"do": "good"}), Answer::status(200)).unwrap();
        assert_eq!(host.check("status is 200").passed, 1);
    }

    #[test]
    fn garbage_is_garbage() {
        let mut host = Host::new();
        let message = host.generate::<Bad>(json!({"do": "garbage"})).unwrap();
        assert_eq!(message.value("colour", "hair"), Some("red"));
        let error = host.validate::<Bad>(json!({"do": "garbage"}), Answer::status(200)).unwrap_err();
        assert!(error.message().len() > 100_000);
    }

    #[test]
    fn errors_come_through() {
        let error = Host::new().generate::<Bad>(json!({"do": "error"})).unwrap_err();
        assert_eq!(error.message(), "deliberate error");
    }

    #[test]
    #[should_panic(expected = "deliberate panic of user 7")]
    fn a_panic_names_its_user() {
        let _never = Host::new().user(7).generate::<Bad>(json!({"do": "panic"}));
    }
}
