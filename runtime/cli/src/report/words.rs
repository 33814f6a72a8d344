//! What each number is, in a sentence, for the screen and the page. The sentences stand in docs/results.md, once, and are read
//! from there.

use serde::Serialize;

/// The document.
const DOCUMENT: &str = include_str!("../../../../docs/results.md");

/// The headings of what the report takes from it.
const GUIDE: &str = "\n## How to read a result\n";
const SENTENCES: &str = "\n## Every number in a sentence\n";

/// What a number is.
#[derive(Debug, Serialize)]
pub(crate) struct Sentence {
    /// The number's name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) text: String,
}

/// All sentences: the rows of the table, `| name | sentence |`.
pub(crate) fn sentences() -> Vec<Sentence> {
    section(SENTENCES)
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(name, _)| *name != "number" && !name.starts_with("---"))
        .map(|(name, text)| Sentence { name, text: plain(text) })
        .collect()
}

/// How to read a result, in paragraphs; what was bold before the first full stop leads each of them.
pub(crate) fn guide() -> Vec<Sentence> {
    let items = section(GUIDE).split("\n\n").map(str::trim).filter_map(|text| text.strip_prefix("**"));
    items
        .filter_map(|item| item.split_once("**"))
        .map(|(name, text)| Sentence {
            name,
            text: plain(&text.split_whitespace().collect::<Vec<_>>().join(" ")),
        })
        .collect()
}

fn section(heading: &str) -> &'static str {
    let after = DOCUMENT.split_once(heading).map_or("", |(_, after)| after);
    after.split("\n## ").next().unwrap_or_default()
}

/// Markdown as text: links by what they say, no marks.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        let Some((label, target)) = after.split_once("](") else {
            text.push('[');
            rest = after;
            continue;
        };
        text.push_str(label);
        rest = target.split_once(')').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text.replace(['`', '*'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_the_report_says() {
        let sentences = sentences();
        assert!(sentences.len() > 25, "{sentences:?}");
        for sentence in &sentences {
            assert!(sentence.text.ends_with('.'), "{sentence:?}");
            assert!(!sentence.text.contains(['[', '`', '*', '<']), "{sentence:?}");
        }
        let guide = guide();
        assert!(guide.len() >= 6, "{guide:?}");
        assert!(guide.iter().all(|part| part.name.ends_with('.') && part.text.len() > 80), "{guide:?}");
    }

    #[test]
    fn every_sentence_that_the_page_asks_for_is_there() {
        let known: Vec<&str> = sentences().iter().map(|sentence| sentence.name).collect();
        let scripts = super::super::html::own_script();
        let asked: Vec<&str> =
            scripts.split("word(\"").skip(1).filter_map(|after| after.split('"').next()).collect();
        assert!(asked.len() > 15, "{asked:?}");
        for name in asked {
            assert!(known.contains(&name), "the page asks for {name:?}, which docs/results.md does not have");
        }
    }

    #[test]
    fn marks_are_left_out_and_words_stay() {
        assert_eq!(plain("a [b](c.md#d) `e` **f** [g]"), "a b e f [g]");
    }
}
