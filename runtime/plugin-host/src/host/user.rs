//! `user`, `random`, `clock`, `data`, `vars` and `log`: what is there without anything being sent.

use wasmtime::Result;

use crate::bindings::wit::{clock, data, log, random, types, user, vars};
use crate::data::{DataReader, Row};
use crate::log::Level;
use crate::state::State;

impl types::Host for State {}

impl user::Host for State {
    fn id(&mut self) -> Result<u32> {
        Ok(self.user()?.borrow().number)
    }

    fn iteration(&mut self) -> Result<u64> {
        Ok(self.user()?.borrow().iteration)
    }

    fn scenario(&mut self) -> Result<String> {
        Ok(self.worker.scenario_name.to_string())
    }

    fn users(&mut self) -> Result<u32> {
        Ok(self.worker.users)
    }

    fn wanted(&mut self) -> Result<bool> {
        let user = self.user()?;
        let user = user.borrow();
        Ok(!user.wanted.is_stopped() && self.worker.clock.now() < user.wanted.until())
    }
}

impl random::Host for State {
    fn bits(&mut self) -> Result<u64> {
        Ok(self.user()?.borrow_mut().random.bits())
    }

    fn unit(&mut self) -> Result<f64> {
        Ok(self.user()?.borrow_mut().random.unit())
    }

    fn between(&mut self, low: i64, high: i64) -> Result<i64> {
        Ok(self.user()?.borrow_mut().random.between(low, high))
    }

    fn exponential(&mut self) -> Result<f64> {
        Ok(self.user()?.borrow_mut().random.exponential())
    }

    fn normal(&mut self) -> Result<f64> {
        Ok(self.user()?.borrow_mut().random.normal())
    }
}

impl clock::Host for State {
    fn now(&mut self) -> Result<u64> {
        Ok(self.worker.clock.now().as_nanos())
    }

    fn wall(&mut self) -> Result<Option<u64>> {
        let origin = self.current.as_ref().map(|user| user.borrow().wall_origin);
        let now = self.worker.clock.now().as_nanos();
        Ok(origin.filter(|_| self.worker.allow.clock).map(|origin| origin.saturating_add(now)))
    }
}

/// No data sources at all.
const NO_DATA: &str = "the plan has no data sources";

impl State {
    fn with_data<T>(
        &mut self,
        ask: impl FnOnce(&mut dyn DataReader) -> Result<T, String>,
    ) -> Result<Result<T, String>> {
        let mut reader = self.worker.data.borrow_mut();
        Ok(match reader.as_deref_mut() {
            Some(reader) => ask(reader),
            None => Err(NO_DATA.to_owned()),
        })
    }
}

impl data::Host for State {
    fn next(&mut self, source: String) -> Result<Result<Option<Row>, String>> {
        let user = self.user()?;
        self.with_data(|reader| {
            let user = &mut *user.borrow_mut();
            reader.next(&source, user.number, &mut user.random)
        })
    }

    fn at(&mut self, source: String, number: u64) -> Result<Result<Row, String>> {
        self.with_data(|reader| reader.at(&source, number))
    }

    fn rows(&mut self, source: String) -> Result<Result<u64, String>> {
        self.with_data(|reader| reader.rows(&source))
    }
}

impl vars::Host for State {
    fn get(&mut self, name: String) -> Result<Option<String>> {
        Ok(self.user()?.borrow().vars.get(&name))
    }

    fn set(&mut self, name: String, value: String) -> Result<Result<(), String>> {
        Ok(self.user()?.borrow_mut().vars.set(&name, value))
    }
}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String) -> Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.worker.log(level, &message);
        Ok(())
    }
}
