//! Passages through groups.

use std::cell::Cell;

use super::current;
use crate::testing::record::Passage;

pub(crate) struct Group {
    name: String,
    begin: u64,
    ended: Cell<bool>,
}

impl Group {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), begin: current().borrow().now, ended: Cell::new(false) }
    }

    pub(crate) fn finish(&self, failed: bool) {
        self.ended.set(true);
        let state = current();
        let mut state = state.borrow_mut();
        let time = std::time::Duration::from_nanos(state.now.saturating_sub(self.begin));
        state.groups.push(Passage { name: self.name.clone(), failed, time });
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended.get() {
            self.finish(true);
        }
    }
}
