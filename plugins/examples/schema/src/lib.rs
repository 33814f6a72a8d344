//! Judges answers by a JSON Schema that stands in the plan.

use jsonschema::Validator;
use prony_plugin::prelude::*;
use serde_json::Value;

/// What the plan says under `config:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The schema, of any draft from 4 on; without `$schema` of draft 2020-12.
    schema: Value,
}

struct Schema {
    validator: Validator,
}

impl Validate for Schema {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        let validator = jsonschema::validator_for(&config.schema).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            Problem::new(format!("this is no JSON Schema{place}: {error}")).at(["schema"])
        })?;
        Ok(Self { validator })
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        let answer: Value = reply.json()?;
        match self.validator.validate(&answer) {
            Ok(()) => Ok(()),
            Err(error) => {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the whole answer" } else { &place };
                // Without the value, which differs from answer to answer.
                Err(Error::new(format!("{place}: {}", error.masked_with("the value"))))
            }
        }
    }
}

prony_plugin::request! {
    /// Judges the JSON of an answer by the schema in the plan.
    "schema" => validate Schema,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    fn config() -> Value {
        json!({"schema": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
                "total": {"type": "integer", "minimum": 0},
            },
            "$defs": {"item": {
                "type": "object",
                "required": ["id", "price"],
                "properties": {"price": {"type": "number", "exclusiveMinimum": 0}},
            }},
        }})
    }

    fn judge(answer: Answer) -> Result<(), String> {
        Host::new().validate::<Schema>(config(), answer).map_err(|error| error.message())
    }

    #[test]
    fn a_good_answer_is_good() {
        assert_eq!(judge(Answer::json(json!({"items": [{"id": 1, "price": 1.5}], "total": 1}))), Ok(()));
    }

    #[test]
    fn the_first_violation_is_told_with_its_place() {
        let free = json!({"items": [{"id": 1, "price": 1.5}, {"id": 2, "price": 0}]});
        let told = judge(Answer::json(free)).unwrap_err();
        assert_eq!(told, "/items/1/price: the value is less than or equal to the minimum of 0");
        let told = judge(Answer::json(json!({"total": 3}))).unwrap_err();
        assert_eq!(told, "the whole answer: \"items\" is a required property");
    }

    #[test]
    fn what_is_no_json_fails() {
        assert_eq!(judge(Answer::text("<html>")), Err("the answer (status 200) is no JSON".to_owned()));
    }

    #[test]
    fn a_schema_that_is_wrong_is_a_problem_of_the_plan() {
        let wrong = json!({"schema": {"properties": {"a": {"type": "colour"}}}});
        let problem = Host::new().configure_validator::<Schema>(wrong).err().unwrap();
        assert_eq!(problem.path(), ["schema"]);
        assert!(problem.message().starts_with("this is no JSON Schema at /properties/a/type: "), "{problem}");
    }
}
