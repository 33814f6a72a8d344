//! Readings of sensors: what a plan's `mqtt: {publish: …}` sends, and a judge of how the broker answers.

use prony_plugin::prelude::*;

/// What the plan says under `config:` of `reading`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The site, which topics begin with.
    site: String,
    /// The least and the greatest value.
    #[serde(default = "range")]
    range: (i64, i64),
}

const fn range() -> (i64, i64) {
    (-20, 45)
}

#[derive(Serialize)]
struct Reading {
    sensor: u32,
    number: u64,
    celsius: i64,
}

struct Readings {
    config: Config,
}

impl Generate for Readings {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        if config.site.is_empty() || config.site.contains(['+', '#']) {
            return Err(Problem::new("the site cannot be in a topic")
                .at(["site"])
                .help("a name without `+` and `#`"));
        }
        if config.range.0 > config.range.1 {
            return Err(Problem::new("the range is upside down").at(["range"]));
        }
        Ok(Self { config })
    }

    /// A topic in place of the step's, a payload, and a user property of MQTT 5.
    fn generate(&mut self, user: &User) -> Result<Message> {
        let (low, high) = self.config.range;
        let celsius = random::between(low, high);
        let reading = Reading { sensor: user.id(), number: user.iteration(), celsius };
        Ok(Message::json(&reading)?
            .field("topic", "", format!("{}/{}/celsius", self.config.site, user.id()))
            .field("property", "unit", "celsius"))
    }
}

/// The broker must have handed the message to somebody: reason code 0, not 16.
struct Heard;

/// There is nothing to say about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Validate for Heard {
    type Config = Nothing;

    fn configure(_: Nothing) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        match reply.status() {
            0 => Ok(()),
            code => Err(Error::new(format!("nobody heard it: reason code {code}"))),
        }
    }
}

prony_plugin::request! {
    /// A reading of the user's sensor.
    "reading" => generate Readings,
    /// Somebody subscribes to it, as far as the broker says (MQTT 5).
    "heard" => validate Heard,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::Host;

    #[test]
    fn a_reading_has_a_topic_of_its_sensor() {
        let mut host = Host::new();
        let message = host.user(3).generate::<Readings>(json!({"site": "a", "range": [5, 5]})).unwrap();
        assert_eq!(message.value("topic", ""), Some("a/3/celsius"));
        assert_eq!(message.value("property", "unit"), Some("celsius"));
        let body = message.bytes().unwrap();
        assert_eq!(body, br#"{"sensor":3,"number":0,"celsius":5}"#);
    }

    #[test]
    fn a_site_that_would_be_a_filter_is_told() {
        let problem = Host::new().configure_generator::<Readings>(json!({"site": "a/#"})).err().unwrap();
        assert_eq!(problem.path(), ["site"]);
    }
}
