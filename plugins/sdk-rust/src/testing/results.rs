//! What happened on a fake host.

use std::time::Duration;

use super::{Checked, Host, Line, Passage, Request};

impl Host {
    /// The requests that were sent, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().requests.clone()
    }

    /// The requests that count as failures: no answer, a status that was not expected, a check that did not hold.
    #[must_use]
    pub fn failed_requests(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.failure.is_some());
        requests
    }

    /// The checks, those of answers and those of the scenario, in the order of their first use.
    #[must_use]
    pub fn checks(&self) -> Vec<Checked> {
        self.state.borrow().checks.clone()
    }

    /// How often the check `name` held; never and not once, if nobody has made it.
    #[must_use]
    pub fn check(&self, name: &str) -> Checked {
        let unmade = || Checked { name: name.to_owned(), ..Checked::default() };
        self.checks().into_iter().find(|check| check.name == name).unwrap_or_else(unmade)
    }

    /// The names of all metrics, in the order of their first use.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.state.borrow().metrics.iter().map(|metric| metric.name.clone()).collect()
    }

    /// What the counter `name` has come to.
    #[must_use]
    pub fn counter(&self, name: &str) -> f64 {
        self.values("counter", name).iter().sum()
    }

    /// What the gauge `name` was set to last.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.values("gauge", name).last().copied()
    }

    /// The values of the trend `name`, in their order.
    #[must_use]
    pub fn trend(&self, name: &str) -> Vec<f64> {
        self.values("trend", name)
    }

    /// The passages through groups, in the order they ended.
    #[must_use]
    pub fn groups(&self) -> Vec<Passage> {
        self.state.borrow().groups.clone()
    }

    /// The lines that were said.
    #[must_use]
    pub fn logs(&self) -> Vec<Line> {
        self.state.borrow().lines.clone()
    }

    /// A variable of the present user.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.state.borrow_mut().own().vars.get(name).cloned()
    }

    /// The simulated time since the host was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.state.borrow().now)
    }

    fn values(&self, kind: &str, name: &str) -> Vec<f64> {
        let state = self.state.borrow();
        let found = state.metrics.iter().find(|metric| metric.kind == kind && metric.name == name);
        found.map(|metric| metric.values.clone()).unwrap_or_default()
    }
}
