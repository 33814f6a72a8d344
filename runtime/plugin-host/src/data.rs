//! Rows of a plan's data sources, as guests ask for them. Whoever has the sources implements these.

use prony_core::{Random, Seat};

/// A row: columns and values.
pub type Row = Vec<(String, String)>;

/// A plan's data sources, shared by all workers.
pub trait DataSet: Send + Sync {
    /// A worker's reader.
    fn reader(&self, seat: &Seat) -> Box<dyn DataReader>;
}

/// A worker's way to the rows. Errors are sentences.
pub trait DataReader {
    /// The next row of a source for `user`, in the source's own order; `None` when it has run out and is to stop then.
    ///
    /// # Errors
    /// When there is no such source, or it cannot be read.
    fn next(&mut self, source: &str, user: u32, random: &mut Random) -> Result<Option<Row>, String>;

    /// Row `number` of a source; numbers beyond the last begin again from the first.
    ///
    /// # Errors
    /// When there is no such source, or it cannot be read.
    fn at(&mut self, source: &str, number: u64) -> Result<Row, String>;

    /// How many rows a source has.
    ///
    /// # Errors
    /// When there is no such source.
    fn rows(&self, source: &str) -> Result<u64, String>;
}
