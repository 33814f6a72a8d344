//! The integration tests of the whole: the real binary against real servers.

mod binary;
mod documents;
mod honesty;
