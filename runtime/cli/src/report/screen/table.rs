//! A table: the first column to the left, figures to the right, columns as wide as their widest cell.

use super::paint::Paint;
use super::text::{left, right, shorten, width};

/// Between two columns.
const GAP: usize = 2;
/// The first column is never narrower.
const NARROWEST: usize = 12;

/// What a cell means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Dim,
    Bad,
}

/// One cell.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// A heading over some columns.
pub(super) struct Span {
    /// The first column under it.
    pub(super) first: usize,
    /// The last.
    pub(super) last: usize,
    pub(super) text: &'static str,
}

/// Rows of cells under a heading.
pub(super) struct Table {
    pub(super) spans: Vec<Span>,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The lines of the table, none wider than `most` unless the figures alone are.
    pub(super) fn lines(&self, most: usize, paint: Paint) -> Vec<String> {
        let mut widths: Vec<usize> = self.head.iter().map(|text| width(text)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        for span in self.spans.iter().filter(|span| span.first == span.last) {
            widths[span.first] = widths[span.first].max(width(span.text));
        }
        let others: usize = widths.iter().skip(1).map(|columns| columns + GAP).sum();
        widths[0] = widths[0].min(most.saturating_sub(others).max(NARROWEST));
        let mut lines = Vec::new();
        if !self.spans.is_empty() {
            lines.push(paint.dim(&self.span_line(&widths)));
        }
        let head = self.head.iter().enumerate().map(|(column, text)| place(column, text, &widths));
        lines.push(paint.dim(head.collect::<String>().trim_end()));
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let placed = place(column, &cell.text, &widths);
                match cell.tone {
                    Tone::Plain => placed,
                    Tone::Dim => paint.dim(&placed),
                    Tone::Bad => paint.bad(&placed),
                }
            });
            let line: String = cells.collect();
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    fn span_line(&self, widths: &[usize]) -> String {
        let mut line = String::new();
        for span in &self.spans {
            let start = widths[..span.first].iter().sum::<usize>() + GAP * span.first;
            let columns =
                widths[span.first..=span.last].iter().sum::<usize>() + GAP * (span.last - span.first);
            line = left(&line, start);
            if span.first == span.last {
                line.push_str(&right(span.text, columns));
            } else {
                let rule = columns.saturating_sub(width(span.text) + 2);
                line.push_str(&"─".repeat(rule / 2));
                line.push_str(&format!(" {} ", span.text));
                line.push_str(&"─".repeat(rule.div_ceil(2)));
            }
        }
        line
    }
}

fn place(column: usize, text: &str, widths: &[usize]) -> String {
    match column {
        0 => left(&shorten(text, widths[0]), widths[0]),
        _ => format!("{}{}", " ".repeat(GAP), right(text, widths[column])),
    }
}
