//! Labels that all points of a run carry: which run it was. Without them two runs would write into the same series.

use std::borrow::Cow;
use std::time::Duration;

use prony_core::{Diagnostic, Node, Shape};

use crate::report::{self, About};

/// Labels of the whole run, in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct RunLabels(Vec<(String, String)>);

/// The label that tells runs apart.
pub(super) const RUN: &str = "run";

impl RunLabels {
    /// `run` and `plan`, and those that an output gives: they may replace these.
    pub(super) fn new(about: &About, now: Duration, given: Option<&Node>) -> Result<Self, Diagnostic> {
        // The second it began and the process: no two runs of a machine share both, and machines have `labels`.
        let compact: String =
            report::rfc3339(now).chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
        let mut labels = vec![
            ("plan".to_owned(), about.plan.clone()),
            (RUN.to_owned(), format!("{compact}Z-{}", std::process::id())),
        ];
        for (key, value) in given.into_iter().flat_map(Node::entries) {
            let name = key.name.as_str();
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                // The bound of a bucket.
                && name != "le";
            if !is_name {
                return Err(Diagnostic::at(
                    &key.place,
                    format!("`{name}` as the name of a label"),
                    "expected a letter, then letters, digits and _, and not `le`",
                )
                .help("names with other signs are refused by Prometheus; put them into the value"));
            }
            let value = value.text()?.to_owned();
            match labels.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value,
                None => labels.push((name.to_owned(), value)),
            }
        }
        labels.sort();
        Ok(Self(labels))
    }

    /// What may stand under `labels:`.
    pub(super) fn shape() -> Shape {
        Shape::map_of(Shape::text())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`, which is there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// With a point's own, in the order of names; a point's own win. A label without a value is none.
    pub(super) fn with<'a>(&'a self, own: &'a [(&'static str, Cow<'a, str>)]) -> Vec<(&'a str, &'a str)> {
        let run = self.iter().filter(|(name, _)| own.iter().all(|(taken, _)| taken != name));
        let all = run.chain(own.iter().map(|(name, value)| (*name, &**value)));
        let mut all: Vec<_> = all.filter(|(_, value)| !value.is_empty()).collect();
        all.sort_unstable();
        all
    }
}
