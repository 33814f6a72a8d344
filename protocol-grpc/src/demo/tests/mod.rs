//! The target on the wire, as h2's own client sees it: every call and every fault frame by frame. What grpcio and grpc-js
//! make of it is in the suite of all crates.

mod calls;
mod client;
mod control;
mod faults;
mod hostile;
