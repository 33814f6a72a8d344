//! What a plan may look like, once for both uses: [`Shape::check`] holds a document against it, and
//! [`Shape::schema`] tells editors the same as JSON Schema. So the two cannot drift apart.

use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::document::{Node, Value};
use crate::units;

/// What may stand at a place of a plan.
#[derive(Clone, Debug)]
pub struct Shape {
    kind: Kind,
    description: String,
    examples: Vec<String>,
    /// What to do about a value that is none of those meant.
    advice: Option<&'static str>,
    /// Words of other tools, or of other places, that are no keys of this map: what to write instead.
    elsewhere: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
enum Kind {
    Text,
    OneOf(Vec<&'static str>),
    Integer { low: u64, high: u64 },
    Number,
    Boolean,
    Duration,
    DurationOrRange,
    Rate,
    Size,
    Share,
    Anything,
    List { item: Box<Shape>, at_least: usize },
    Map(Vec<Key>),
    MapOf(Box<Shape>),
    Either(Vec<Shape>),
    Reference(&'static str),
}

#[derive(Clone, Debug)]
struct Key {
    name: &'static str,
    required: bool,
    shape: Shape,
}

/// What [`units::parse_duration`] takes, blanks before it left out, as a regular expression of JSON Schema.
const DURATION: &str = r"(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d) *)+)";
/// What [`units::parse_rate`] takes.
const RATE: &str = r"^ *(\d+\.?\d*|\.\d+) */ *(s|sec|second|m|min|minute|h|hour) *$";

/// Shapes that refer to themselves (steps within steps), by name.
pub type Definitions = Vec<(&'static str, Shape)>;

macro_rules! scalar {
    ($($(#[$doc:meta])* $name:ident => $kind:expr),* $(,)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name() -> Self { Self::of($kind) }
    )*};
}

impl Shape {
    fn of(kind: Kind) -> Self {
        Self { kind, description: String::new(), examples: Vec::new(), advice: None, elsewhere: Vec::new() }
    }

    scalar! {
        /// Any scalar.
        text => Kind::Text,
        /// Any finite number.
        number => Kind::Number,
        /// `true` or `false`.
        boolean => Kind::Boolean,
        /// A duration: `1m30s`.
        duration => Kind::Duration,
        /// A duration, or a range of them: `1s..3s`. Held to be a text; who reads it looks further.
        duration_or_range => Kind::DurationOrRange,
        /// A rate: `500/s`.
        rate => Kind::Rate,
        /// A size: `64kb`.
        size => Kind::Size,
        /// A share: `0.1%`.
        share => Kind::Share,
        /// Anything at all: somebody else's format.
        anything => Kind::Anything,
    }

    /// One of these words.
    #[must_use]
    pub fn one_of(words: &[&'static str]) -> Self {
        Self::of(Kind::OneOf(words.to_vec()))
    }

    /// A whole number from `low` to `high`, both included.
    #[must_use]
    pub fn integer(low: u64, high: u64) -> Self {
        Self::of(Kind::Integer { low, high })
    }

    /// A list of `item`; one `item` alone may stand without brackets.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::of(Kind::List { item: Box::new(item), at_least: 0 })
    }

    /// A list of `item` that is not empty.
    #[must_use]
    pub fn filled_list(item: Self) -> Self {
        Self::of(Kind::List { item: Box::new(item), at_least: 1 })
    }

    /// A map with fixed keys; add them by [`Self::key`] and [`Self::required`].
    #[must_use]
    pub fn map() -> Self {
        Self::of(Kind::Map(Vec::new()))
    }

    /// A map from any name to `value`.
    #[must_use]
    pub fn map_of(value: Self) -> Self {
        Self::of(Kind::MapOf(Box::new(value)))
    }

    /// One of several shapes. Give at most one for scalars, one for lists and one for maps: the document's own kind
    /// tells which is meant, so a mistake can be told precisely.
    #[must_use]
    pub fn either(shapes: Vec<Self>) -> Self {
        Self::of(Kind::Either(shapes))
    }

    /// The shape of that name among the definitions.
    #[must_use]
    pub fn reference(name: &'static str) -> Self {
        Self::of(Kind::Reference(name))
    }

    /// Adds a key that may be missing.
    #[must_use]
    pub fn key(self, name: &'static str, shape: Self, description: &str) -> Self {
        self.add(Key { name, required: false, shape: shape.described(description) })
    }

    /// Adds a key that must be there.
    #[must_use]
    pub fn required(self, name: &'static str, shape: Self, description: &str) -> Self {
        self.add(Key { name, required: true, shape: shape.described(description) })
    }

    fn add(mut self, key: Key) -> Self {
        if let Kind::Map(keys) = &mut self.kind {
            keys.push(key);
        }
        self
    }

    /// The same with a description, in one or two sentences with units and default.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        if !description.is_empty() {
            description.clone_into(&mut self.description);
        }
        self
    }

    /// The same with an example, as it would stand in a plan.
    #[must_use]
    pub fn example(mut self, example: &str) -> Self {
        self.examples.push(example.to_owned());
        self
    }

    /// The same with advice for whoever writes something else here.
    #[must_use]
    pub const fn advice(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Words that are no keys of this map (or of the maps among several shapes) though people try them, and what to write
    /// instead.
    #[must_use]
    pub fn elsewhere(mut self, words: &[&'static str], advice: &str) -> Self {
        match &mut self.kind {
            Kind::Either(shapes) => {
                for shape in shapes.iter_mut().filter(|shape| matches!(shape.kind, Kind::Map(_))) {
                    shape.elsewhere.extend(words.iter().map(|word| (*word, advice.to_owned())));
                }
            }
            _ => self.elsewhere.extend(words.iter().map(|word| (*word, advice.to_owned()))),
        }
        self
    }

    /// The keys of a map; of anything else, or of one of several shapes that is a map.
    #[must_use]
    pub fn key_names(&self) -> Vec<&'static str> {
        match &self.kind {
            Kind::Map(keys) => keys.iter().map(|key| key.name).collect(),
            Kind::Either(shapes) => shapes.iter().flat_map(Self::key_names).collect(),
            _ => Vec::new(),
        }
    }

    /// Holds `node` against this shape.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self, node: &Node, definitions: &Definitions) -> Result<(), Diagnostic> {
        let advised = |mistake: Diagnostic| match (self.advice, &mistake.help) {
            (Some(advice), None) => mistake.help(advice),
            _ => mistake,
        };
        self.check_kind(node, definitions).map_err(advised)
    }

    fn check_kind(&self, node: &Node, definitions: &Definitions) -> Result<(), Diagnostic> {
        match &self.kind {
            Kind::Anything => Ok(()),
            Kind::Text | Kind::DurationOrRange => node.text().map(|_| ()).map_err(|_| {
                let mistake = node.unexpected(&self.expectation());
                match self.examples.first() {
                    Some(example) => mistake.help(format!("for example `{example}`")),
                    None => mistake,
                }
            }),
            Kind::OneOf(words) => one_of(node, words),
            Kind::Integer { low, high } => node.integer(*low..=*high).map(|_| ()),
            Kind::Number => node.number().map(|_| ()),
            Kind::Boolean => node.boolean().map(|_| ()),
            Kind::Duration => node.duration().map(|_| ()),
            Kind::Rate => node.rate().map(|_| ()),
            Kind::Size => node.size().map(|_| ()),
            Kind::Share => node.share().map(|_| ()),
            Kind::List { item, at_least } => {
                if node.items().len() < *at_least {
                    return Err(node.unexpected("a list with at least one item"));
                }
                node.items().iter().try_for_each(|node| item.check(node, definitions))
            }
            Kind::Map(keys) => self.check_map(node, keys, definitions),
            Kind::MapOf(value) => match &node.value {
                Value::Map(entries) => {
                    entries.iter().try_for_each(|(_, node)| value.check(node, definitions))
                }
                _ => Err(node.unexpected("a map")),
            },
            Kind::Either(shapes) => self.check_either(node, shapes, definitions),
            Kind::Reference(name) => match definition(name, definitions) {
                Some(shape) => shape.check(node, definitions),
                None => Err(node.unexpected(name)),
            },
        }
    }

    /// Which shape is meant, the kind of value tells; between several words and numbers, whatever holds.
    fn check_either(
        &self,
        node: &Node,
        shapes: &[Self],
        definitions: &Definitions,
    ) -> Result<(), Diagnostic> {
        let mut fitting = shapes.iter().filter(|shape| shape.fits_kind(node, definitions));
        let Some(first) = fitting.next() else { return Err(node.unexpected(&self.expectation())) };
        let told = first.check(node, definitions);
        if told.is_ok() || !matches!(node.value, Value::Scalar { .. }) {
            return told;
        }
        let mut others = fitting.peekable();
        if others.peek().is_none() {
            return told;
        }
        if others.any(|shape| shape.check(node, definitions).is_ok()) {
            return Ok(());
        }
        Err(node.unexpected(&self.expectation()))
    }

    fn check_map(&self, node: &Node, keys: &[Key], definitions: &Definitions) -> Result<(), Diagnostic> {
        let Value::Map(entries) = &node.value else {
            let names: Vec<_> = keys.iter().map(|key| key.name).collect();
            return Err(node.unexpected(&format!("a map with {}", quoted_list(&names))));
        };
        for (name, value) in entries {
            let Some(key) = keys.iter().find(|key| key.name == name.name) else {
                let names: Vec<_> = keys.iter().map(|key| key.name).collect();
                let mistake =
                    Diagnostic::at(&name.place, format!("unknown key `{}`", name.name), "not a key here");
                let elsewhere = self.elsewhere.iter().find(|(word, _)| *word == name.name);
                let meant = || did_you_mean(&name.name, names.iter().copied());
                return Err(mistake.help(match (elsewhere, meant()) {
                    (Some((_, advice)), _) => advice.clone(),
                    (None, Some(word)) => {
                        format!("did you mean `{word}`? Known here: {}", quoted_list(&names))
                    }
                    (None, None) => format!("known here: {}", quoted_list(&names)),
                }));
            };
            if value.is_null() && key.required {
                return Err(Diagnostic::at(
                    &name.place,
                    format!("`{}` has no value", name.name),
                    format!("expected {}", key.shape.expectation()),
                ));
            }
            if !value.is_null() {
                key.shape.check(value, definitions)?;
            }
        }
        match keys.iter().find(|key| key.required && !entries.iter().any(|(name, _)| name.name == key.name)) {
            Some(missing) => {
                Err(Diagnostic::at(&node.place, format!("`{}` is missing", missing.name), "in this map")
                    .help(format!("add `{}`: {}", missing.name, missing.shape.description)))
            }
            None => Ok(()),
        }
    }

    fn fits_kind(&self, node: &Node, definitions: &Definitions) -> bool {
        match &self.kind {
            Kind::Anything => true,
            Kind::List { .. } => matches!(node.value, Value::List(_)),
            Kind::Map(_) | Kind::MapOf(_) => node.is_map(),
            Kind::Either(shapes) => shapes.iter().any(|shape| shape.fits_kind(node, definitions)),
            Kind::Reference(name) => {
                definition(name, definitions).is_some_and(|shape| shape.fits_kind(node, definitions))
            }
            _ => matches!(node.value, Value::Scalar { .. }),
        }
    }

    /// What was expected, in words.
    fn expectation(&self) -> String {
        match &self.kind {
            Kind::Text => "a text".to_owned(),
            Kind::OneOf(words) => quoted_list(words),
            Kind::Integer { low, high } => format!("a whole number from {low} to {high}"),
            Kind::Number => "a number".to_owned(),
            Kind::Boolean => "`true` or `false`".to_owned(),
            Kind::Duration => "a duration such as `30s`".to_owned(),
            Kind::DurationOrRange => "a duration such as `1s` or a range such as `1s..3s`".to_owned(),
            Kind::Rate => "a rate such as `500/s`".to_owned(),
            Kind::Size => "a size such as `64kb`".to_owned(),
            Kind::Share => "a share such as `0.1%`".to_owned(),
            Kind::Anything => "anything".to_owned(),
            Kind::List { .. } => "a list".to_owned(),
            Kind::Map(keys) => {
                let names: Vec<_> = keys.iter().map(|key| key.name).collect();
                format!("a map with {}", quoted_list(&names))
            }
            Kind::MapOf(_) => "a map".to_owned(),
            Kind::Either(shapes) => shapes.iter().map(Self::expectation).collect::<Vec<_>>().join(", or "),
            Kind::Reference(name) => format!("a {name}"),
        }
    }

    /// This shape as JSON Schema (draft 2020-12), without its definitions.
    #[must_use]
    pub fn schema(&self) -> Json {
        let mut schema = self.bare_schema();
        if let Json::Object(object) = &mut schema {
            if !self.description.is_empty() {
                object.insert("description".to_owned(), self.description.as_str().into());
            }
            if !self.examples.is_empty() {
                object.insert("examples".to_owned(), self.examples.clone().into());
            }
        }
        schema
    }

    fn bare_schema(&self) -> Json {
        // Times and rates are texts with a unit. Only `0` needs none.
        let text = |pattern: &str| json!({"type": "string", "pattern": format!("{pattern}|\\$\\{{")});
        // Other quantities are texts to people, but `512` reaches a YAML reader as a number.
        let quantity = || json!({"type": ["string", "number"]});
        // What is filled in from the environment is a text until then.
        let or_variable = |schema: Json| json!({"anyOf": [schema, {"type": "string", "pattern": "\\$\\{"}]});
        match &self.kind {
            Kind::Text => json!({"type": ["string", "number", "boolean"]}),
            Kind::OneOf(words) => or_variable(match words.iter().all(|word| word.parse::<f64>().is_err()) {
                true => json!({"enum": words}),
                false => {
                    let numbers = words.iter().filter_map(|word| serde_json::from_str::<Json>(word).ok());
                    json!({"enum": words.iter().map(|word| Json::from(*word)).chain(numbers).collect::<Vec<_>>()})
                }
            }),
            Kind::Integer { low, high: u64::MAX } => or_variable(json!({"type": "integer", "minimum": low})),
            Kind::Integer { low, high } => {
                or_variable(json!({"type": "integer", "minimum": low, "maximum": high}))
            }
            Kind::Number => or_variable(json!({"type": "number"})),
            Kind::Boolean => or_variable(json!({"type": "boolean"})),
            Kind::Duration => json!({"anyOf": [text(&format!("^ *{DURATION}$")), {"const": 0}]}),
            Kind::DurationOrRange => {
                json!({"anyOf": [text(&format!("^ *{DURATION}(\\.\\. *{DURATION})?$")), {"const": 0}]})
            }
            Kind::Rate => text(RATE),
            Kind::Size | Kind::Share => quantity(),
            Kind::Anything => json!({}),
            Kind::List { item, at_least } => {
                let list = json!({"type": "array", "items": item.schema(), "minItems": at_least});
                json!({"anyOf": [list, item.schema()]})
            }
            Kind::Map(keys) => {
                let properties: Map<_, _> =
                    keys.iter().map(|key| (key.name.to_owned(), key.shape.optional_schema())).collect();
                let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }
            Kind::MapOf(value) => json!({"type": "object", "additionalProperties": value.schema()}),
            Kind::Either(shapes) => json!({"anyOf": shapes.iter().map(Self::schema).collect::<Vec<_>>()}),
            Kind::Reference(name) => json!({"$ref": format!("#/$defs/{name}")}),
        }
    }

    fn optional_schema(&self) -> Json {
        self.schema()
    }
}

fn definition<'a>(name: &str, definitions: &'a Definitions) -> Option<&'a Shape> {
    definitions.iter().find(|(defined, _)| *defined == name).map(|(_, shape)| shape)
}

fn one_of(node: &Node, words: &[&'static str]) -> Result<(), Diagnostic> {
    match node.text() {
        Ok(text) if words.contains(&text) => Ok(()),
        Ok(text) => {
            let mistake = node.unexpected(&quoted_list(words));
            Err(match did_you_mean(text, words.iter().copied()) {
                Some(word) => mistake.help(format!("did you mean `{word}`?")),
                None => mistake,
            })
        }
        Err(_) => Err(node.unexpected(&quoted_list(words))),
    }
}

/// `a`, `b` or `c`.
#[must_use]
pub fn quoted_list(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}

/// Whether `text` is a quantity this module knows; used to tell a mistyped quantity from a text.
#[must_use]
pub fn is_quantity(text: &str) -> bool {
    units::parse_duration(text).is_ok() || units::parse_rate(text).is_ok() || units::parse_share(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::document::parse;

    fn shape() -> Shape {
        Shape::map()
            .required(
                "load",
                Shape::either(vec![Shape::rate(), Shape::map().key("users", Shape::integer(1, 100), "")]),
                "the load",
            )
            .key("steps", Shape::filled_list(Shape::reference("step")), "")
            .key("version", Shape::one_of(&["auto", "1.1", "2"]), "")
    }

    fn definitions() -> Definitions {
        vec![(
            "step",
            Shape::map().key("think", Shape::duration(), "").key(
                "steps",
                Shape::list(Shape::reference("step")),
                "",
            ),
        )]
    }

    fn verdict(text: &str) -> String {
        let node = parse(&Source::new("p", text)).expect("yaml");
        match shape().check(&node, &definitions()) {
            Ok(()) => "fits".to_owned(),
            Err(mistake) => mistake.to_string(),
        }
    }

    #[test]
    fn a_schema_lets_the_environment_fill_in_what_is_no_text() {
        let schema = Shape::map().key("users", Shape::integer(1, 9), "").schema();
        let users = &schema["properties"]["users"]["anyOf"];
        assert_eq!(users[0], json!({"type": "integer", "minimum": 1, "maximum": 9}));
        assert_eq!(users[1], json!({"type": "string", "pattern": "\\$\\{"}));
    }

    #[test]
    fn documents_fit_or_the_mistake_is_told_at_its_place() {
        assert_eq!(verdict("load: 5/s\nversion: 1.1\nsteps: [{think: 1s, steps: [{think: 1s}]}]"), "fits");
        assert_eq!(verdict("load: {users: 5}"), "fits");
        assert!(
            verdict("load: {users: 500}")
                .contains("p:1:15: found `500` (expected a whole number from 1 to 100)")
        );
        assert!(verdict("load: 5/s\nstep: []").contains("did you mean `steps`?"));
        assert!(verdict("load: 5/s\nsteps: []").contains("at least one item"));
        assert!(
            verdict("load: 5/s\nsteps: [{think: soon}]")
                .contains("p:2:17: found `soon` (expected a duration")
        );
        assert!(verdict("version: 3").contains("expected `auto`, `1.1` or `2`"));
        assert!(verdict("version: 2").contains("`load` is missing"));
    }

    #[test]
    fn between_words_and_numbers_whatever_holds_is_meant() {
        let stay = Shape::map().key("stay", Shape::either(vec![Shape::boolean(), Shape::duration()]), "");
        let told = |text: &str| {
            let node = parse(&Source::new("plan.yaml", text)).expect("YAML");
            stay.check(&node, &Vec::new()).map_err(|mistake| mistake.to_string())
        };
        assert_eq!((told("stay: true"), told("stay: 30s")), (Ok(()), Ok(())));
        let soon = told("stay: soon").expect_err("neither");
        assert!(soon.contains("`true` or `false`, or a duration such as `30s`"), "{soon}");
    }
}
