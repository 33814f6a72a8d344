//! `--ui`: how a run is shown while it goes on.

use std::str::FromStr;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ui {
    /// Lines of progress.
    Plain,
    /// The whole terminal.
    Terminal,
}

impl FromStr for Ui {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "plain" => Ok(Self::Plain),
            "terminal" => Ok(Self::Terminal),
            _ => Err(format!("found `{text}`, expected plain or terminal")),
        }
    }
}
