//! Captures: values kept from an answer.

use prony_core::{Diagnostic, Node, ReplyNeeds};
use regex::Regex;

use crate::check::{Answer, Subject};
use crate::comparison::regex;

/// One capture.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    /// The variable's number.
    pub(crate) variable: usize,
    /// The variable's name, for messages.
    pub(crate) name: String,
    from: From,
    default: Option<String>,
}

#[derive(Clone, Debug)]
enum From {
    Subject(Subject),
    /// The first group, or the whole when there is none.
    Pattern(Regex),
}

impl Capture {
    pub(crate) fn parse(
        name: &str,
        variable: usize,
        node: &Node,
        fields: &[&'static str],
    ) -> Result<Self, Diagnostic> {
        let source = node.get("from").unwrap_or(node);
        let text = source.text()?.trim();
        let from = match text.strip_prefix("regex") {
            Some(pattern) if pattern.starts_with([' ', '/']) => {
                From::Pattern(regex(pattern.trim(), &source.place)?)
            }
            _ => {
                let (subject, rest) = Subject::parse(text, &source.place, fields)?;
                if !rest.is_empty() || matches!(subject, Subject::Time | Subject::Size) {
                    return Err(source.unexpected(
                        "`json PATH`, `header NAME`, `cookie NAME`, `regex /…/`, `status` or `body`",
                    ));
                }
                From::Subject(subject)
            }
        };
        let default = node.get("default").map(Node::text).transpose()?.map(str::to_owned);
        Ok(Self { variable, name: name.to_owned(), from, default })
    }

    pub(crate) fn needs(&self, needs: &mut ReplyNeeds) {
        match &self.from {
            From::Subject(subject) => subject.needs(needs),
            From::Pattern(_) => needs.body = true,
        }
    }

    /// The value, or else the default.
    pub(crate) fn find(&self, answer: &mut Answer<'_>) -> Option<String> {
        let found = match &self.from {
            From::Subject(Subject::Status) => answer.outcome.status.map(|status| status.to_string()),
            From::Subject(Subject::Body) => Some(String::from_utf8_lossy(answer.reply.body()).into_owned()),
            From::Subject(Subject::Json(path)) => answer.json_text(path),
            From::Subject(Subject::Field { kind, name }) => {
                answer.reply.field(kind, name).map(std::borrow::Cow::into_owned)
            }
            From::Subject(Subject::Time | Subject::Size) => None,
            From::Pattern(pattern) => {
                let body = String::from_utf8_lossy(answer.reply.body());
                pattern
                    .captures(&body)
                    .and_then(|groups| groups.get(1).or(groups.get(0)).map(|group| group.as_str().to_owned()))
            }
        };
        found.or_else(|| self.default.clone())
    }
}
