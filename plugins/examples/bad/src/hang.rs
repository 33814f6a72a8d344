//! Time, memory and stack without end.

use std::hint::black_box;
use std::time::Duration;

use prony_plugin::clock;

/// Computes forever.
pub(crate) fn compute_forever() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Computes for some time of this machine.
///
/// By rounds of a fixed number, for a host's clock may stand still while a plugin computes.
pub(crate) fn compute(time: Duration) {
    const ROUNDS_A_MILLISECOND: u64 = 700_000;
    let rounds = ROUNDS_A_MILLISECOND * u64::try_from(time.as_millis()).unwrap_or(1);
    let mut number = clock::now().subsec_nanos().into();
    for _ in 0..rounds {
        number = black_box(6_364_136_223_846_793_005_u64.wrapping_mul(number).wrapping_add(1));
    }
}

/// Takes memory, a megabyte after the other, and writes to every page of it.
pub(crate) fn take_all_memory() -> ! {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

/// Calls itself until the stack is full.
pub(crate) fn fill_the_stack() {
    deeper(0);
}

#[expect(unconditional_recursion, reason = "it is bad")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    deeper(depth + 1) + frame[3]
}
