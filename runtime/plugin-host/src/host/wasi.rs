//! What the standard libraries of guests find: no files, no network, a clock that stands still, numbers that only look random.

use std::time::Duration;

use prony_core::Clock;
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::output::Output;
use crate::worker::WorkerPart;

/// The time of day for who may not know it: 2000-01-01T00:00:00Z.
const FIXED: Duration = Duration::from_secs(946_684_800);

/// The context of an instance.
pub(crate) fn context(worker: &WorkerPart, output: &Output) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(output.clone()).stderr(output.clone());
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    // The numbers of a standard library (say, of its hash maps) are no user's: they are the same in every run.
    builder.secure_random(Xoshiro256PlusPlus::seed_from_u64(1));
    builder.insecure_random(Xoshiro256PlusPlus::seed_from_u64(2)).insecure_random_seed(3);
    builder.monotonic_clock(Monotonic(worker.clock));
    builder.wall_clock(Wall { allowed: worker.allow.clock });
    for name in &worker.allow.env {
        if let Ok(value) = std::env::var(name) {
            builder.env(name, value);
        }
    }
    builder.build()
}

/// The run's clock, to the millisecond: what a guest measures with it must not steer it.
struct Monotonic(Clock);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.now().as_nanos() / 1_000_000 * 1_000_000
    }
}

struct Wall {
    allowed: bool,
}

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a guest's time of day, granted by its plan; nothing is measured by it"
    )]
    fn now(&self) -> Duration {
        if !self.allowed {
            return FIXED;
        }
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(FIXED)
    }
}
