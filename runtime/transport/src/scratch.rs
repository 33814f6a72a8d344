//! One read buffer a worker, so that idle connections hold none.

use std::cell::RefCell;

/// Its size: a read takes at most so much at a time.
const SIZE: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Reads of one turn of a connection that is listened to. A peer that never pauses would otherwise have the worker for half a
/// millisecond at a time, with each of its connections in turn, and the starts that are due meanwhile would be late.
pub const READS_A_TURN: u32 = 16;

/// Lends the thread's read buffer to `use_it`. What it holds from before is of no meaning.
///
/// A call within a call is given a small buffer of its own.
pub fn with_scratch<R>(use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut buffer) => use_it(&mut buffer),
        Err(_) => use_it(&mut [0; 4096]),
    })
}
