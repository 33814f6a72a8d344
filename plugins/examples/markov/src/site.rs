//! The site in a plan's words, and the same checked: names of pages become numbers.

use std::fmt;
use std::time::Duration;

use prony_plugin::Problem;
use prony_plugin::prelude::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// What the plan says under `config:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteFile {
    /// The first page of a visit.
    start: String,
    /// Pages by name.
    pages: Ordered<PageFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageFile {
    /// What is asked for.
    path: String,
    /// The weight of each page that may come next; `leave` ends the visit.
    next: Ordered<f64>,
    /// How long a visitor stays, in milliseconds.
    #[serde(default)]
    think_ms: u64,
}

/// A site without mistakes.
pub(crate) struct Site {
    pub(crate) start: usize,
    pub(crate) pages: Vec<Page>,
}

pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) think: Duration,
    /// Where to go next, by weight; none is to leave.
    pub(crate) next: Vec<(Option<usize>, f64)>,
}

impl SiteFile {
    /// Finds every page that is named.
    pub(crate) fn check(self) -> Result<Site, Problem> {
        let names: Vec<String> = self.pages.0.iter().map(|(name, _)| name.clone()).collect();
        let find = |name: &str| names.iter().position(|known| known == name);
        let known = names.join(", ");
        let Some(start) = find(&self.start) else {
            return Err(unknown(&self.start).at(["start"]).help(format!("the pages are {known}")));
        };
        let mut pages = Vec::new();
        for (name, file) in self.pages.0 {
            let mut next = Vec::new();
            for (target, weight) in file.next.0 {
                let path = ["pages", &name, "next", &target];
                if !(weight > 0.0 && weight.is_finite()) {
                    let message = format!("a weight is a number above zero, and this is {weight}");
                    return Err(Problem::new(message).at(path));
                }
                let place = find(&target);
                if place.is_none() && target != "leave" {
                    let help = format!("the pages are {known}; `leave` ends the visit");
                    return Err(unknown(&target).at(path).help(help));
                }
                next.push((place, weight));
            }
            if next.is_empty() {
                let problem = Problem::new("nothing comes after this page").at(["pages", &name, "next"]);
                return Err(problem.help("`leave: 1` ends the visit"));
            }
            pages.push(Page { name, path: file.path, think: Duration::from_millis(file.think_ms), next });
        }
        Ok(Site { start, pages })
    }
}

fn unknown(name: &str) -> Problem {
    Problem::new(format!("there is no page `{name}`"))
}

/// A map in the order of the plan: the same seed then goes the same way through it.
struct Ordered<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }

        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}
