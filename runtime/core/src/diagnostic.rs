//! What is wrong with something a person wrote: where, what was found, what was expected, what to do.

use std::fmt;
use std::sync::Arc;

/// A text a person wrote, usually a plan file.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name people know it by: a path, or `--set users`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source that can be shared by all the places in it.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A stretch of a source, as byte offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it stands.
    pub source: Arc<Source>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Place {
    /// A place that nobody wrote, known by a name alone.
    #[must_use]
    pub fn nowhere(name: &str) -> Self {
        Self { source: Source::new(name, ""), start: 0, end: 0 }
    }

    fn is_nowhere(&self) -> bool {
        self.source.text.is_empty()
    }

    /// The line and the column (in characters) of the first byte, both from 1.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source.text.as_bytes()[..self.start.min(self.source.text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        (line, column)
    }

    /// The same place narrowed to `range`, byte offsets within it.
    #[must_use]
    pub fn within(&self, range: std::ops::Range<usize>) -> Self {
        let start = (self.start + range.start).min(self.end);
        Self { source: Arc::clone(&self.source), start, end: (self.start + range.end).clamp(start, self.end) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(formatter, "{}:{line}:{column}", self.source.name)
    }
}

/// One mistake, told so that its author can mend it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What was found, in one sentence without a full stop.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// A few words for the mark under the place, such as «expected a duration».
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at `place`; `label` says what was expected there.
    #[must_use]
    pub fn at(place: &Place, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), place: Some(place.clone()), label: label.into(), help: None }
    }

    /// The same at `place`, where it did not know of any that somebody wrote.
    #[must_use]
    pub fn or_at(mut self, place: &Place) -> Self {
        if self.place.as_ref().is_none_or(Place::is_nowhere) {
            self.place = Some(place.clone());
        }
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        formatter.write_str(&self.message)?;
        if !self.label.is_empty() {
            write!(formatter, " ({})", self.label)?;
        }
        if let Some(help) = &self.help {
            write!(formatter, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The candidate that `word` most likely meant, if one is close enough to be worth naming.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
