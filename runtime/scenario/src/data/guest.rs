//! Data sources as guests ask for them: by name, with all their columns.

use std::sync::Arc;

use prony_core::{Random, Seat};
use prony_plugin_host::{DataReader, DataSet, Row};

use crate::data::DataSources;
use crate::data::feeder::Feeder;

impl DataSet for DataSources {
    fn reader(&self, seat: &Seat) -> Box<dyn DataReader> {
        Box::new(Reader {
            feeders: self.sources.iter().map(|source| Feeder::new(Arc::clone(source), seat)).collect(),
        })
    }
}

struct Reader {
    feeders: Vec<Feeder>,
}

impl Reader {
    fn find(&self, name: &str) -> Result<usize, String> {
        self.feeders.iter().position(|feeder| feeder.source().name == name).ok_or_else(|| {
            let known: Vec<&str> = self.feeders.iter().map(|feeder| feeder.source().name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("the plan has no data source `{}`; it has {known}", name.escape_debug())
        })
    }
}

fn row(feeder: &mut Feeder, number: u64) -> Result<Row, String> {
    let columns: Vec<String> = feeder.source().table.columns().to_vec();
    let fields = feeder.row(number)?.map(str::to_owned);
    Ok(columns.into_iter().zip(fields).collect())
}

impl DataReader for Reader {
    fn next(&mut self, source: &str, user: u32, random: &mut Random) -> Result<Option<Row>, String> {
        let at = self.find(source)?;
        let feeder = &mut self.feeders[at];
        match feeder.pick(user, random)? {
            Some(number) => row(feeder, number).map(Some),
            None => Ok(None),
        }
    }

    fn at(&mut self, source: &str, number: u64) -> Result<Row, String> {
        let at = self.find(source)?;
        row(&mut self.feeders[at], number)
    }

    fn rows(&self, source: &str) -> Result<u64, String> {
        self.find(source).map(|at| self.feeders[at].source().table.rows())
    }
}
