//! Figures of a plugin's own. They stand in results, and thresholds know them as `metric NAME.FIGURE`.
//!
//! ```
//! use prony_plugin::metric::{Counter, Trend};
//!
//! static ORDERS: Counter = Counter::new("orders", "orders");
//! static VALUE: Trend = Trend::new("order_value", "EUR");
//!
//! # let mut host = prony_plugin::testing::Host::new();
//! # host.within(|| {
//! ORDERS.increment();
//! VALUE.record(12.50);
//! # });
//! # assert_eq!(host.counter("orders"), 1.0);
//! # assert_eq!(host.trend("order_value"), [12.50]);
//! ```
//!
//! A name has one kind and one unit in a run: what comes first wins, others are told and not counted. A unit is any word
//! (`EUR`, `bytes`, `ms`), or empty for a bare number. For names that are known only at run time there are [`add`],
//! [`set`] and [`trend`].

use crate::host;

/// A sum.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    name: &'static str,
    unit: &'static str,
}

impl Counter {
    /// A counter of this name and unit.
    #[must_use]
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// Adds an amount. Amounts below zero are not counted.
    pub fn add(&self, amount: f64) {
        add(self.name, self.unit, amount);
    }
}

/// A value that goes up and down: results have its latest, least and largest.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    name: &'static str,
    unit: &'static str,
}

impl Gauge {
    /// A gauge of this name and unit.
    #[must_use]
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }

    /// Sets it.
    pub fn set(&self, value: f64) {
        set(self.name, self.unit, value);
    }
}

/// A distribution of values, with 3 significant digits from 0.001 to 9e12. Values below zero count as zero.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    name: &'static str,
    unit: &'static str,
}

impl Trend {
    /// A trend of this name and unit.
    #[must_use]
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }

    /// Records a value.
    pub fn record(&self, value: f64) {
        trend(self.name, self.unit, value);
    }
}

/// Adds to the counter `name`.
pub fn add(name: &str, unit: &str, amount: f64) {
    host::metric_add(name, unit, amount);
}

/// Sets the gauge `name`.
pub fn set(name: &str, unit: &str, value: f64) {
    host::metric_set(name, unit, value);
}

/// Records a value of the trend `name`.
pub fn trend(name: &str, unit: &str, value: f64) {
    host::metric_trend(name, unit, value);
}
