//! Something wrong with a configuration, told with the way to the wrong value.

use std::fmt;

/// Something wrong with a plugin's configuration. Prony shows it at its place in the plan.
///
/// ```
/// # use prony_plugin::Problem;
/// let problem = Problem::new("a share is from 0 to 1, and this is 7").at(["buy_share"]).help("0.5 is one half");
/// assert_eq!(problem.to_string(), "buy_share: a share is from 0 to 1, and this is 7 (0.5 is one half)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    path: Vec<String>,
    message: String,
    help: Option<String>,
}

impl Problem {
    /// A problem of the configuration as a whole: what was found and what was expected, in one sentence.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into(), help: None }
    }

    /// The way to the value that is wrong: keys of maps and numbers of list items, from 0.
    #[must_use]
    pub fn at<P: ToString>(mut self, path: impl IntoIterator<Item = P>) -> Self {
        self.path = path.into_iter().map(|part| part.to_string()).collect();
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The way to the value that is wrong; empty for the configuration as a whole.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// What was found and what was expected.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, if there is more to say.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join("."))?;
        }
        write!(f, "{}", self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for Problem {}
