//! Texts of a request: templates in a row, each put safely into its place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prony_core::template::{Escape, MissingValue};
use prony_core::{Scope, Template};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// All but unreserved characters percent-encoded: a query's name or value.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Why a request could not be made from its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    /// A variable has no value yet.
    Missing(usize),
    /// A header's value would hold a line break or another control character.
    ControlCharacter,
    /// What came out is no URL.
    BadUrl,
}

impl From<MissingValue> for RenderError {
    fn from(missing: MissingValue) -> Self {
        Self::Missing(missing.0)
    }
}

/// A text made of pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    template: Template,
    encoding: Encoding,
}

/// What is done to a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Nothing.
    Plain,
    /// Values are percent-encoded, the text around them is not: a path.
    PathValues,
    /// All of it is percent-encoded: a query or form value.
    Percent,
    /// Values are escaped for a JSON string; the text around them is so already.
    JsonValues,
}

impl Text {
    pub(crate) fn one(template: Template, encoding: Encoding) -> Self {
        let mut text = Self::default();
        text.push(template, encoding);
        text
    }

    pub(crate) fn constant(text: impl Into<String>) -> Self {
        Self::one(Template::constant(text), Encoding::Plain)
    }

    /// Adds a piece. Constants grow together.
    pub(crate) fn push(&mut self, template: Template, encoding: Encoding) {
        let Some(constant) = template.as_constant() else {
            self.pieces.push(Piece { template, encoding });
            return;
        };
        let encoded = match encoding {
            Encoding::Percent => utf8_percent_encode(constant, RESERVED).to_string(),
            _ => constant.to_owned(),
        };
        self.push_constant(&encoded);
    }

    pub(crate) fn push_constant(&mut self, text: &str) {
        match self
            .pieces
            .last_mut()
            .and_then(|piece| piece.template.as_constant().map(|known| known.to_owned() + text))
        {
            Some(longer) => {
                if let Some(last) = self.pieces.last_mut() {
                    last.template = Template::constant(longer);
                }
            }
            None => self.pieces.push(Piece { template: Template::constant(text), encoding: Encoding::Plain }),
        }
    }

    /// The text, when it is always the same.
    pub(crate) fn as_constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [piece] => piece.template.as_constant(),
            _ => None,
        }
    }

    /// Renders onto the end of `out`.
    pub(crate) fn render(&self, scope: &mut Scope<'_>, out: &mut String) -> Result<(), RenderError> {
        for piece in &self.pieces {
            match piece.encoding {
                Encoding::Plain => piece.template.render(scope, Escape::None, out)?,
                Encoding::PathValues => piece.template.render(scope, Escape::Percent, out)?,
                Encoding::JsonValues => piece.template.render(scope, Escape::Json, out)?,
                Encoding::Percent => {
                    let mut plain = String::new();
                    piece.template.render(scope, Escape::None, &mut plain)?;
                    out.extend(utf8_percent_encode(&plain, RESERVED));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prony_core::{Place, Source, Variables};
    use prony_transport::path_texts;
    use url::Url;

    use super::*;

    fn texts(path: &str) -> String {
        let place = Place { source: Source::new("plan", path), start: 0, end: path.len() };
        let template = Template::compile(path, &place, &Variables::default()).expect(path);
        let mut all = String::new();
        let _ = path_texts(template).with_texts(|text| {
            all.push_str(text);
            String::new()
        });
        all
    }

    #[test]
    fn texts_around_holes_are_encoded_as_a_url_without_holes_is() {
        // The URL standard strips tabs and line breaks.
        let characters = (' '..='~').chain(['ü', '€', '\u{7f}', '\u{1}']).filter(|c| *c != '#');
        for character in characters {
            let url = Url::parse(&format!("http://host/a{character}b?c{character}d=")).expect("a URL");
            let whole = format!("{}?{}", url.path(), url.query().unwrap_or_default());
            assert_eq!(
                texts(&format!("/a{character}b?c{character}d={{{{iteration}}}}")),
                whole,
                "{character}"
            );
        }
        assert_eq!(
            texts("/ü/{{iteration}}/a b?x={{iteration}}&y='{{iteration}}?"),
            "/%C3%BC//a%20b?x=&y=%27?"
        );
        assert_eq!(texts("/a%20b/{{iteration}}"), "/a%20b/");
    }
}
