//! The `.proto` text of what a schema holds.

use prost_reflect::DescriptorPool;

pub(super) fn describe(pool: &DescriptorPool, name: &str) -> Option<String> {
    let _ = (pool, name);
    None
}
