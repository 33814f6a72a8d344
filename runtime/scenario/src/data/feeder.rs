//! A worker's feeder: which row an iteration gets.

use std::sync::Arc;

use prony_core::{Random, Seat};

use crate::data::table::Blocks;
use crate::data::{AtEnd, DataSource, RowOrder};

/// A data source as one worker feeds from it.
#[derive(Debug)]
pub(crate) struct Feeder {
    source: Arc<DataSource>,
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
    pub(crate) fn new(source: Arc<DataSource>, seat: &Seat) -> Self {
        let stride = u64::from(seat.workers.min(seat.users).max(1));
        Self { source, blocks: Blocks::default(), next: u64::from(seat.worker), stride }
    }

    pub(crate) fn source(&self) -> &DataSource {
        &self.source
    }

    /// Fills `values` with a row for `user`; `variables` has by column the variable it fills, if any template uses it.
    pub(crate) fn feed(
        &mut self,
        variables: &[Option<usize>],
        user: u32,
        random: &mut Random,
        values: &mut [Option<String>],
    ) -> Fed {
        let number = match self.pick(user, random) {
            Ok(Some(number)) => number,
            Ok(None) => return Fed::Ended,
            Err(problem) => return Fed::Failed(problem),
        };
        let row = match self.row(number) {
            Ok(row) => row,
            Err(problem) => return Fed::Failed(problem),
        };
        for (field, variable) in row.zip(variables) {
            if let Some(variable) = variable {
                let value = values[*variable].get_or_insert_default();
                value.clear();
                value.push_str(field);
            }
        }
        Fed::Row
    }

    /// The number of the next row for `user`; `None` when no row is left and the scenario is to end then.
    pub(crate) fn pick(&mut self, user: u32, random: &mut Random) -> Result<Option<u64>, String> {
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
        match self.source.at_end {
            AtEnd::Stop if wanted >= rows => Ok(None),
            AtEnd::Fail if wanted >= rows => Err(format!(
                "the data source `{}` has {rows} rows and they are used up; give it more, or `at_end: wrap` or `stop`",
                self.source.name
            )),
            _ => Ok(Some(wanted % rows)),
        }
    }

    /// The fields of a row, numbers beyond the last counted from the first again.
    pub(crate) fn row(&mut self, number: u64) -> Result<impl Iterator<Item = &str>, String> {
        let number = number % self.source.table.rows();
        let name = &self.source.name;
        self.blocks
            .row(&self.source.table, number)
            .map_err(|problem| format!("data source `{name}`: {problem}"))
    }
}
