//! Configurations: from the JSON of a plan to a plugin's own type, with the path of what is wrong.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::Problem;

/// The configuration of a plugin that has none. A plan that gives one is told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Reads a configuration. `null`, a plan without one, is read as an empty map where the type knows no `null`.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Problem> {
    let value: Value =
        serde_json::from_str(json).map_err(|error| Problem::new(format!("this is no JSON: {error}")))?;
    if value.is_null() {
        return T::deserialize(Value::Null).or_else(|_| read(Value::Object(serde_json::Map::new())));
    }
    read(value)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Problem::new(error.inner().to_string()).at(steps(error.path())))
}

/// A path as the interface has it: keys, and numbers of items.
fn steps(path: &Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Shop {
        think_ms: u64,
        items: Vec<Item>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        price: f64,
    }

    fn problem(json: &str) -> String {
        parse::<Shop>(json).unwrap_err().to_string()
    }

    #[test]
    fn no_configuration_is_an_empty_one() {
        assert_eq!(parse::<Shop>("null"), Ok(Shop::default()));
        assert_eq!(parse::<()>("null"), Ok(()));
        assert_eq!(parse::<NoConfig>("null"), Ok(NoConfig {}));
        assert_eq!(parse::<Item>("null").unwrap_err().message(), "missing field `price`");
    }

    #[test]
    fn the_path_leads_to_the_wrong_value() {
        assert_eq!(
            problem(r#"{"items": [{"price": 1}, {"price": "x"}]}"#),
            "items.1.price: invalid type: string \"x\", expected f64"
        );
        assert_eq!(problem(r#"{"items": [{}]}"#), "items.0: missing field `price`");
        assert_eq!(
            problem(r#"{"thinkms": 3}"#),
            "thinkms: unknown field `thinkms`, expected `think_ms` or `items`"
        );
    }

    #[test]
    fn a_plugin_without_configuration_takes_none() {
        assert!(parse::<NoConfig>(r#"{"a": 1}"#).unwrap_err().message().contains("there are no fields"));
    }
}
