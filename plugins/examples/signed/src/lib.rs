//! Signed orders: a body of random items, and a header by which the server knows who wrote it.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use prony_plugin::prelude::*;
use sha2::Sha256;

/// What the plan says under `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The key that is shared with the server.
    key: String,
    /// Which key it is, for the server.
    #[serde(default = "test")]
    key_id: String,
    /// How many items an order has.
    #[serde(default = "five")]
    items: u32,
}

fn test() -> String {
    "test".to_owned()
}

fn five() -> u32 {
    5
}

#[derive(Serialize)]
struct Order {
    user: u32,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    id: i64,
    quantity: i64,
}

struct Signed {
    config: Config,
    /// The key, prepared once: each message goes on from a copy.
    mac: Hmac<Sha256>,
}

impl Generate for Signed {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        if config.key.is_empty() {
            return Err(Problem::new("the key is empty").at(["key"]).help("the server's own key"));
        }
        let mac = Hmac::new_from_slice(config.key.as_bytes());
        let mac = mac.map_err(|error| Problem::new(error.to_string()).at(["key"]))?;
        Ok(Self { config, mac })
    }

    fn generate(&mut self, user: &User) -> Result<Message> {
        let item = |_| Item { id: random::between(1, 1000), quantity: random::between(1, 9) };
        let order = Order { user: user.id(), items: (0..self.config.items).map(item).collect() };
        let body = serde_json::to_vec(&order)?;
        // Random numbers, and no counter of this instance: messages then do not depend on who else it serves.
        let nonce = format!("{}-{}-{:016x}", user.id(), user.iteration(), random::bits());
        let signature = self.sign(&nonce, &body);
        Ok(Message::body(body)
            .header("content-type", "application/json")
            .header("x-key-id", &self.config.key_id)
            .header("x-nonce", nonce)
            .header("x-signature", signature))
    }
}

impl Signed {
    /// HMAC-SHA256 (RFC 2104) of the nonce, a line break and the body, in hexadecimal.
    fn sign(&self, nonce: &str, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(nonce.as_bytes());
        mac.update(b"\n");
        mac.update(body);
        let mut hex = String::with_capacity(64);
        for byte in mac.finalize().into_bytes() {
            // Writing to a string never fails.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

prony_plugin::request! {
    /// An order of random items, signed with HMAC-SHA256.
    "signed" => generate Signed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::Host;

    /// Taken from `printf '1-2-3\n{"a":1}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn the_signature_is_that_of_other_tools() {
        let config = Config { key: "secret".to_owned(), key_id: test(), items: 1 };
        let signed = <Signed as Generate>::configure(config).unwrap();
        assert_eq!(
            signed.sign("1-2-3", br#"{"a":1}"#),
            "a4790fb25386074a0a2ca701742e10a3e867aa88cf137a529ae8da73b1e13ce7"
        );
    }

    #[test]
    fn messages_have_a_body_and_its_signature() {
        let mut host = Host::new();
        let message = host.user(7).generate::<Signed>(json!({"key": "secret", "items": 2})).unwrap();
        let body = message.bytes().unwrap().to_vec();
        let order: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(order["user"], 7);
        assert_eq!(order["items"].as_array().unwrap().len(), 2);
        assert!(message.value("header", "x-nonce").unwrap().starts_with("7-0-"));
        assert_eq!(message.value("header", "x-key-id"), Some("test"));
        assert_eq!(message.value("header", "x-signature").map(str::len), Some(64));
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut host = Host::new();
        let mut signed = host.configure_generator::<Signed>(json!({"key": "secret"})).unwrap();
        let mut nonce =
            || host.next_message(&mut signed).unwrap().value("header", "x-nonce").map(str::to_owned);
        assert_ne!(nonce(), nonce());
    }

    #[test]
    fn a_plan_without_a_key_is_told() {
        let problem = Host::new().configure_generator::<Signed>(json!({})).err().unwrap();
        assert_eq!(problem.message(), "missing field `key`");
        let problem = Host::new().configure_generator::<Signed>(json!({"key": ""})).err().unwrap();
        assert_eq!(problem.path(), ["key"]);
    }
}
