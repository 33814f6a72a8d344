//! The embedded target, spoken to by clients with nothing of Prony's in them: every path, every fault, every control
//! call, in the clear and over TLS.

mod control;
mod faults;
mod http2;
mod paths;
mod wire;
