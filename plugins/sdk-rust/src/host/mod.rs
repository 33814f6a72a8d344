//! The one seam to what runs a plugin: the interface's imports in a component, the fake host anywhere else.
//!
//! Both sides have the same functions and types.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
pub(crate) mod grpc;
#[cfg(target_family = "wasm")]
pub(crate) mod mqtt;
#[cfg(target_family = "wasm")]
pub(crate) mod ws;

#[cfg(target_family = "wasm")]
pub(crate) use component::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::calls::*;
