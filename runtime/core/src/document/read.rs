//! YAML text into nodes. Refuses what a plan has no use for: duplicate keys, keys that are not texts, tags,
//! several documents, and aliases that would blow the tree up.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::document::{Key, Node, Value};

/// The most nodes of a plan, aliases expanded.
const MAX_NODES: usize = 200_000;
/// The deepest nesting of a plan.
const MAX_DEPTH: usize = 64;

/// Reads one YAML document.
///
/// # Errors
/// When the text is not YAML, or is YAML a plan may not use.
pub fn parse(source: &Arc<Source>) -> Result<Node, Diagnostic> {
    let mut reader = Reader {
        events: Parser::new_from_str(&source.text),
        lines: line_starts(&source.text),
        latest: (0, 0, 0),
        anchors: HashMap::new(),
        nodes: 0,
        source,
    };
    reader.document()
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    lines: Vec<usize>,
    /// Line, column and byte offset where the latest event began. Events come in order, and a plan may be one long line.
    latest: (usize, usize, usize),
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    source: &'a Arc<Source>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Diagnostic> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    let place = self.place(span);
                    return Err(Diagnostic::at(
                        &place,
                        "found a second YAML document",
                        "expected the end of the file",
                    )
                    .help("put further plans into files of their own and name them under `include`"));
                }
                other => root = Some(self.node(other, span, 0)?),
            }
        }
        Ok(root.unwrap_or_else(|| Node {
            value: Value::Null,
            place: Place { source: Arc::clone(self.source), start: 0, end: 0 },
        }))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Err(error)) => {
                let start = self.offset(error.marker().line(), error.marker().col());
                let end = (start + 1).min(self.source.text.len());
                let place = Place { source: Arc::clone(self.source), start, end };
                Err(Diagnostic::at(&place, format!("not valid YAML: {}", error.info()), "here").help(
                    "check the indentation, and put quotes around texts that hold `: `, `#`, `{{` or `*`; within `{…}` \
                     and `[…]` also around those that hold a bracket or a comma, such as a JSON path \
                     or `${NAME}`",
                ))
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let place = self.place(span);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Diagnostic::at(
                &place,
                "the plan is too large",
                format!("expected at most {MAX_DEPTH} levels and {MAX_NODES} values"),
            ));
        }
        let before = self.nodes;
        let (value, anchor, tagged, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value =
                    if null { Value::Null } else { Value::Scalar { text: text.into_owned(), quoted } };
                (value, anchor, tag.is_some(), place.end)
            }
            Event::SequenceStart(anchor, tag) => {
                let (items, end) = self.list(depth)?;
                (Value::List(items), anchor, tag.is_some(), end)
            }
            Event::MappingStart(anchor, tag) => {
                let (entries, end) = self.map(depth)?;
                (Value::Map(entries), anchor, tag.is_some(), end)
            }
            Event::Alias(anchor) => return self.alias(anchor, &place),
            _ => {
                return Err(Diagnostic::at(
                    &place,
                    "found a YAML event that is no value",
                    "expected a value",
                ));
            }
        };
        if tagged {
            return Err(Diagnostic::at(&place, "found a YAML tag (`!…`)", "expected a plain value")
                .help("remove the tag"));
        }
        let node = Node { value, place: Place { end: end.max(place.start), ..place } };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<Node, Diagnostic> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::at(
                place,
                "found an alias to nothing",
                "expected the name of an earlier anchor",
            ));
        };
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(Diagnostic::at(
                place,
                "aliases make the plan too large",
                format!("expected at most {MAX_NODES} values"),
            ));
        }
        Ok(node.clone())
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), Diagnostic> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let last = items.last().map(|item| item.place.end);
                return Ok((items, self.end_of(span, last)));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<(Key, Node)>, usize), Diagnostic> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let last = entries.last().map(|entry| entry.1.place.end);
                return Ok((entries, self.end_of(span, last)));
            }
            let place = self.place(span);
            let Event::Scalar(name, ..) = event else {
                let mistake = Diagnostic::at(&place, "found a key that is not a text", "expected a text");
                // To YAML, `{{name}}` is a map whose key is a map.
                return Err(match event {
                    Event::MappingStart(..) => mistake.help("put quotes around `{{…}}`: `\"{{name}}\"`"),
                    _ => mistake,
                });
            };
            if &*name == "<<" {
                return Err(Diagnostic::at(&place, "found a YAML merge key (`<<`)", "expected a plain key")
                    .help("repeat the keys, or put shared parts into a file and name it under `include`"));
            }
            if let Some(earlier) = known.insert(name.to_string(), entries.len()) {
                let (line, _) = entries[earlier].0.place.line_and_column();
                return Err(Diagnostic::at(
                    &place,
                    format!("the key `{name}` stands here a second time"),
                    "duplicate",
                )
                .help(format!("its first place is line {line}; keep one of the two")));
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            entries.push((Key { name: name.into_owned(), place }, node));
        }
    }

    /// A flow collection ends with its bracket; a block collection with its last item.
    fn end_of(&mut self, span: Span, last: Option<usize>) -> usize {
        let place = self.place(span);
        let bracket =
            self.source.text.get(place.start..place.end).is_some_and(|text| matches!(text, "]" | "}"));
        if bracket { place.end } else { last.unwrap_or(place.start) }
    }

    fn place(&mut self, span: Span) -> Place {
        let start = self.offset(span.start.line(), span.start.col());
        self.latest = (span.start.line(), span.start.col(), start);
        let end = self.offset(span.end.line(), span.end.col()).max(start);
        let text = self.source.text.get(start..end).unwrap_or_default();
        Place { source: Arc::clone(self.source), start, end: start + text.trim_end().len() }
    }

    /// The byte offset of a line (from 1) and a column (from 0, in characters).
    fn offset(&self, line: usize, column: usize) -> usize {
        let text = &self.source.text;
        let (start, column) = match self.latest {
            (known, before, offset) if known == line && before <= column => (offset, column - before),
            _ => (self.lines.get(line.saturating_sub(1)).copied().unwrap_or(text.len()), column),
        };
        text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Diagnostic> {
        parse(&Source::new("plan.yaml", text))
    }

    fn shown(text: &str) -> String {
        read(text).expect_err("refused").to_string()
    }

    #[test]
    fn values_keep_their_places() {
        let node = read("name: shop\nlist: [1, \"2\"]\nmap:\n  ä: null\n  key: value here\nafter: 1\n")
            .expect("reads");
        let map = node.get("map").expect("map");
        assert_eq!(map.get("key").expect("key").place.to_string(), "plan.yaml:5:8");
        assert_eq!(&map.place.source.text[map.place.start..map.place.end], "ä: null\n  key: value here");
        assert!(map.get("ä").is_none());
        assert_eq!(node.get("list").expect("list").to_json(), serde_json::json!([1, "2"]));
    }

    #[test]
    fn what_a_plan_may_not_use_is_refused_at_its_place() {
        assert!(shown("a: 1\nb: 2\na: 3\n").contains("plan.yaml:3:1: the key `a` stands here a second time"));
        assert!(shown("a: !secret x\n").contains("YAML tag"));
        assert!(shown("a: 1\n---\nb: 1\n").contains("second YAML document"));
        assert!(shown("a: [1\nb: 2\n").contains("not valid YAML"));
        assert!(shown("a: *nobody\n").contains("plan.yaml:1"));
    }

    #[test]
    fn aliases_cannot_blow_the_tree_up() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        assert!(shown(&text).contains("too large"));
        assert!(shown(&("[".repeat(100) + &"]".repeat(100))).contains("too large"));
    }
}
