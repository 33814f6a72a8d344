//! Showing mistakes to people: with the place, the line, and a mark under it.

use std::io::IsTerminal;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use prony_core::Diagnostic;

/// The longest line that is shown, in bytes.
const LONGEST_LINE: usize = 400;

/// A diagnostic as miette wants it.
#[derive(Debug)]
struct Shown {
    message: String,
    source: Option<NamedSource<String>>,
    label: Option<LabeledSpan>,
    help: Option<String>,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl miette::Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.label
            .clone()
            .map(|label| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// A mistake as a text of several lines, for standard error.
#[must_use]
pub fn diagnostic(mistake: &Diagnostic) -> String {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let place = mistake.place.as_ref().filter(|place| fits(place));
    let message = shortened(&mistake.message);
    let shown = Shown {
        message: match (&mistake.place, place, mistake.label.is_empty()) {
            (Some(place), Some(_), _) | (Some(place), None, true) => format!("{place}: {message}"),
            (Some(place), None, false) => format!("{place}: {message} ({})", mistake.label),
            (None, _, true) => message,
            (None, _, false) => format!("{message} ({})", mistake.label),
        },
        source: place.map(|place| NamedSource::new(&place.source.name, place.source.text.clone())),
        label: place.map(|place| {
            LabeledSpan::new(Some(mistake.label.clone()), place.start, first_line(place).len().max(1))
        }),
        help: mistake.help.clone(),
    };
    let mut text = String::new();
    // Writing to a String does not fail; if it did, the plain form is as good.
    match GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut text, &shown) {
        Ok(()) => text,
        Err(_) => mistake.to_string(),
    }
}

/// A trouble outside of any plan, as one paragraph.
#[must_use]
pub fn trouble(text: &str) -> String {
    let red = anstyle::AnsiColor::Red.on_default();
    format!("{red}error:{red:#} {text}")
}

/// Whether standard output takes colours, and how many columns it has (100 when it is no terminal).
#[must_use]
pub fn standard_output() -> (bool, usize) {
    let terminal = std::io::stdout().is_terminal();
    let coloured = terminal && std::env::var_os("NO_COLOR").is_none();
    let columns = if terminal {
        rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col)
    } else {
        0
    };
    (coloured, if columns == 0 { 100 } else { usize::from(columns) })
}

/// Whether people watch standard error.
#[must_use]
pub fn standard_error_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// The text without its middle, when it repeats something endless: how it begins and why it is wrong stand at its ends.
fn shortened(text: &str) -> String {
    if text.len() <= 2 * LONGEST_LINE {
        return text.to_owned();
    }
    let front = text.floor_char_boundary(LONGEST_LINE);
    let back = text.ceil_char_boundary(text.len() - LONGEST_LINE);
    format!("{}…{}", &text[..front], &text[back..])
}

/// Whether the place's line and those around it can be shown: there are some, and they are lines for people.
fn fits(place: &prony_core::Place) -> bool {
    let text = &place.source.text;
    let (line, _) = place.line_and_column();
    let shown = || text.lines().skip(line.saturating_sub(2)).take(3 + first_line(place).lines().count());
    !text.trim().is_empty() && shown().all(|line| line.len() <= LONGEST_LINE)
}

/// A place of many lines is marked at its first.
fn first_line(place: &prony_core::Place) -> &str {
    let text = place.source.text.get(place.start..place.end).unwrap_or_default();
    text.lines().next().unwrap_or_default()
}
