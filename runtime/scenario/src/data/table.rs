//! A file as a table: rows by number, read in blocks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use prony_core::Node;
use serde_json::Value as Json;

/// Rows of a block.
const BLOCK: u64 = 256;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    format: Format,
    columns: Vec<String>,
    rows: u64,
    /// Where each block begins.
    blocks: Vec<csv::Position>,
}

#[derive(Clone, Debug)]
enum Format {
    Csv { delimiter: u8 },
    JsonLines,
}

impl Table {
    /// Reads the file once. The error is a sentence.
    pub(crate) fn open(path: &Path, options: &Node) -> Result<Self, String> {
        let word = |key: &str| options.get(key).and_then(|node| node.text().ok());
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let lines = match word("format") {
            Some(format) => format == "jsonl",
            None => matches!(extension, "jsonl" | "ndjson"),
        };
        let delimiter = match word("delimiter").map(str::as_bytes) {
            None => b',',
            Some([one]) => *one,
            Some(_) => {
                return Err(format!("{}: `delimiter` is not a single ASCII character", path.display()));
            }
        };
        let header: Option<Vec<String>> = options
            .get("header")
            .map(|node| node.items().iter().filter_map(|item| item.text().ok()).map(str::to_owned).collect());
        let format = if lines { Format::JsonLines } else { Format::Csv { delimiter } };
        let mut table =
            Self { path: path.to_owned(), format, columns: Vec::new(), rows: 0, blocks: Vec::new() };
        match table.format {
            Format::Csv { .. } => table.index_csv(header),
            Format::JsonLines => table.index_lines(),
        }?;
        if table.rows == 0 {
            return Err(format!("{} has no rows; expected at least one", path.display()));
        }
        Ok(table)
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn csv(&self, delimiter: u8) -> Result<csv::Reader<File>, String> {
        let file = File::open(&self.path).map_err(|error| self.problem(&error.to_string()))?;
        Ok(csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(file))
    }

    fn problem(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }

    fn index_csv(&mut self, header: Option<Vec<String>>) -> Result<(), String> {
        let Format::Csv { delimiter } = self.format else { return Ok(()) };
        let mut reader = self.csv(delimiter)?;
        let mut record = csv::StringRecord::new();
        self.columns = match header {
            Some(header) => header,
            None => {
                let found =
                    reader.read_record(&mut record).map_err(|error| self.problem(&error.to_string()))?;
                if !found {
                    return Err(self.problem("the file is empty; expected a line with the columns' names"));
                }
                // Spreadsheets put a byte order mark before the first name.
                record.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect()
            }
        };
        loop {
            let position = reader.position().clone();
            let found = reader.read_record(&mut record).map_err(|error| self.problem(&error.to_string()))?;
            if !found {
                return Ok(());
            }
            if record.len() != self.columns.len() {
                let line = record.position().map_or(position.line(), csv::Position::line);
                let (fields, columns) = (record.len(), self.columns.len());
                return Err(self.problem(&format!(
                    "line {line} has {fields} fields, expected {columns} as in the header"
                )));
            }
            if self.rows.is_multiple_of(BLOCK) {
                self.blocks.push(position);
            }
            self.rows += 1;
        }
    }

    fn index_lines(&mut self) -> Result<(), String> {
        let file = File::open(&self.path).map_err(|error| self.problem(&error.to_string()))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let (mut line, mut number, mut offset) = (String::new(), 0_u64, 0_u64);
        loop {
            line.clear();
            let length = reader
                .read_line(&mut line)
                .map_err(|error| self.problem(&format!("line {}: {error}", number + 1)))?;
            if length == 0 {
                return Ok(());
            }
            number += 1;
            if !line.trim().is_empty() {
                let object: serde_json::Map<String, Json> = serde_json::from_str(&line).map_err(|error| {
                    self.problem(&format!(
                        "line {number} is no JSON object ({error}); expected one object a line"
                    ))
                })?;
                if self.rows == 0 {
                    self.columns = object.keys().cloned().collect();
                }
                if self.rows.is_multiple_of(BLOCK) {
                    let mut position = csv::Position::new();
                    position.set_byte(offset).set_line(number);
                    self.blocks.push(position);
                }
                self.rows += 1;
            }
            offset += length as u64;
        }
    }

    /// Reads block number `block`.
    fn read_block(&self, number: u64) -> Result<Block, String> {
        let mut block = Block::new(self.columns.len());
        let Some(begin) = self.blocks.get(number as usize) else { return Ok(block) };
        match self.format {
            Format::Csv { delimiter } => {
                let mut reader = self.csv(delimiter)?;
                reader.seek(begin.clone()).map_err(|error| self.problem(&error.to_string()))?;
                let mut record = csv::StringRecord::new();
                while block.rows() < BLOCK
                    && reader.read_record(&mut record).map_err(|error| self.problem(&error.to_string()))?
                {
                    if record.len() != self.columns.len() {
                        return Err(
                            self.problem("a row has other columns; the file has changed under the run")
                        );
                    }
                    block.push(record.iter().map(Cow::Borrowed))?;
                }
            }
            Format::JsonLines => {
                let mut file = File::open(&self.path).map_err(|error| self.problem(&error.to_string()))?;
                file.seek(SeekFrom::Start(begin.byte())).map_err(|error| self.problem(&error.to_string()))?;
                for line in BufReader::with_capacity(1 << 16, file).lines() {
                    let line = line.map_err(|error| self.problem(&error.to_string()))?;
                    if line.trim().is_empty() {
                        continue;
                    }
                    let object: serde_json::Map<String, Json> =
                        serde_json::from_str(&line).map_err(|error| self.problem(&error.to_string()))?;
                    block.push(self.columns.iter().map(|column| text(object.get(column))))?;
                    if block.rows() == BLOCK {
                        break;
                    }
                }
            }
        }
        Ok(block)
    }
}

/// A JSON value as a variable's text: texts as they are, nothing as nothing, the rest as JSON.
fn text(value: Option<&Json>) -> Cow<'_, str> {
    match value {
        None | Some(Json::Null) => Cow::Borrowed(""),
        Some(Json::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(other.to_string()),
    }
}

/// Rows that stand together in a file, in one text.
#[derive(Debug, Default)]
pub(crate) struct Block {
    text: String,
    /// Where each field ends; a row has as many as there are columns.
    ends: Vec<u32>,
    columns: usize,
}

impl Block {
    fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Adds a row; there are 4 GB for all of them.
    fn push<'f>(&mut self, fields: impl Iterator<Item = Cow<'f, str>>) -> Result<(), String> {
        for field in fields {
            self.text.push_str(&field);
            let end =
                u32::try_from(self.text.len()).map_err(|_| format!("{BLOCK} rows are larger than 4 GB"))?;
            self.ends.push(end);
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        (self.ends.len() / self.columns.max(1)) as u64
    }

    /// The fields of row number `row` in the order of the columns; `None` when it is not there.
    fn row(&self, row: u64) -> Option<impl Iterator<Item = &str>> {
        if row >= self.rows() {
            return None;
        }
        let first = row as usize * self.columns;
        Some((first..first + self.columns).map(|at| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
            &self.text[start..self.ends[at] as usize]
        }))
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }
}

