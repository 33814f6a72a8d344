//! The one file that reads the machine's clocks: the run's clock, the time of day, and what threads and the process
//! have used. Waiting for a start is `pacer/alarm.rs`, on top of this.

use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prony_core::{BoxFuture, Clock, FineTimer, Timestamp, Waiting};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The run's clock: monotonic, counting from its first reading in this process.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(read)
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock for everybody")]
fn read() -> Timestamp {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    Timestamp::from_nanos(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64)
}

/// The time of day, since 1970-01-01T00:00:00Z.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock for everybody")]
pub fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// CPU time of this process, all threads.
pub(crate) fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

/// How long the calling thread was ready to run and had no core: the second figure of Linux' `schedstat`. Zero where the
/// system does not tell.
pub(crate) fn thread_waiting() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The most memory this process has had at once, in bytes: `VmHWM`. Zero where the system does not tell.
pub(crate) fn peak_rss_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn duration(time: Timespec) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A timer for [`Clock`]'s moments, as coarse as the async runtime's.
#[must_use]
pub fn timer() -> FineTimer {
    struct Coarse;
    impl Waiting for Coarse {
        fn until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
            Box::pin(tokio::time::sleep(due - clock().now()))
        }
    }
    FineTimer::new(Rc::new(Coarse))
}
