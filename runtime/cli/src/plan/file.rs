//! From files, flags and the environment to one tree of nodes.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use prony_core::document::{self, Key, Value};
use prony_core::{Diagnostic, Node, Place, Source};

/// The deepest chain of `include`.
const DEEPEST: usize = 16;
/// The largest plan file, in bytes. More is no plan but a mistake, such as a data file.
const LARGEST: u64 = 10_000_000;

/// `--set PATH=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Keys and list numbers: `scenarios.browse.load.for`, `thresholds.0`.
    pub path: String,
    /// A value as it would stand in the plan.
    pub value: String,
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Self { path: path.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("expected PATH=VALUE, for example scenarios.browse.load.for=10s".to_owned()),
        }
    }
}

/// Reads a plan file with its includes and lays the settings over it. Also the folder it stands in.
pub(super) fn read(path: &Path, settings: &[Setting]) -> Result<(Node, PathBuf), Diagnostic> {
    let mut node = with_includes(path, None, &mut Vec::new())?;
    for setting in settings {
        let name = format!("--set {}", setting.path);
        let value = parse(&name, &setting.value)?;
        let keys: Vec<&str> = setting.path.split('.').collect();
        set(&mut node, &keys, value)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((node, folder.to_owned()))
}

/// One text as a tree.
pub(crate) fn parse(name: &str, text: &str) -> Result<Node, Diagnostic> {
    document::parse(&Source::new(name, text))
}

fn with_includes(path: &Path, from: Option<&Place>, chain: &mut Vec<PathBuf>) -> Result<Node, Diagnostic> {
    let problem = |message: String, expected: &str, help: &str| Diagnostic {
        message: format!("{}: {message}", path.display()),
        place: from.cloned(),
        label: expected.to_owned(),
        help: Some(help.to_owned()),
    };
    let text = read_text(path).map_err(|unreadable| {
        let help = match (unreadable.help, from) {
            (Some(help), _) => help,
            (None, Some(_)) => "is the path right? Includes are relative to the file that names them",
            (None, None) => "is the path right?",
        };
        problem(unreadable.found, "expected a readable plan file: YAML, of 10 MB at most", help)
    })?;
    let mut node = parse(&path.to_string_lossy(), &text)?;
    if !node.is_map() {
        return Err(node.unexpected("a map with `scenarios`"));
    }
    let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if chain.contains(&identity) || chain.len() >= DEEPEST {
        let found = "the file includes itself, directly or by way of others";
        return Err(problem(found.to_owned(), "closes the circle", "take one `include` out of it"));
    }
    chain.push(identity);
    let folder = path.parent().unwrap_or(Path::new(""));
    let includes: Vec<Node> = node.get("include").map(|include| include.items().to_vec()).unwrap_or_default();
    if let Value::Map(entries) = &mut node.value {
        entries.retain(|(key, _)| key.name != "include");
    }
    let mut base: Option<Node> = None;
    for include in &includes {
        let under = with_includes(&folder.join(include.text()?), Some(&include.place), chain)?;
        base = Some(base.map_or_else(|| under.clone(), |base| base.overlaid(&under)));
    }
    chain.pop();
    Ok(base.map_or_else(|| node.clone(), |base| base.overlaid(&node)))
}

/// Why a file is no text.
struct Unreadable {
    found: String,
    /// What to do, where that is known; else the path may be wrong.
    help: Option<&'static str>,
}

/// The text of a file, or what is wrong with it.
fn read_text(path: &Path) -> Result<String, Unreadable> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| Unreadable {
        help: match error.kind() {
            ErrorKind::IsADirectory => Some("name the plan file in this folder"),
            ErrorKind::PermissionDenied => Some("let the user who runs this read the file"),
            _ => None,
        },
        found: error.to_string(),
    })?;
    if bytes.len() as u64 > LARGEST {
        let help = Some("name the plan; large data belongs into files of its own, under `data`");
        return Err(Unreadable { found: "larger than a plan".to_owned(), help });
    }
    // UTF-16 begins with its byte order mark or, without one, has a zero beside the first letter.
    if matches!(bytes.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]) {
        let help = Some("save the file as UTF-8: in its editor, or by `iconv -f UTF-16 -t UTF-8`");
        return Err(Unreadable { found: "UTF-16 text".to_owned(), help });
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Unreadable {
            found: format!("line {line}, byte {at} of the file, is not UTF-8 text"),
            help: Some(
                "save the file as UTF-8: in its editor, or, if it is Latin-1 text, by `iconv -f LATIN1 -t UTF-8`",
            ),
        }
    })
}

/// Puts `value` at the path `keys` of `node`. Missing maps are made on the way.
fn set(node: &mut Node, keys: &[&str], value: Node) -> Result<(), Diagnostic> {
    let Some((key, rest)) = keys.split_first() else {
        *node = value;
        return Ok(());
    };
    let place = value.place.clone();
    let found = node.kind();
    match &mut node.value {
        Value::Map(entries) => {
            let at = entries.iter().position(|(known, _)| known.name == *key).unwrap_or_else(|| {
                let empty = Node { value: Value::Map(Vec::new()), place: place.clone() };
                entries.push((Key { name: (*key).to_owned(), place }, empty));
                entries.len() - 1
            });
            set(&mut entries[at].1, rest, value)
        }
        Value::Null => {
            node.value = Value::Map(Vec::new());
            set(node, keys, value)
        }
        Value::List(items) => {
            let length = items.len();
            let item = key.parse::<usize>().ok().and_then(|at| items.get_mut(at));
            let item = item.ok_or_else(|| {
                Diagnostic::at(
                    &place,
                    format!("the plan has a list of {length} above, and `{key}` is no item of it"),
                    "for this value",
                )
                .help("items count from 0")
            })?;
            set(item, rest, value)
        }
        Value::Scalar { .. } => {
            Err(Diagnostic::at(&place, format!("the plan has {found} above `{key}`"), "for this value")
                .help("only maps and lists have something inside"))
        }
    }
}

/// Replaces `${NAME}` and `${NAME:-default}` in every text by the environment's values; `$${` stays `${`.
pub(crate) fn fill_in(node: &Node) -> Result<Node, Diagnostic> {
    let value = match &node.value {
        Value::Null => Value::Null,
        Value::Scalar { text, quoted } if text.contains("${") => {
            Value::Scalar { text: fill(text, node)?, quoted: *quoted }
        }
        scalar @ Value::Scalar { .. } => scalar.clone(),
        Value::List(items) => Value::List(items.iter().map(fill_in).collect::<Result<_, _>>()?),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, node)| Ok((key.clone(), fill_in(node)?)))
                .collect::<Result<_, Diagnostic>>()?,
        ),
    };
    Ok(Node { value, place: node.place.clone() })
}

fn fill(text: &str, node: &Node) -> Result<String, Diagnostic> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at - 1]);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let Some(length) = rest[at..].find('}') else {
            return Err(Diagnostic::at(&node.place, "found `${` without `}`", "expected `${NAME}`")
                .help("to keep `${` as it is, write `$${`"));
        };
        let inner = &rest[at + 2..at + length];
        let (name, default) =
            inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        match (std::env::var(name.trim()), default) {
            (Ok(value), _) => filled.push_str(&value),
            (Err(_), Some(default)) => filled.push_str(default),
            (Err(_), None) => {
                return Err(Diagnostic::at(
                    &node.place,
                    format!("the environment has no `{name}`"),
                    "expected a variable that is set",
                )
                .help(format!("set it, or give a default: `${{{name}:-value}}`")));
            }
        }
        rest = &rest[at + length + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}
