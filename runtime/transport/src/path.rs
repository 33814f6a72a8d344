//! Paths and queries as they go over the wire.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prony_core::Template;

/// What the URL standard encodes in a path (its «path percent-encode set»).
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');
/// What the URL standard encodes in a query (its «special-query percent-encode set»).
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');

/// A template of path and query whose constant texts are in the form that goes over the wire, as a URL without holes would
/// be, but for `.` and `..`: what they lead to is not known before the holes are filled.
#[must_use]
pub fn path_texts(template: Template) -> Template {
    let mut in_query = false;
    template.with_texts(|text| {
        let mut encoded = String::with_capacity(text.len());
        let (path, query) = match text.split_once('?') {
            _ if in_query => ("", Some(text)),
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        encoded.extend(utf8_percent_encode(&path.replace('\\', "/"), PATH));
        if let Some(query) = query {
            encoded.push_str(if in_query { "" } else { "?" });
            in_query = true;
            encoded.extend(utf8_percent_encode(query, QUERY));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use prony_core::{Place, Variables};

    use super::*;

    #[test]
    fn constant_texts_are_encoded_as_browsers_do() {
        let place = Place::nowhere("plan");
        for (written, sent) in [
            ("/room/a b?x=ä", "/room/a%20b?x=%C3%A4"),
            ("/a%20b?c=d e", "/a%20b?c=d%20e"),
            ("/a\\b#c", "/a/b%23c"),
            ("/?\"<>'", "/?%22%3C%3E%27"),
        ] {
            let template = Template::compile(written, &place, &Variables::default()).expect("a template");
            assert_eq!(path_texts(template).as_constant(), Some(sent));
        }
    }
}
