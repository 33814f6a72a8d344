//! `check` and `metric`: figures of the guest's own.

use prony_core::catalog::MetricKind;
use wasmtime::Result;

use crate::bindings::wit::{check, metric};
use crate::state::State;

impl check::Host for State {
    fn check(&mut self, name: String, passed: bool) -> Result<bool> {
        self.worker.check(None, &name, self.due(), passed);
        Ok(passed)
    }
}

impl metric::Host for State {
    fn add(&mut self, name: String, unit: String, amount: f64) -> Result<()> {
        self.worker.metric(&name, MetricKind::Counter, &unit, self.due(), amount);
        Ok(())
    }

    fn set(&mut self, name: String, unit: String, value: f64) -> Result<()> {
        self.worker.metric(&name, MetricKind::Gauge, &unit, self.due(), value);
        Ok(())
    }

    fn trend(&mut self, name: String, unit: String, value: f64) -> Result<()> {
        self.worker.metric(&name, MetricKind::Trend, &unit, self.due(), value);
        Ok(())
    }
}
