//! A tree of nodes as YAML again: what a stored run keeps and `--print-plan` shows.

use std::fmt::Write;

use prony_core::Node;
use prony_core::document::Value;

/// `node` as YAML that reads back the same.
#[must_use]
pub fn to_yaml(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => block(node, 0, &mut text),
        _ => {
            inline(node, &mut text);
            text.push('\n');
        }
    }
    text
}

fn block(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let _ = write!(out, "{indent}{}:", scalar(&key.name, false));
                nested(value, depth, out);
            }
        }
        Value::List(items) => {
            for item in items {
                // An item's first line follows its dash; the rest stands below it.
                let mut inner = String::new();
                match &item.value {
                    Value::Map(entries) if !entries.is_empty() => block(item, depth + 1, &mut inner),
                    _ => {
                        inner.push_str(&"  ".repeat(depth + 1));
                        inline(item, &mut inner);
                        inner.push('\n');
                    }
                }
                let _ = write!(out, "{indent}- {}", &inner[2 * (depth + 1)..]);
            }
        }
        Value::Scalar { .. } | Value::Null => inline(node, out),
    }
}

fn nested(value: &Node, depth: usize, out: &mut String) {
    let filled = match &value.value {
        Value::Map(entries) => !entries.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    };
    if filled {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        out.push(' ');
        inline(value, out);
        out.push('\n');
    }
}

/// In one line. A list within a list is written so, which also keeps `- - x` out of plans.
fn inline(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Scalar { text, quoted } => out.push_str(&scalar(text, *quoted)),
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                inline(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (number, (key, value)) in entries.iter().enumerate() {
                let _ = write!(out, "{}{}: ", if number == 0 { "" } else { ", " }, scalar(&key.name, false));
                inline(value, out);
            }
            out.push('}');
        }
    }
}

/// A text plain where nothing in it can be taken for something else, in JSON's quotes (which are YAML's) otherwise.
fn scalar(text: &str, quoted: bool) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "_-./$<>=%() ".contains(c);
    let harmless = !text.is_empty()
        && text.chars().all(harmless)
        && text.starts_with(|c: char| c.is_alphanumeric() || "/$_.".contains(c))
        && !text.ends_with(' ')
        && !matches!(text, "null" | "Null" | "NULL" | "~");
    // A number in quotes would be read back as a text.
    let plain = !quoted && (harmless || text.parse::<f64>().is_ok());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::file;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text = "name: a b\nlist: [1, \"2\", [x, y], {a: {b: []}}]\nmap:\n  'odd: key': \"true\"\n  empty: {}\n  numbers: [-5, 1e+5, 2.5, '-5']\n  text: |\n    two\n    lines\n  null: ~\nsteps:\n  - http: GET /\n    check: [status == 200, 'body contains \"x\"']\n  - think: 1s..3s\n";
        let first = file::parse("p", text).expect("reads");
        let written = to_yaml(&first);
        let second = file::parse("p", &written).expect(&written);
        assert_eq!(first.to_json(), second.to_json(), "{written}");
    }
}
