//! A worker's feeder: which row an iteration gets.

use std::sync::Arc;

use prony_core::{Random, Seat};

use crate::data::table::Blocks;
use crate::data::{AtEnd, DataSource, RowOrder};

/// A data source as one worker feeds from it.
#[derive(Debug)]
pub(crate) struct Feeder {
    source: Arc<DataSource>,
    /// By column: the variable it fills, if any template uses it.
    variables: Vec<Option<usize>>,
    blocks: Blocks,
    /// Sequential order: this worker's next row, and how far the one after it is. Each worker takes its own rows, so
    /// workers need not talk; together they take every row once.
    next: u64,
    stride: u64,
}

/// What came of feeding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    Row,
    /// No row is left and the scenario is to end.
    Ended,
    /// Something is wrong that ends the run.
    Failed(String),
}

impl Feeder {
    pub(crate) fn new(source: Arc<DataSource>, variables: Vec<Option<usize>>, seat: &Seat) -> Self {
        let stride = u64::from(seat.workers.min(seat.users).max(1));
        Self { source, variables, blocks: Blocks::default(), next: u64::from(seat.worker), stride }
    }

    /// Fills `values` with a row for `user`.
    pub(crate) fn feed(&mut self, user: u32, random: &mut Random, values: &mut [Option<String>]) -> Fed {
        let rows = self.source.table.rows();
        let wanted = match self.source.order {
            RowOrder::Random => random.below(rows),
            RowOrder::Unique => u64::from(user),
            RowOrder::Sequential => {
                let row = self.next;
                self.next += self.stride;
                row
            }
        };
        if wanted >= rows {
            match self.source.at_end {
                AtEnd::Wrap => {}
                AtEnd::Stop => return Fed::Ended,
                AtEnd::Fail => {
                    return Fed::Failed(format!(
                        "the data source `{}` has {rows} rows and they are used up; give it more, or `at_end: wrap` or `stop`",
                        self.source.name
                    ));
                }
            }
        }
        let row = match self.blocks.row(&self.source.table, wanted % rows) {
            Ok(row) => row,
            Err(problem) => return Fed::Failed(format!("data source `{}`: {problem}", self.source.name)),
        };
        for (field, variable) in row.zip(&self.variables) {
            if let Some(variable) = variable {
                let value = values[*variable].get_or_insert_default();
                value.clear();
                value.push_str(field);
            }
        }
        Fed::Row
    }
}
