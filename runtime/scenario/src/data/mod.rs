//! Data sources: CSV and JSON lines, read by row number and never loaded whole.
//!
//! One pass before the run counts rows and notes where each block of them begins; afterwards a worker reads the blocks
//! it needs and keeps a few. So a file may be larger than memory.

mod feeder;
mod guest;
mod table;

pub(crate) use feeder::{Fed, Feeder};
pub(crate) use table::Table;

use std::path::Path;
use std::sync::Arc;

use prony_core::{Diagnostic, Node, Shape};

/// Which row an iteration gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// One after the other, over all users.
    Sequential,
    /// Any, from the user's random numbers.
    Random,
    /// The user's own: row number = user number.
    Unique,
}

/// What happens when there is no row left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Begin again.
    Wrap,
    /// The scenario ends.
    Stop,
    /// The run ends with an error.
    Fail,
}

/// A data source.
#[derive(Debug)]
pub(crate) struct DataSource {
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) order: RowOrder,
    pub(crate) at_end: AtEnd,
}

/// The data sources of a plan, opened and indexed, shared by all scenarios and workers.
#[derive(Debug, Default)]
pub struct DataSources {
    pub(crate) sources: Vec<Arc<DataSource>>,
}

impl DataSources {
    /// What may stand under `data:` in a plan.
    #[must_use]
    pub fn shape() -> Shape {
        Shape::map_of(Shape::reference("data_source"))
    }

    pub(crate) fn source_shape() -> Shape {
        let structured = Shape::map()
            .required("file", Shape::text(), "The file; a relative path starts from the plan's folder.")
            .key("format", Shape::one_of(&["csv", "jsonl"]), "Default: by the file's extension, csv for others than .jsonl and .ndjson.")
            .key("order", Shape::one_of(&["sequential", "random", "unique"]), "Which row an iteration gets: the next over all users (sequential, default), any (random), or always the user's own (unique).")
            .key("at_end", Shape::one_of(&["wrap", "stop", "fail"]), "What happens when rows run out: begin again (wrap, default), end the scenario (stop), or end the run with an error (fail).")
            .key("delimiter", Shape::text(), "CSV: the character between fields. Default `,`.")
            .key("header", Shape::filled_list(Shape::text()), "CSV: the columns' names, when the file's first line is a row and not their names.");
        Shape::either(vec![Shape::text().example("users.csv"), structured])
    }

    /// Opens and indexes the files that `data` names, relative to `folder`.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or is empty.
    pub fn open(data: Option<&Node>, folder: &Path) -> Result<Arc<Self>, Diagnostic> {
        let mut sources = Vec::new();
        for (key, node) in data.into_iter().flat_map(Node::entries) {
            let word = |name: &str| node.get(name).map(Node::text).transpose();
            let file = node.get("file").unwrap_or(node);
            let order = match word("order")? {
                Some("random") => RowOrder::Random,
                Some("unique") => RowOrder::Unique,
                _ => RowOrder::Sequential,
            };
            let at_end = match word("at_end")? {
                Some("stop") => AtEnd::Stop,
                Some("fail") => AtEnd::Fail,
                _ => AtEnd::Wrap,
            };
            let table = Table::open(&folder.join(file.text()?), node).map_err(|problem| {
                Diagnostic::at(&file.place, problem, "the data source")
                    .help("relative paths start from the plan's folder")
            })?;
            sources.push(Arc::new(DataSource { name: key.name.clone(), table, order, at_end }));
        }
        Ok(Arc::new(Self { sources }))
    }
}
