//! A file as a table: rows by number, read in blocks.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use prony_core::Node;
use serde_json::Value as Json;

/// Rows of a block.
const BLOCK: u64 = 256;

/// A row: its fields in the order of the columns.
pub(crate) type Row = Vec<Box<str>>;

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
    fn read_block(&self, block: u64) -> Result<Vec<Row>, String> {
        let Some(begin) = self.blocks.get(block as usize) else { return Ok(Vec::new()) };
        let mut rows = Vec::with_capacity(BLOCK as usize);
        match self.format {
            Format::Csv { delimiter } => {
                let mut reader = self.csv(delimiter)?;
                reader.seek(begin.clone()).map_err(|error| self.problem(&error.to_string()))?;
                let mut record = csv::StringRecord::new();
                while rows.len() < BLOCK as usize
                    && reader.read_record(&mut record).map_err(|error| self.problem(&error.to_string()))?
                {
                    rows.push(record.iter().map(Box::from).collect());
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
                    rows.push(self.columns.iter().map(|column| text(object.get(column))).collect());
                    if rows.len() == BLOCK as usize {
                        break;
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// A JSON value as a variable's text: texts as they are, nothing as nothing, the rest as JSON.
fn text(value: Option<&Json>) -> Box<str> {
    match value {
        None | Some(Json::Null) => Box::from(""),
        Some(Json::String(text)) => Box::from(text.as_str()),
        Some(other) => other.to_string().into_boxed_str(),
    }
}

/// A worker's view of a table: the blocks it has used lately.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// The latest last.
    recent: Vec<(u64, Vec<Row>)>,
}

/// Blocks a worker keeps of one table.
const KEPT_BLOCKS: usize = 8;

impl Blocks {
    /// Row number `row` of `table`.
    pub(crate) fn row(&mut self, table: &Table, row: u64) -> Result<&Row, String> {
        let block = row / BLOCK;
        match self.recent.iter().position(|(number, _)| *number == block) {
            Some(at) if at + 1 == self.recent.len() => {}
            Some(at) => {
                let entry = self.recent.remove(at);
                self.recent.push(entry);
            }
            None => {
                if self.recent.len() == KEPT_BLOCKS {
                    self.recent.remove(0);
                }
                self.recent.push((block, table.read_block(block)?));
            }
        }
        let found = self.recent.last().and_then(|(_, rows)| rows.get((row % BLOCK) as usize));
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
            let found = blocks.row(&table, row).expect("a row");
            assert_eq!(
                (&*found[0], &*found[1]),
                (row.to_string().as_str(), format!("name, {row}\nsecond line").as_str())
            );
        }
        assert_eq!(blocks.recent.len(), KEPT_BLOCKS);
    }

    #[test]
    fn json_lines_are_rows_too() {
        let file = file(".jsonl", "{\"id\": 1, \"tags\": [\"a\"]}\n\n{\"id\": 2}\n");
        let table = open(&file, "{}").expect("opens");
        let mut blocks = Blocks::default();
        assert_eq!(
            blocks.row(&table, 0).expect("a row").iter().map(|f| &**f).collect::<Vec<_>>(),
            ["1", "[\"a\"]"]
        );
        assert_eq!(blocks.row(&table, 1).expect("a row").iter().map(|f| &**f).collect::<Vec<_>>(), ["2", ""]);
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
