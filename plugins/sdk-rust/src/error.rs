//! What ends an iteration, or fails a message or an answer: an [`Error`], made by `?` of nearly anything.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

/// The result of a journey and of most calls: `Result` alone is `Result<(), Error>`.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why an iteration, a message or an answer failed.
///
/// `?` makes one of any error of the standard library's kind, of a [`Failure`](crate::Failure), of a text; and notes
/// the place in the source. Prony shows each different text once, so leave out what differs from user to user.
///
/// ```
/// # use prony_plugin::prelude::*;
/// fn parse(text: &str) -> Result<u32> {
///     let number: u32 = text.trim().parse()?;
///     if number == 0 {
///         return Err(Error::new("the number is zero"));
///     }
///     Ok(number)
/// }
/// assert_eq!(parse("7").ok(), Some(7));
/// assert!(parse("x").unwrap_err().to_string().starts_with("invalid digit found in string ("));
/// ```
pub struct Error {
    cause: Box<dyn StdError>,
    place: &'static Location<'static>,
}

impl Error {
    /// An error that says `text`.
    #[track_caller]
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { cause: text.into().into(), place: Location::caller() }
    }

    /// What happened, without the place.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = self.cause.to_string();
        let mut deeper = self.cause.source();
        while let Some(cause) = deeper {
            message = format!("{message}: {cause}");
            deeper = cause.source();
        }
        message
    }

    /// The error it was made of, if it was one of type `T`.
    #[must_use]
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.cause.downcast_ref()
    }
}

impl<E: Into<Box<dyn StdError>>> From<E> for Error {
    #[track_caller]
    fn from(cause: E) -> Self {
        Self { cause: cause.into(), place: Location::caller() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.message(), self.place.file(), self.place.line())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn the_place_is_that_of_the_question_mark() {
        fn fails() -> Result {
            Err(Failure::new("timeout", "no answer within 2s"))?;
            Ok(())
        }
        let line = line!() - 3;
        let error = fails().unwrap_err();
        assert_eq!(error.message(), "timeout: no answer within 2s");
        assert!(error.to_string().ends_with(&format!("error.rs:{line})")), "{error}");
        assert_eq!(error.downcast_ref::<Failure>().map(Failure::kind), Some("timeout"));
    }

    #[test]
    fn texts_become_errors() {
        fn fails(owned: bool) -> Result {
            if owned { Err(format!("{} apples", 3))? } else { Err("no apples")? }
        }
        assert_eq!(fails(true).unwrap_err().message(), "3 apples");
        assert_eq!(fails(false).unwrap_err().message(), "no apples");
    }
}
