//! From the text of a template to its parts.

use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::template::{Hole, Part, Template, Variables};

/// The built-in names.
const BUILT_IN: [&str; 10] = [
    "user.id",
    "iteration",
    "random.int",
    "random.float",
    "random.text",
    "random.uuid",
    "now",
    "now.seconds",
    "now.iso",
    "now.millis",
];
/// The longest `random.text`.
const MAX_RANDOM_TEXT: u32 = 1 << 20;

pub(super) fn compile(text: &str, place: &Place, variables: &Variables) -> Result<Template, Diagnostic> {
    // Only a scalar that stands in the file as it is (no quotes, no escapes) lets us point inside it.
    let literal_at = place.source.text.get(place.start..place.end).and_then(|written| written.find(text));
    let narrowed = |range: std::ops::Range<usize>| match literal_at {
        Some(at) => place.within(at + range.start..at + range.end),
        None => place.clone(),
    };
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let open = at + found;
        literal.push_str(&text[at..open]);
        let Some(length) = text[open..].find("}}") else {
            return Err(Diagnostic::at(
                &narrowed(open..open + 2),
                "found `{{` without `}}`",
                "expected a closing `}}`",
            )
            .help("to send two braces as they are, write `{{\"{{\"}}`"));
        };
        let close = open + length + 2;
        let inner = text[open + 2..close - 2].trim();
        if let Some(quoted) = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            literal.push_str(quoted);
        } else {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(hole(inner, &narrowed(open..close), variables)?);
        }
        at = close;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(Template { parts, text: text.to_owned() })
}

fn hole(inner: &str, place: &Place, variables: &Variables) -> Result<Part, Diagnostic> {
    let (expression, filter) = match inner.split_once('|') {
        Some((expression, filter)) => (expression.trim(), Some(filter.trim())),
        None => (inner, None),
    };
    let raw = match filter {
        None => false,
        Some("raw") => true,
        Some(other) => {
            return Err(Diagnostic::at(place, format!("unknown filter `{other}`"), "expected `raw`")
                .help("`raw` inserts a value into a JSON body without quotes and escapes"));
        }
    };
    let words: Vec<&str> = expression.split_whitespace().collect();
    let value = match words.as_slice() {
        [] => {
            return Err(Diagnostic::at(place, "found an empty `{{}}`", "expected a variable or a function"));
        }
        ["user.id"] => Hole::UserId,
        ["iteration"] => Hole::Iteration,
        ["random.uuid"] => Hole::RandomUuid,
        ["now" | "now.millis"] => Hole::NowMillis,
        ["now.seconds"] => Hole::NowSeconds,
        ["now.iso"] => Hole::NowIso,
        ["random.int", low, high] => match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) if low <= high => Hole::RandomInt { low, high },
            _ => {
                return Err(usage(
                    place,
                    expression,
                    "`random.int LOW HIGH`, two whole numbers, the smaller first",
                ));
            }
        },
        ["random.float", low, high] => match (low.parse::<f64>(), high.parse::<f64>()) {
            (Ok(low), Ok(high)) if low <= high && low.is_finite() && high.is_finite() => {
                Hole::RandomFloat { low, high }
            }
            _ => {
                return Err(usage(
                    place,
                    expression,
                    "`random.float LOW HIGH`, two numbers, the smaller first",
                ));
            }
        },
        ["random.text", length] => match length.parse() {
            Ok(length) if length <= MAX_RANDOM_TEXT => Hole::RandomText { length },
            _ => return Err(usage(place, expression, "`random.text LENGTH`, at most 1048576 characters")),
        },
        [name @ ("random.int" | "random.float" | "random.text"), ..] => {
            let form = match *name {
                "random.text" => "`random.text LENGTH`",
                "random.int" => "`random.int LOW HIGH`",
                _ => "`random.float LOW HIGH`",
            };
            return Err(usage(place, expression, form));
        }
        [name] => match variables.find(name) {
            Some(number) => Hole::Variable(number),
            None => return Err(unknown(place, name, variables)),
        },
        _ => return Err(unknown(place, expression, variables)),
    };
    Ok(Part::Hole { value, raw })
}

fn usage(place: &Place, found: &str, expected: &str) -> Diagnostic {
    Diagnostic::at(place, format!("found `{found}`"), format!("expected {expected}"))
}

fn unknown(place: &Place, name: &str, variables: &Variables) -> Diagnostic {
    let known = variables.names().iter().map(String::as_str).chain(BUILT_IN);
    let advice = match did_you_mean(name, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None if variables.names().is_empty() => {
            "nothing is captured before this step; `capture`, `vars`, `data` or a plugin's `sets` give names their values"
                .to_owned()
        }
        None => format!("known here: {}", variables.names().join(", ")),
    };
    Diagnostic::at(place, format!("undefined variable `{name}`"), "not defined before this step").help(advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn compiled(text: &str) -> Result<Template, Diagnostic> {
        let source = Source::new("plan", format!("path: {text}"));
        let place = Place { end: source.text.len(), source, start: 6 };
        let mut variables = Variables::default();
        variables.define("id");
        compile(text, &place, &variables)
    }

    #[test]
    fn constants_have_no_holes() {
        assert_eq!(compiled("/a").expect("compiles").as_constant(), Some("/a"));
        assert_eq!(compiled("").expect("compiles").as_constant(), Some(""));
        assert_eq!(compiled("{{\"{{\"}}x}}").expect("compiles").as_constant(), Some("{{x}}"));
        assert_eq!(compiled("/{{id}}").expect("compiles").as_constant(), None);
    }

    #[test]
    fn mistakes_are_told_inside_the_text() {
        for (text, message) in [
            (
                "/items/{{ix}}",
                "plan:1:14: undefined variable `ix` (not defined before this step); did you mean `id`?",
            ),
            ("/items/{{id", "plan:1:14: found `{{` without `}}`"),
            ("{{}}", "empty"),
            ("{{random.int 5}}", "expected `random.int LOW HIGH`"),
            ("{{random.int 9 1}}", "the smaller first"),
            ("{{id | upper}}", "unknown filter `upper`"),
        ] {
            let shown = compiled(text).expect_err(text).to_string();
            assert!(shown.contains(message), "{shown}");
        }
    }
}
