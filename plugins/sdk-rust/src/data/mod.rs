//! Rows of the plan's data sources (`data:`), by the source's name.

mod row;

pub use row::Row;

use crate::{Result, host};

/// The next row, in the order the plan gives the source. None when there is no row left and the source is told to stop at
/// its end.
///
/// # Errors
/// When the plan has no such source, or it cannot be read.
#[track_caller]
pub fn next(source: &str) -> Result<Option<Row>> {
    Ok(host::data_next(source)?.map(Row::new))
}

/// Row `number`, from 0; numbers beyond the last begin again from the first.
///
/// # Errors
/// As [`next`].
#[track_caller]
pub fn at(source: &str, number: u64) -> Result<Row> {
    Ok(Row::new(host::data_at(source, number)?))
}

/// How many rows there are.
///
/// # Errors
/// As [`next`].
#[track_caller]
pub fn rows(source: &str) -> Result<u64> {
    Ok(host::data_rows(source)?)
}
