//! Checks: what must hold of an answer.

use prony_core::diagnostic::did_you_mean;
use prony_core::{Diagnostic, Marks, Node, Outcome, Place, Reply, ReplyNeeds, units};
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

    /// What a JSON path finds first, as text.
    pub(crate) fn json_text(&mut self, path: &JsonPath) -> Option<String> {
        let body = self.reply.body();
        let json = self.json.get_or_insert_with(|| serde_json::from_slice(body).ok()).as_ref()?;
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
    pub(crate) fn parse(node: &Node, fields: &[&'static str]) -> Result<Self, Diagnostic> {
        let (subject, rest) = Subject::parse(node.text()?, &node.place, fields)?;
        let comparison = match subject {
            Subject::Time => Comparison::parse(rest, &node.place, |text| {
                units::parse_duration(text).ok().map(|time| time.as_nanos() as f64)
            })?,
            Subject::Size => Comparison::parse(rest, &node.place, |text| {
                units::parse_size(text).ok().map(|size| size as f64)
            })?,
            _ => Comparison::parse(rest, &node.place, plain_number)?,
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

    pub(crate) fn needs(&self, needs: &mut ReplyNeeds) {
        self.subject.needs(needs);
        needs.judges_status |= matches!(self.subject, Subject::Status);
    }

    fn holds(&self, answer: &mut Answer<'_>) -> bool {
        match &self.subject {
            Subject::Status => answer
                .outcome
                .status
                .is_some_and(|status| self.comparison.holds_for_number(f64::from(status))),
            Subject::Time => answer
                .outcome
                .service_nanos()
                .is_some_and(|time| self.comparison.holds_for_number(time as f64)),
            Subject::Size => self.comparison.holds_for_number(answer.outcome.body_bytes as f64),
            Subject::Body => self.comparison.holds(Some(&String::from_utf8_lossy(answer.reply.body()))),
            Subject::Field { kind, name } => self.comparison.holds(answer.reply.field(kind, name).as_deref()),
            Subject::Json(path) => self.comparison.holds(answer.json_text(path).as_deref()),
        }
    }
}

/// So many characters of what was found are shown.
const SHOWN: usize = 60;

impl Check {
    /// What the check looked at, for people: shortened, and `nothing` where there was none.
    pub(crate) fn found(&self, answer: &mut Answer<'_>) -> String {
        let found = match &self.subject {
            Subject::Status => answer.outcome.status.map(|status| status.to_string()),
            Subject::Time => answer
                .outcome
                .service_nanos()
                .map(|time| units::show_duration(std::time::Duration::from_nanos(time))),
            Subject::Size => Some(format!("{} bytes", answer.outcome.body_bytes)),
            Subject::Body => Some(String::from_utf8_lossy(answer.reply.body()).into_owned()),
            Subject::Field { kind, name } => answer.reply.field(kind, name).map(std::borrow::Cow::into_owned),
            Subject::Json(path) => answer.json_text(path),
        };
        match found {
            None => "nothing".to_owned(),
            Some(text) if text.is_empty() => "an empty text".to_owned(),
            Some(text) if text.chars().count() > SHOWN => text.chars().take(SHOWN).chain(['…']).collect(),
            Some(text) => text,
        }
    }
}

/// Evaluates all of a step's checks. Without an answer none of them holds.
pub(crate) fn evaluate(checks: &[Check], answer: &mut Answer<'_>) -> Marks {
    let mut marks = Marks::default();
    for (index, check) in checks.iter().enumerate() {
        let answered = answer.outcome.status.is_some();
        marks.set(index, answered && check.holds(answer));
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::{Source, Timestamp, document};
    use std::borrow::Cow;

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
        Check::parse(&node, &["header", "cookie"]).map_err(|mistake| mistake.to_string())
    }

    fn holds(text: &str) -> bool {
        let mut outcome = Outcome::due(Timestamp::from_nanos(0));
        outcome.sent = Some(Timestamp::from_nanos(1_000_000));
        outcome.finished = Timestamp::from_nanos(101_000_000);
        outcome.status = Some(200);
        outcome.body_bytes = 50;
        parse(text).expect(text).holds(&mut Answer::new(&outcome, &Page))
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
