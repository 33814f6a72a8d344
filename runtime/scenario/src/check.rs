//! Checks: what must hold of an answer.

use std::borrow::Cow;

use prony_core::diagnostic::did_you_mean;
use prony_core::template::{MissingValue, Scope};
use prony_core::{Diagnostic, Filter, Marks, Node, Outcome, Place, Reply, ReplyNeeds, Variables, units};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use crate::comparison::{Comparison, plain_number};

/// The most checks of a step: their answers are the bits of a word.
pub(crate) const MOST: usize = 64;

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    text: String,
    subject: Subject,
    comparison: Comparison,
}

/// What a check or a capture looks at.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Status,
    /// The service time.
    Time,
    /// The size of the body as received.
    Size,
    Body,
    /// A named part of the answer: `header etag`.
    Field {
        kind: &'static str,
        name: String,
    },
    Json(JsonPath),
}

/// An answer being looked at. Its JSON is read at most once.
pub(crate) struct Answer<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) reply: &'a dyn Reply,
    json: Option<Option<Json>>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(outcome: &'a Outcome, reply: &'a dyn Reply) -> Self {
        Self { outcome, reply, json: None }
    }

    /// Its body as JSON, if it is that.
    fn json(&mut self) -> Option<&Json> {
        let body = self.reply.body();
        self.json.get_or_insert_with(|| serde_json::from_slice(body).ok()).as_ref()
    }

    /// What a JSON path finds first, as text.
    pub(crate) fn json_text(&mut self, path: &JsonPath) -> Option<String> {
        let json = self.json()?;
        path.query(json).first().map(|found| match found {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

impl Subject {
    /// Parses the subject at the beginning of `text`; also what follows it.
    pub(crate) fn parse<'t>(
        text: &'t str,
        place: &Place,
        fields: &[&'static str],
    ) -> Result<(Self, &'t str), Diagnostic> {
        let text = text.trim();
        let (word, rest) =
            text.split_at(text.find(|c: char| c.is_whitespace() || "=<>!".contains(c)).unwrap_or(text.len()));
        let rest = rest.trim_start();
        let subject = match word {
            "status" => Self::Status,
            "time" => Self::Time,
            "size" => Self::Size,
            "body" => Self::Body,
            "json" => {
                let end = path_end(rest);
                if rest[..end].matches(['?', '(']).count() > MOST_FILTERS {
                    return Err(Diagnostic::at(
                        place,
                        format!("the JSON path `{}`", &rest[..end]),
                        format!("expected at most {MOST_FILTERS} filters and parentheses"),
                    ));
                }
                let path = JsonPath::parse(&rest[..end]).map_err(|error| {
                    Diagnostic::at(
                        place,
                        format!("`{}` is no JSON path: {error}", &rest[..end]),
                        "expected a path such as `$.items[0].id`",
                    )
                })?;
                return Ok((Self::Json(path), rest[end..].trim_start()));
            }
            _ => {
                let Some(kind) = fields.iter().find(|kind| **kind == word) else {
                    let known =
                        ["status", "time", "size", "body", "json"].into_iter().chain(fields.iter().copied());
                    let known: Vec<_> = known.collect();
                    let mistake =
                        Diagnostic::at(place, format!("found `{word}`"), "not something an answer has");
                    return Err(match did_you_mean(word, known.iter().copied()) {
                        Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                        None => mistake.help(format!("known here: {}", known.join(", "))),
                    });
                };
                let end = rest.find(|c: char| c.is_whitespace() || "=<>!".contains(c)).unwrap_or(rest.len());
                if end == 0 {
                    return Err(Diagnostic::at(
                        place,
                        format!("`{word}` without a name"),
                        format!("expected `{word} NAME`"),
                    ));
                }
                return Ok((Self::Field { kind, name: rest[..end].to_owned() }, rest[end..].trim_start()));
            }
        };
        Ok((subject, rest))
    }

    pub(crate) fn needs(&self, needs: &mut ReplyNeeds) {
        match self {
            Self::Field { .. } => needs.fields = true,
            Self::Body | Self::Json(_) => needs.body = true,
            Self::Status | Self::Time | Self::Size => {}
        }
    }
}

/// The most filters and parentheses of a JSON path: its parser calls itself for each one that lies within another, and
/// its time doubles.
const MOST_FILTERS: usize = 16;

/// A JSON path ends at the first space outside brackets and quotes.
fn path_end(text: &str) -> usize {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 && (character.is_whitespace() || "=<>!".contains(character)) => {
                return at;
            }
            _ => {}
        }
    }
    text.len()
}

impl Check {
    /// Parses a check; `fields` are the protocol's kinds of named parts.
    pub(crate) fn parse(
        node: &Node,
        fields: &[&'static str],
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let (subject, rest) = Subject::parse(node.text()?, &node.place, fields)?;
        let comparison = match subject {
            Subject::Time => {
                let nanoseconds =
                    |text: &str| units::parse_duration(text).ok().map(|time| time.as_nanos() as f64);
                Comparison::parse(rest, &node.place, nanoseconds, variables)?
            }
            Subject::Size => {
                let bytes = |text: &str| units::parse_size(text).ok().map(|size| size as f64);
                Comparison::parse(rest, &node.place, bytes, variables)?
            }
            _ => Comparison::parse(rest, &node.place, plain_number, variables)?,
        };
        let numeric = match subject {
            Subject::Status => Some("a number such as `200`"),
            Subject::Time => Some("a duration such as `200ms`"),
            Subject::Size => Some("a size such as `64kb`"),
            _ => None,
        };
        match numeric.filter(|_| comparison.lacks_number()) {
            Some(expected) => Err(node.unexpected(&format!("a comparison with {expected}"))),
            None => Ok(Self { text: node.text()?.to_owned(), subject, comparison }),
        }
    }

    /// As the person wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it looks at what a message has by itself, and not at what became of a request.
    pub(crate) const fn is_about_a_message(&self) -> bool {
        !matches!(self.subject, Subject::Status | Subject::Time)
    }

    pub(crate) fn needs(&self, needs: &mut ReplyNeeds) {
        self.subject.needs(needs);
        needs.judges_status |= matches!(self.subject, Subject::Status);
    }

    /// Whether it holds, with the check's own comparison filled in.
    fn holds(&self, comparison: &Comparison, answer: &mut Answer<'_>) -> bool {
        match &self.subject {
            Subject::Status => {
                answer.outcome.status.is_some_and(|status| comparison.holds_for_number(f64::from(status)))
            }
            Subject::Time => {
                answer.outcome.service_nanos().is_some_and(|time| comparison.holds_for_number(time as f64))
            }
            Subject::Size => comparison.holds_for_number(answer.outcome.body_bytes as f64),
            Subject::Body => comparison.holds(Some(&String::from_utf8_lossy(answer.reply.body()))),
            Subject::Field { kind, name } => comparison.holds(answer.reply.field(kind, name).as_deref()),
            Subject::Json(path) => comparison.holds(answer.json_text(path).as_deref()),
        }
    }
}

/// So many characters of what was found are shown.
const SHOWN: usize = 60;

impl Check {
    /// The check, what it looked at, and what that was compared with where it was filled in: for people.
    pub(crate) fn story(&self, answer: &mut Answer<'_>, scope: &mut Scope<'_>) -> String {
        match self.comparison.filled(scope) {
            Ok(comparison) => self.told(answer, comparison),
            Err(_) => {
                format!("`{}` (found {}, and a variable without a value)", self.text, self.found(answer))
            }
        }
    }

    fn told(&self, answer: &mut Answer<'_>, comparison: Cow<'_, Comparison>) -> String {
        let (text, found) = (&self.text, self.found(answer));
        match comparison {
            Cow::Borrowed(_) => format!("`{text}` (found {found})"),
            Cow::Owned(filled) => {
                format!(
                    "`{text}` (found {found}, expected {})",
                    shown(filled.filled_in().unwrap_or_default())
                )
            }
        }
    }

    /// What the check looked at: shortened, and `nothing` where there was none.
    fn found(&self, answer: &mut Answer<'_>) -> String {
        let found = match &self.subject {
            Subject::Status => answer.outcome.status.map(|status| status.to_string()),
            Subject::Time => answer
                .outcome
                .service_nanos()
                .map(|time| units::show_duration(std::time::Duration::from_nanos(time))),
            Subject::Size => Some(format!("{} bytes", answer.outcome.body_bytes)),
            Subject::Body => Some(String::from_utf8_lossy(answer.reply.body()).into_owned()),
            Subject::Field { kind, name } => answer.reply.field(kind, name).map(std::borrow::Cow::into_owned),
            Subject::Json(_) if answer.json().is_none() => return "no JSON".to_owned(),
            Subject::Json(path) => answer.json_text(path),
        };
        found.map_or_else(|| "nothing".to_owned(), |text| shown(&text))
    }
}

/// A value for people.
fn shown(text: &str) -> String {
    match text {
        "" => "an empty text".to_owned(),
        text if text.chars().count() > SHOWN => text.chars().take(SHOWN).chain(['…']).collect(),
        text => text.to_owned(),
    }
}

/// Evaluates all of a step's checks. Without an answer none of them holds.
pub(crate) fn evaluate(checks: &[Check], answer: &mut Answer<'_>, scope: &mut Scope<'_>) -> Marks {
    let mut marks = Marks::default();
    for (index, check) in checks.iter().enumerate() {
        let answered = answer.outcome.status.is_some();
        let holds = answered
            && check.comparison.filled(scope).is_ok_and(|comparison| check.holds(&comparison, answer));
        marks.set(index, holds);
    }
    marks
}

/// What must hold of a message that a step waits for: its `where`, filled in.
#[derive(Debug)]
pub(crate) struct Conditions<'a>(Vec<(&'a Check, Cow<'a, Comparison>)>);

impl<'a> Conditions<'a> {
    /// # Errors
    /// When a variable has no value.
    pub(crate) fn filled(conditions: &'a [Check], scope: &mut Scope<'_>) -> Result<Self, MissingValue> {
        let filled = conditions
            .iter()
            .map(|condition| Ok((condition, condition.comparison.filled(scope)?)))
            .collect::<Result<_, _>>()?;
        Ok(Self(filled))
    }
}

impl Filter for Conditions<'_> {
    fn takes(&self, message: &dyn Reply) -> bool {
        let outcome = outcome_of(message);
        let mut answer = Answer::new(&outcome, message);
        self.0.iter().all(|(condition, comparison)| condition.holds(comparison, &mut answer))
    }

    fn story(&self, message: &dyn Reply) -> String {
        let outcome = outcome_of(message);
        let mut answer = Answer::new(&outcome, message);
        let mut told = Vec::new();
        for (condition, comparison) in &self.0 {
            if !condition.holds(comparison, &mut answer) {
                told.push(condition.told(&mut answer, comparison.clone()));
            }
        }
        told.join(", ")
    }
}

/// What conditions see of a message beside the message.
fn outcome_of(message: &dyn Reply) -> Outcome {
    Outcome { body_bytes: message.body().len() as u64, ..Outcome::due(message.arrived().unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::{Source, Timestamp, document};

    struct Page;

    impl Reply for Page {
        fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>> {
            (kind == "header" && name.eq_ignore_ascii_case("content-type"))
                .then_some(Cow::Borrowed("application/json"))
        }
        fn fields(&self, _: &str) -> Vec<(String, String)> {
            Vec::new()
        }
        fn body(&self) -> &[u8] {
            br#"{"items": [{"id": 7, "name": "a b"}], "ok": true}"#
        }
    }

    fn parse(text: &str) -> Result<Check, String> {
        let node =
            document::parse(&Source::new("plan", format!("'{}'", text.replace('\'', "''")))).expect("yaml");
        Check::parse(&node, &["header", "cookie"], &Variables::default())
            .map_err(|mistake| mistake.to_string())
    }

    fn holds(text: &str) -> bool {
        let mut outcome = Outcome::due(Timestamp::from_nanos(0));
        outcome.sent = Some(Timestamp::from_nanos(1_000_000));
        outcome.finished = Timestamp::from_nanos(101_000_000);
        outcome.status = Some(200);
        outcome.body_bytes = 50;
        let check = parse(text).expect(text);
        check.holds(&check.comparison, &mut Answer::new(&outcome, &Page))
    }

    #[test]
    fn checks_look_where_they_say() {
        for text in [
            "status == 200",
            "status in 200..299",
            "status != 500",
            "time < 200ms",
            "time>=100ms",
            "size <= 1kb",
            "body contains \"items\"",
            "body matches /\"id\":\\s*\\d+/",
            "header content-type == application/json",
            "header Content-Type contains json",
            "header etag != x",
            "json $.items[0].id == 7",
            "json $.items[?(@.id == 7)].name == 'a b'",
            "json $.items[0].id > 6.5",
            "json $.ok == true",
            "json $.ok exists",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "status == 404",
            "time < 50ms",
            "header etag exists",
            "json $.nothing exists",
            "body contains xyz",
            "status in 300..399",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, message) in [
            ("statsu == 200", "did you mean `status`?"),
            ("status = 200", "expected an operator"),
            ("status == ok", "a comparison with a number"),
            ("time < 200", "a duration such as"),
            ("status ==", "expected a value"),
            ("json $.[ == 1", "no JSON path"),
            ("body matches /(/", "no regular expression"),
            ("body containz x", "did you mean `contains`?"),
            ("header == 5", "expected `header NAME`"),
        ] {
            let shown = parse(text).expect_err(text);
            assert!(shown.contains(message), "{text}: {shown}");
        }
    }
}
