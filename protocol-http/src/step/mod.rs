//! A plan's `http:` step: its words, and what they compile to.

mod body;
pub(crate) mod compile;
mod text;

pub(crate) use body::{Body, Part};
pub(crate) use compile::{Prepared, RequestHead, Step, Terms};
pub(crate) use text::{RenderError, percent_encode};

use prony_core::Shape;

use crate::config::CODINGS;

/// The methods that have a key of their own.
pub(crate) const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// What may stand after `http:`.
pub(crate) fn shape() -> Shape {
    let template = Shape::text;
    let part = Shape::map()
        .required("name", template(), "The field's name.")
        .key("text", template(), "The field's value, a template.")
        .key("file", template(), "A file whose bytes are the value; read once.")
        .key("filename", template(), "The file name told to the server. Default: the file's own.")
        .key("content_type", template(), "The part's media type.");
    let basic = Shape::map().required("user", template(), "User name, without holes.").required(
        "password",
        template(),
        "Password, without holes.",
    );
    let mut structured = Shape::map();
    for method in METHODS {
        structured = structured.key(
            method,
            template(),
            &format!("{}: the path, or a whole URL. A template.", method.to_uppercase()),
        );
    }
    structured = structured
        .key("method", template(), "Another method; needs `url`.")
        .key("url", template(), "The path or URL for `method`. A template.")
        .key("query", Shape::map_of(Shape::list(template())), "Query parameters, percent-encoded. A list repeats the name.")
        .key("headers", Shape::map_of(template()), "Headers; values are templates.")
        .key("text", template(), "The body as text, a template. Content-Type: text/plain.")
        .key("json", Shape::anything(), "The body as JSON. Texts in it are templates; a lone \"{{name | raw}}\" is inserted without quotes.")
        .key("form", Shape::map_of(template()), "The body as an HTML form; values are templates.")
        .key("file", template(), "A file whose bytes are the body; read once.")
        .key("multipart", Shape::filled_list(part), "The body as multipart/form-data.")
        .key("basic", basic, "HTTP basic authentication.")
        .key("bearer", template(), "A bearer token, a template.")
        .key("timeout", Shape::duration(), "The longest this request may take. Default: the settings'.")
        .key("redirects", Shape::integer(0, 20), "How many redirects to follow. Default: the settings'.")
        .key("compression", Shape::list(Shape::one_of(&CODINGS)), "Content codings to accept. Default: the settings'.")
        .key("keep_body", Shape::size(), "The most of a body that is kept for checks and captures. Default 1mb.")
        .key("max_body", Shape::size(), "A longer body fails the request (too_large). Default: none; bodies are counted, not kept.");
    structured = structured
        .elsewhere(&["body", "data"], "write `text`, `json`, `form`, `file` or `multipart`, by what it is")
        .elsewhere(&["params"], "write `query`: `{get: /items, query: {page: 2}}`");
    Shape::either(vec![template().example("GET /products"), structured])
}
