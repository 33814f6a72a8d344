//! Paths that answer in a particular way on order: an echo, a length, a status, redirects, codings, headers.

use std::io::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::body::{Framing, ReplyBody};
use super::fault::{self, query_value};
use super::reply::{Reply, json_value, ordered_status, with_type, wrong};

/// The longest body of `/bytes/{n}`.
const LONGEST_BODY: u64 = 100_000_000_000;

/// The most header bytes of `/headers/{n}`.
const LONGEST_HEADER: usize = 16_000_000;

/// The most headers of `/headers/{n}`.
const MOST_HEADERS: usize = 10_000;

/// `ANY /echo`
pub(super) fn echo(head: &Parts, body: &Bytes) -> Reply {
    let mut headers = Map::new();
    for name in head.headers.keys() {
        let mut values: Vec<Value> = head
            .headers
            .get_all(name)
            .into_iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into())
            .collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        headers.insert(name.as_str().to_owned(), value);
    }
    let mut echo = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query().unwrap_or_default(),
        "version": format!("{:?}", head.version),
        "headers": headers,
    });
    match std::str::from_utf8(body) {
        Ok(text) => echo["body"] = text.into(),
        Err(_) => echo["body_base64"] = BASE64_STANDARD.encode(body).into(),
    }
    json_value(StatusCode::OK, &echo)
}

/// `GET /bytes/{n}`
pub(super) fn bytes(head: &Parts, length: &str) -> Reply {
    let Some(length) = length.parse().ok().filter(|length| *length <= LONGEST_BODY) else {
        return wrong(
            StatusCode::BAD_REQUEST,
            format!("expected a number of bytes from 0 to {LONGEST_BODY}, found `{length}`"),
        );
    };
    let chunked = query_value(head.uri.query().unwrap_or_default(), "chunked").is_some();
    let framing = if chunked { Framing::Chunked } else { Framing::Length };
    with_type(StatusCode::OK, "application/octet-stream", ReplyBody::filler(length, framing))
}

/// `ANY /status/{code}`
pub(super) fn status(code: &str) -> Reply {
    fault::status(code).map_or_else(|error| wrong(StatusCode::BAD_REQUEST, error), ordered_status)
}

/// `GET /redirect/{n}`
pub(super) fn redirect(hops: &str) -> Reply {
    let left: u32 = match hops.parse() {
        Ok(0) => return json_value(StatusCode::OK, &json!({ "redirect": "end" })),
        Ok(hops) => hops,
        Err(_) => {
            return wrong(StatusCode::BAD_REQUEST, format!("expected a number of hops, found `{hops}`"));
        }
    };
    let mut reply = json_value(StatusCode::FOUND, &json!({ "hops": left }));
    if let Ok(location) = HeaderValue::from_str(&format!("/redirect/{}", left - 1)) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// `GET /gzip`, `/br`, `/zstd`: the same text in each coding, whatever the request accepts.
pub(super) fn compressed(coding: &str) -> Reply {
    static GZIP: LazyLock<Bytes> = LazyLock::new(|| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        // Writing to memory does not fail, here and below.
        let _ = encoder.write_all(text("gzip").as_bytes());
        encoder.finish().unwrap_or_default().into()
    });
    static BROTLI: LazyLock<Bytes> = LazyLock::new(|| {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
        let _ = encoder.write_all(text("br").as_bytes());
        encoder.into_inner().into()
    });
    static ZSTD: LazyLock<Bytes> =
        LazyLock::new(|| zstd::encode_all(text("zstd").as_bytes(), 3).unwrap_or_default().into());
    let (body, coding) = match coding {
        "gzip" => (&GZIP, "gzip"),
        "br" => (&BROTLI, "br"),
        _ => (&ZSTD, "zstd"),
    };
    let mut reply = with_type(StatusCode::OK, "application/json", ReplyBody::whole(Bytes::clone(body)));
    reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    reply
}

/// `GET /headers/{n}`: `x-fill-1` and so on, whose values make up n bytes; `?count=` says how many they are.
pub(super) fn headers(head: &Parts, length: &str) -> Reply {
    let count = query_value(head.uri.query().unwrap_or_default(), "count");
    let count =
        count.as_deref().unwrap_or("1").parse().ok().filter(|count| (1..=MOST_HEADERS).contains(count));
    let parsed = length.parse().ok().filter(|length: &usize| *length <= LONGEST_HEADER);
    let (Some(length), Some(count)) = (parsed, count) else {
        return wrong(
            StatusCode::BAD_REQUEST,
            format!(
                "expected a number of bytes from 0 to {LONGEST_HEADER} and `count` from 1 to {MOST_HEADERS}"
            ),
        );
    };
    let mut reply = json_value(StatusCode::OK, &json!({ "header_bytes": length, "headers": count }));
    for number in 1..=count {
        // The first ones take what does not divide.
        let share = length / count + usize::from(number <= length % count);
        let name = HeaderName::try_from(format!("x-fill-{number}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(vec![b'x'; share])) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

fn text(coding: &str) -> String {
    let filler = "The same words again and again are what compression is for. ".repeat(16);
    json!({ "coding": coding, "text": filler.trim_end() }).to_string()
}
