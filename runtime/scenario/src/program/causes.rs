//! Causes while a scenario compiles: `since` names a step, which must come before.

use std::ops::Range;

use prony_core::diagnostic::did_you_mean;
use prony_core::{Diagnostic, Node, Place};

use super::{Request, Since};

/// See the module's head.
#[derive(Default)]
pub(super) struct Causes {
    /// The names of steps from which others count their time, by their number.
    names: Vec<String>,
    /// The requests that do, their causes, and where they say so.
    effects: Vec<(usize, usize, Place)>,
    /// Requests that are done again and again within an iteration: each may be the cause of any other's next round.
    pub(super) repeated: Vec<Range<usize>>,
}

impl Causes {
    /// The cause from which the time of a step counts, which is request `number`.
    pub(super) fn since(&mut self, step: &Node, number: usize) -> Result<Option<Since>, Diagnostic> {
        let Some(node) = step.get("since") else { return Ok(None) };
        let name = node.text()?.to_owned();
        let cause = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        self.effects.push((number, cause, node.place.clone()));
        Ok(Some(Since { cause, name }))
    }

    /// Finds the steps that others count their time from, and marks them. How many causes there are.
    pub(super) fn find(&self, requests: &mut [Request]) -> Result<usize, Diagnostic> {
        for (effect, cause, place) in &self.effects {
            let name = &self.names[*cause];
            let mut found = (0..requests.len()).filter(|number| requests[*number].name == *name).peekable();
            let Some(first) = found.peek().copied() else { return Err(unknown(name, place, requests)) };
            if !found.any(|cause| self.comes_before(cause, *effect)) {
                return Err(too_late(name, place, first == *effect));
            }
        }
        for request in requests.iter_mut() {
            request.cause = self.names.iter().position(|name| *name == request.name);
        }
        Ok(self.names.len())
    }

    /// Whether a step can have been taken in its iteration when another one is.
    fn comes_before(&self, cause: usize, effect: usize) -> bool {
        let together = |range: &Range<usize>| range.contains(&cause) && range.contains(&effect);
        cause < effect || (cause > effect && self.repeated.iter().any(together))
    }
}

fn unknown(name: &str, place: &Place, requests: &[Request]) -> Diagnostic {
    let mistake =
        Diagnostic::at(place, format!("found `{name}`"), "expected the name of a step of this scenario");
    let names = requests.iter().map(|request| request.name.as_str());
    let known: Vec<&str> = names.clone().collect();
    match did_you_mean(name, names) {
        Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
        None => mistake.help(format!("its steps are: {}", known.join(", "))),
    }
}

fn too_late(name: &str, place: &Place, is_itself: bool) -> Diagnostic {
    let found = if is_itself { "is this step itself" } else { "comes after this one" };
    Diagnostic::at(place, format!("the step `{name}` {found}"), "expected an earlier step")
        .help("a cause comes before its effect: put the step that waits behind the one that it names")
}
