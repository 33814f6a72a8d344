//! A small shop to write plans against: items, a cart, a login. It keeps no state.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use prony_transport::target::token;
use serde_json::{Value, json};

use super::body::ReplyBody;
use super::reply::{Reply, json_bytes, json_value, with_type, wrong};

/// Items the list shows; any other positive id exists as well.
const LISTED: u64 = 20;

static ITEMS: LazyLock<Bytes> = LazyLock::new(|| {
    let items: Vec<String> = (1..=LISTED).map(item_json).collect();
    format!(r#"{{"items":[{}],"total":{LISTED}}}"#, items.join(",")).into()
});

/// `GET /`
pub(super) fn index() -> Reply {
    let text = "Prony's demo shop. See /items, or any unknown path for a list.\n";
    with_type(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        ReplyBody::whole(Bytes::from_static(text.as_bytes())),
    )
}

/// `GET /items`
pub(super) fn items() -> Reply {
    json_bytes(StatusCode::OK, ITEMS.clone())
}

/// `GET /items/{id}`
pub(super) fn item(id: &str) -> Reply {
    match id.parse() {
        Ok(id) if id > 0 => json_bytes(StatusCode::OK, item_json(id)),
        _ => wrong(StatusCode::NOT_FOUND, format!("no item `{id}`: ids are whole numbers from 1 on")),
    }
}

/// `POST /cart`
pub(super) fn cart(body: &Bytes) -> Reply {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => json_value(StatusCode::CREATED, &value),
        Err(error) => wrong(
            StatusCode::BAD_REQUEST,
            format!("the body is no JSON ({error}); expected something like {{\"item_id\": 7}}"),
        ),
    }
}

/// `POST /login`
pub(super) fn login(head: &Parts, body: &Bytes) -> Reply {
    // What looks like JSON is taken for it: curl calls all that it posts a form.
    let form = !body.trim_ascii_start().starts_with(b"{")
        && head
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let fields = if form { credentials_of_form(body) } else { credentials_of_json(body) };
    let user = match fields {
        Some((user, password)) if !user.is_empty() && !password.is_empty() => user,
        _ => {
            return wrong(
                StatusCode::UNAUTHORIZED,
                "expected `user` and `password`, neither empty, as JSON or as a form",
            );
        }
    };
    let token = token::make(&user);
    let mut reply = json_value(StatusCode::OK, &json!({ "token": token }));
    if let Ok(cookie) = HeaderValue::from_str(&format!("session={token}; Path=/; HttpOnly")) {
        reply.headers_mut().insert(SET_COOKIE, cookie);
    }
    reply
}

/// `GET /me`
pub(super) fn me(head: &Parts) -> Reply {
    if let Some(user) = user_of_header(head).or_else(|| user_of_cookie(head)) {
        return json_value(StatusCode::OK, &json!({ "user": user }));
    }
    let mut reply = wrong(
        StatusCode::UNAUTHORIZED,
        "expected the `session` cookie or the bearer token that POST /login gives, or basic authentication",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"prony\"");
    reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    reply
}

fn item_json(id: u64) -> String {
    let cents = id.wrapping_mul(37) % 9_900 + 100;
    format!(r#"{{"id":{id},"name":"Item {id}","price":{}.{:02}}}"#, cents / 100, cents % 100)
}

fn credentials_of_json(body: &[u8]) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((field("user")?, field("password")?))
}

fn credentials_of_form(body: &[u8]) -> Option<(String, String)> {
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(body);
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    Some((field("user")?, field("password")?))
}

fn user_of_header(head: &Parts) -> Option<String> {
    let (scheme, word) = head.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return token::user(word.trim());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(word.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!user.is_empty() && !password.is_empty()).then(|| user.to_owned())
}

fn user_of_cookie(head: &Parts) -> Option<String> {
    let cookies = head.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "session").and_then(|(_, word)| token::user(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_json_and_holds_its_items() {
        let list: Value = serde_json::from_slice(&ITEMS).expect("JSON");
        let items = list["items"].as_array().expect("a list");
        assert_eq!(items.len() as u64, LISTED);
        assert_eq!(items[6]["id"], 7);
        assert!(items[6]["price"].is_f64());
    }
}
