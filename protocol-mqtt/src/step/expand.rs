//! `devices`, the usual fleet in short, as the steps it stands for.

use prony_core::document::{Key, Value};
use prony_core::{Diagnostic, Node};

/// The steps that a step is short for.
///
/// # Errors
/// When the words make no sense together.
pub(crate) fn expand(step: &Node) -> Result<Option<Vec<Node>>, Diagnostic> {
    let Some(devices) = step.get("devices") else { return Ok(None) };
    if let Some((key, _)) = step.entries().find(|(key, _)| key.name != "devices") {
        let found = format!("`{}` beside `devices`", key.name);
        return Err(Diagnostic::at(&key.place, found, "belongs inside `devices: {publish: {…}}`"));
    }
    let at = |value: Value| Node { value, place: devices.place.clone() };
    let word = |text: &str| at(Value::Scalar { text: text.to_owned(), quoted: false });
    let map = |entries: Vec<(&str, Node)>| {
        let key = |name: &str| Key { name: name.to_owned(), place: devices.place.clone() };
        at(Value::Map(entries.into_iter().map(|(name, node)| (key(name), node)).collect()))
    };
    let mqtt = |entries: Vec<(Key, Node)>| map(vec![("mqtt", at(Value::Map(entries)))]);
    let renamed = |node: &Node, from: &str, to: &str, without: &[&str]| -> Vec<(Key, Node)> {
        let kept = node.entries().filter(|(key, _)| !without.contains(&key.name.as_str()));
        let name = |key: &Key| if key.name == from { to.to_owned() } else { key.name.clone() };
        kept.map(|(key, value)| (Key { name: name(key), place: key.place.clone() }, value.clone())).collect()
    };

    let mut once = vec![map(vec![("mqtt", word("connect"))])];
    if let Some(subscribe) = devices.get("subscribe") {
        once.push(if subscribe.is_map() {
            mqtt(renamed(subscribe, "to", "subscribe", &[]))
        } else {
            map(vec![("mqtt", map(vec![("subscribe", subscribe.clone())]))])
        });
    }
    if let Some(leave) = devices.get("disconnect") {
        if leave.get("at").is_none() {
            return Err(leave
                .unexpected("`at`: when connections end")
                .help("for example `{share: 30%, at: 20s, how: abort}`"));
        }
        let mut entries = renamed(leave, "how", "disconnect", &[]);
        if leave.get("how").is_none() {
            entries.push((Key { name: "disconnect".to_owned(), place: leave.place.clone() }, word("clean")));
        }
        once.push(mqtt(entries));
    }
    let mut steps = vec![map(vec![("once", at(Value::List(once)))])];
    match devices.get("publish") {
        None => steps.push(map(vec![("stay", word("true"))])),
        Some(publish) => {
            let every = publish.get("every").cloned().ok_or_else(|| publish.unexpected("`every`"))?;
            let inner = mqtt(renamed(publish, "topic", "publish", &["every"]));
            steps.push(map(vec![
                ("every", every),
                ("phase", word("random")),
                ("steps", at(Value::List(vec![inner]))),
            ]));
        }
    }
    Ok(Some(steps))
}