/// A worker's view of a table: the blocks it has used lately. A small table ends up in memory as a whole, of a large one
/// no more than [`KEPT_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// By number; with the moment of its last use.
    recent: HashMap<u64, (Block, u64)>,
    bytes: usize,
    uses: u64,
}

/// What a worker keeps of one table.
const KEPT_BYTES: usize = 4 << 20;

impl Blocks {
    /// The fields of row number `row` of `table`.
    pub(crate) fn row(&mut self, table: &Table, row: u64) -> Result<impl Iterator<Item = &str>, String> {
        let number = row / BLOCK;
        self.uses += 1;
        if !self.recent.contains_key(&number) {
            let block = table.read_block(number)?;
            self.bytes += block.bytes();
            while self.bytes > KEPT_BYTES
                && let Some(oldest) =
                    self.recent.iter().min_by_key(|(_, (_, used))| *used).map(|(number, _)| *number)
            {
                self.bytes -= self.recent.remove(&oldest).map_or(0, |(block, _)| block.bytes());
            }
            self.recent.insert(number, (block, self.uses));
        }
        let found = self.recent.get_mut(&number).and_then(|(block, used)| {
            *used = self.uses;
            block.row(row % BLOCK)
        });
        found.ok_or_else(|| {
            format!("{}: row {} is gone; the file has changed under the run", table.path.display(), row + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::{Source, document};
    use std::io::Write;

    fn file(extension: &str, text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(extension).tempfile().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    fn open(file: &tempfile::NamedTempFile, options: &str) -> Result<Table, String> {
        let node = document::parse(&Source::new("plan", options)).expect("yaml");
        Table::open(file.path(), &node)
    }

    #[test]
    fn rows_are_found_by_number_in_a_file_of_many_blocks() {
        let mut text = String::from("id,name\n");
        (0..5_000).for_each(|n| text.push_str(&format!("{n},\"name, {n}\nsecond line\"\n")));
        let file = file(".csv", &text);
        let table = open(&file, "{}").expect("opens");
        assert_eq!(
            (table.rows(), table.columns(), table.blocks.len()),
            (5_000, &["id".to_owned(), "name".to_owned()][..], 20)
        );
        let mut blocks = Blocks::default();
        for row in [0, 4_999, 255, 256, 2_000, 1, 4_000, 3_000, 1_000, 500, 1_300, 2_600, 4_999] {
            let found: Vec<&str> = blocks.row(&table, row).expect("a row").collect();
            assert_eq!(found, [row.to_string(), format!("name, {row}\nsecond line")]);
        }
    }

    #[test]
    fn of_a_large_file_a_bounded_part_is_kept() {
        let filler = "x".repeat(1_000);
        let mut text = String::from("id,filler\n");
        (0..20_000).for_each(|n| text.push_str(&format!("{n},{filler}\n")));
        let large = file(".csv", &text);
        let large = open(&large, "{}").expect("opens");
        let mut blocks = Blocks::default();
        for row in (0..20_000).chain((0..20_000).rev()) {
            let id = blocks.row(&large, row).expect("a row").next().map(str::to_owned);
            assert_eq!(id, Some(row.to_string()));
            assert!(blocks.bytes <= KEPT_BYTES + 300_000, "{}", blocks.bytes);
        }
        let held: usize = blocks.recent.values().map(|(block, _)| block.bytes()).sum();
        assert_eq!(held, blocks.bytes);
        assert!(blocks.recent.len() >= 10, "{}", blocks.recent.len());
    }

    #[test]
    fn json_lines_are_rows_too() {
        let file = file(".jsonl", "{\"id\": 1, \"tags\": [\"a\"]}\n\n{\"id\": 2}\n");
        let table = open(&file, "{}").expect("opens");
        let mut blocks = Blocks::default();
        assert_eq!(blocks.row(&table, 0).expect("a row").collect::<Vec<_>>(), ["1", "[\"a\"]"]);
        assert_eq!(blocks.row(&table, 1).expect("a row").collect::<Vec<_>>(), ["2", ""]);
        assert!(blocks.row(&table, 2).is_err());
    }

    #[test]
    fn options_of_a_file_are_minded() {
        let table = open(&file(".txt", "1;a\n2;b\n"), "{delimiter: ';', header: [id, name]}").expect("opens");
        assert_eq!((table.rows(), table.columns()[1].as_str()), (2, "name"));
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let shown = |extension: &str, text: &str| open(&file(extension, text), "{}").expect_err("refused");
        assert!(shown(".csv", "id,name\n1,a\n2\n").contains("line 3 has 1 fields, expected 2"));
        assert!(shown(".csv", "").contains("the file is empty"));
        assert!(shown(".csv", "id\n").contains("has no rows"));
        assert!(shown(".jsonl", "{}\n[1]\n").contains("line 2 is no JSON object"));
        assert!(
            Table::open(Path::new("/nowhere.csv"), &document::parse(&Source::new("p", "{}")).expect("yaml"))
                .is_err()
        );
    }
}
