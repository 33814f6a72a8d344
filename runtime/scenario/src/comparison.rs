//! Comparing a value with what a plan expects: the operators of checks and conditions.

use std::borrow::Cow;

use prony_core::diagnostic::did_you_mean;
use prony_core::template::{Escape, MissingValue, Scope};
use prony_core::{Diagnostic, Place, Template, Variables};
use regex::{Regex, RegexBuilder};

/// An operator with what it compares with.
#[derive(Clone, Debug)]
pub(crate) enum Comparison {
    /// The value is there at all.
    Exists,
    Order {
        order: Order,
        with: Operand,
    },
    /// A number within a range, both ends included.
    In {
        low: f64,
        high: f64,
    },
    Contains(Operand),
    Matches(Regex),
}

/// `==` and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What a value is compared with: as a number when both are, as a text otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    text: String,
    number: Option<f64>,
    /// What it is made from, where it is filled in when it is needed.
    hole: Option<Hole>,
}

#[derive(Clone, Debug)]
struct Hole {
    template: Template,
    to_number: ToNumber,
}

const OPERATORS: [&str; 10] = ["==", "!=", "<=", ">=", "<", ">", "contains", "matches", "exists", "in"];

/// How an operand's text becomes a number: plain, a duration in nanoseconds, a size in bytes.
pub(crate) type ToNumber = fn(&str) -> Option<f64>;

/// A plain number.
pub(crate) fn plain_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

impl Comparison {
    /// Parses `OPERATOR VALUE`, which stands at `place`. The value may be a template over `variables`.
    pub(crate) fn parse(
        text: &str,
        place: &Place,
        to_number: ToNumber,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let text = text.trim();
        let Some(operator) = OPERATORS.into_iter().find(|operator| {
            let word = operator.starts_with(|first: char| first.is_alphabetic());
            text.strip_prefix(operator)
                .is_some_and(|rest| !word || rest.is_empty() || rest.starts_with([' ', '/', '"', '\'']))
        }) else {
            let word = text.split_whitespace().next().unwrap_or_default();
            let found = match word {
                "" => "found nothing where an operator should be".to_owned(),
                word => format!("found `{word}` where an operator should be"),
            };
            let mistake = Diagnostic::at(place, found, "expected an operator");
            return Err(match did_you_mean(word, OPERATORS).filter(|_| !word.is_empty()) {
                Some(operator) => mistake.help(format!("did you mean `{operator}`?")),
                None => mistake.help("operators are == != < <= > >= contains matches exists in"),
            });
        };
        let value = text[operator.len()..].trim();
        if operator != "exists" && value.is_empty() {
            return Err(Diagnostic::at(
                place,
                format!("nothing stands after `{operator}`"),
                "expected a value",
            ));
        }
        let has_holes = value.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"));
        if has_holes && matches!(operator, "matches" | "in") {
            let mistake =
                Diagnostic::at(place, format!("found the template `{value}`"), "expected a fixed value");
            return Err(mistake.help(format!("what stands after `{operator}` is not filled in")));
        }
        let operand = || {
            let text = unquoted(value);
            let template = has_holes.then(|| Template::compile(&text, place, variables)).transpose()?;
            let hole = template.map(|template| Hole { template, to_number });
            Ok::<_, Diagnostic>(Operand { number: to_number(&text), text, hole })
        };
        let order = |order| Ok(Self::Order { order, with: operand()? });
        match operator {
            "exists" if value.is_empty() => Ok(Self::Exists),
            "exists" => {
                Err(Diagnostic::at(place, format!("found `{value}` after `exists`"), "expected nothing more"))
            }
            "==" => order(Order::Equal),
            "!=" => order(Order::Unequal),
            "<=" => order(Order::AtMost),
            ">=" => order(Order::AtLeast),
            "<" => order(Order::Less),
            ">" => order(Order::More),
            "contains" => Ok(Self::Contains(operand()?)),
            "matches" => Ok(Self::Matches(regex(value, place)?)),
            _ => {
                let ends = value
                    .split_once("..")
                    .and_then(|(low, high)| Some((to_number(low.trim())?, to_number(high.trim())?)));
                match ends {
                    Some((low, high)) if low <= high => Ok(Self::In { low, high }),
                    _ => Err(Diagnostic::at(
                        place,
                        format!("found `{value}` after `in`"),
                        "expected a range such as `200..299`",
                    )),
                }
            }
        }
    }

