//! What the drivers of a run's scenarios share, though none knows of the others: a broker's ledger, say, whose publishers are
//! one scenario's users and whose subscribers are another's.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One value of each type a run. Asked for while plans compile, never during the load.
#[derive(Debug, Default)]
pub struct Commons(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Commons {
    /// The run's `T`, made by `make` when nobody has asked before.
    pub fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(make()));
        match Arc::clone(value).downcast() {
            Ok(value) => value,
            Err(_) => unreachable!("values are kept by their type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_the_same_value_of_a_type() {
        let commons = Commons::default();
        let one = commons.get_or_make(|| 1_u32);
        assert!(Arc::ptr_eq(&one, &commons.get_or_make(|| 2_u32)));
        assert_eq!(*commons.get_or_make(|| 3_u64), 3);
    }
}
