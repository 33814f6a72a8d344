//! The `prony` binary.

use std::process::ExitCode;

/// Threads that allocate a little all the time are what it is best at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    prony::commands::main()
}