    /// The same with its value filled in.
    ///
    /// # Errors
    /// When a variable has no value.
    pub(crate) fn filled(&self, scope: &mut Scope<'_>) -> Result<Cow<'_, Self>, MissingValue> {
        let (Self::Order { with: operand, .. } | Self::Contains(operand)) = self else {
            return Ok(Cow::Borrowed(self));
        };
        let Some(hole) = &operand.hole else { return Ok(Cow::Borrowed(self)) };
        let mut text = String::new();
        hole.template.render(scope, Escape::None, &mut text)?;
        let operand = Operand { number: (hole.to_number)(&text), text, hole: None };
        Ok(Cow::Owned(match self {
            Self::Order { order, .. } => Self::Order { order: *order, with: operand },
            _ => Self::Contains(operand),
        }))
    }

    /// What a value was to be compared with, where that was filled in.
    pub(crate) fn filled_in(&self) -> Option<&str> {
        match self {
            Self::Order { with: operand, .. } | Self::Contains(operand) => Some(&operand.text),
            _ => None,
        }
    }

    /// Whether it needs a number on its right-hand side to make sense of an ordering, and has none.
    pub(crate) fn lacks_number(&self) -> bool {
        match self {
            Self::Order { with, .. } => with.number.is_none() && with.hole.is_none(),
            Self::Contains(_) | Self::Matches(_) => true,
            Self::Exists | Self::In { .. } => false,
        }
    }

    /// Whether it holds for a text; `None` is no value at all.
    pub(crate) fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            // A value that is not there differs from every other.
            return matches!(self, Self::Order { order: Order::Unequal, .. });
        };
        match self {
            Self::Exists => true,
            Self::Contains(part) => value.contains(&part.text),
            Self::Matches(regex) => regex.is_match(value),
            Self::In { .. } => plain_number(value).is_some_and(|number| self.holds_for_number(number)),
            Self::Order { order, with } => match (plain_number(value), with.number) {
                (Some(left), Some(right)) => order.compare(&left, &right),
                _ => order.compare(&value, &with.text.as_str()),
            },
        }
    }

    /// Whether it holds for a number.
    pub(crate) fn holds_for_number(&self, value: f64) -> bool {
        match self {
            Self::Exists => true,
            Self::In { low, high } => (*low..=*high).contains(&value),
            Self::Order { order, with } => with.number.is_some_and(|number| order.compare(&value, &number)),
            Self::Contains(_) | Self::Matches(_) => self.holds(Some(&value.to_string())),
        }
    }
}

impl Order {
    fn compare<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// `"text"` and `'text'` without their quotes.
pub(crate) fn unquoted(text: &str) -> String {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

/// `/pattern/` or `/pattern/i`.
pub(crate) fn regex(text: &str, place: &Place) -> Result<Regex, Diagnostic> {
    let inner = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    let Some((pattern, flags)) = inner.filter(|(_, flags)| matches!(*flags, "" | "i")) else {
        return Err(Diagnostic::at(
            place,
            format!("found `{text}`"),
            "expected a regular expression such as `/id=(\\d+)/`",
        ));
    };
    RegexBuilder::new(pattern).case_insensitive(flags == "i").size_limit(1 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Diagnostic::at(
            place,
            format!("`{text}` is no regular expression: {reason}"),
            "expected Rust's regex syntax",
        )
    })
}
