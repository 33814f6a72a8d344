//! The calls that plugins make, as the fake host answers them.

mod called;
mod exchange;
mod group;
pub(crate) mod grpc;
mod metric;
pub(crate) mod mqtt;
pub(crate) mod ws;

pub(crate) use exchange::{Reply, Request, send};
pub(crate) use group::Group;
pub(crate) use metric::{metric_add, metric_set, metric_trend};

use super::executor::Wait;
use super::record::{Checked, Line};
use super::state::{Source, State, current};
use crate::log::Level;

pub(crate) fn user_id() -> u32 {
    current().borrow().user
}

pub(crate) fn user_iteration() -> u64 {
    current().borrow_mut().own().iteration
}

pub(crate) fn user_scenario() -> String {
    current().borrow().scenario.clone()
}

pub(crate) fn user_users() -> u32 {
    let state = current();
    let state = state.borrow();
    state.users.max(state.user + 1)
}

pub(crate) fn user_wanted() -> bool {
    let state = current();
    let state = state.borrow();
    state.now < state.wanted_until()
}

pub(crate) fn check(name: &str, passed: bool) -> bool {
    count_check(&mut current().borrow_mut(), name, passed);
    passed
}

fn count_check(state: &mut State, name: &str, passed: bool) {
    let known = state.checks.iter().position(|check| check.name == name);
    let number = known.unwrap_or_else(|| {
        state.checks.push(Checked { name: name.to_owned(), ..Checked::default() });
        state.checks.len() - 1
    });
    let check = &mut state.checks[number];
    *(if passed { &mut check.passed } else { &mut check.failed }) += 1;
}

pub(crate) fn random_bits() -> u64 {
    current().borrow_mut().own().random.bits()
}

pub(crate) fn random_unit() -> f64 {
    current().borrow_mut().own().random.unit()
}

pub(crate) fn random_between(low: i64, high: i64) -> i64 {
    current().borrow_mut().own().random.between(low, high)
}

pub(crate) fn random_exponential() -> f64 {
    current().borrow_mut().own().random.exponential()
}

pub(crate) fn random_normal() -> f64 {
    current().borrow_mut().own().random.normal()
}

pub(crate) fn clock_now() -> u64 {
    current().borrow().now
}

pub(crate) fn clock_wall() -> Option<u64> {
    let state = current();
    let state = state.borrow();
    state.wall.map(|beginning| beginning + state.now)
}

pub(crate) async fn sleep(nanoseconds: u64) {
    // To the millisecond, as Prony itself waits.
    Wait::new(&current(), nanoseconds.div_ceil(1_000_000).saturating_mul(1_000_000)).await;
}

pub(crate) fn log(level: Level, message: &str) {
    current().borrow_mut().lines.push(Line { level, message: message.to_owned() });
}

pub(crate) fn vars_get(name: &str) -> Option<String> {
    current().borrow_mut().own().vars.get(name).cloned()
}

pub(crate) fn vars_set(name: &str, value: &str) -> Result<(), String> {
    let state = current();
    let mut state = state.borrow_mut();
    if state.step && !state.sets.iter().any(|set| set == name) {
        return Err(format!("a step's plugin sets the variables that the plan names: `sets: [{name}]`"));
    }
    state.own().vars.insert(name.to_owned(), value.to_owned());
    Ok(())
}

type Row = Vec<(String, String)>;

pub(crate) fn data_next(source: &str) -> Result<Option<Row>, String> {
    with_source(source, |source| {
        let number = source.next;
        source.next += 1;
        let over = source.ends && number >= source.rows.len();
        if over { Ok(None) } else { row(source, number).map(Some) }
    })
}

pub(crate) fn data_at(source: &str, number: u64) -> Result<Row, String> {
    with_source(source, |source| {
        let length = (source.rows.len() as u64).max(1);
        row(source, usize::try_from(number % length).unwrap_or(0))
    })
}

pub(crate) fn data_rows(source: &str) -> Result<u64, String> {
    with_source(source, |source| Ok(source.rows.len() as u64))
}

fn row(source: &Source, number: usize) -> Result<Row, String> {
    let length = source.rows.len().max(1);
    source.rows.get(number % length).cloned().ok_or_else(|| "the source has no rows".to_owned())
}

fn with_source<T>(name: &str, read: impl FnOnce(&mut Source) -> Result<T, String>) -> Result<T, String> {
    let state = current();
    let mut state = state.borrow_mut();
    match state.sources.get_mut(name) {
        Some(source) => read(source),
        None => Err(format!("the plan has no data source `{name}`; a test gives one by `Host::data`")),
    }
}
