//! More of everything than anybody can use.

use prony_plugin::prelude::*;
use prony_plugin::{join_all, metric};

/// Says lines without end.
pub(crate) fn lines() -> ! {
    let mut number = 0_u64;
    loop {
        warn!("line {number} {}", "of a flood ".repeat(100));
        number += 1;
    }
}

/// New metrics and checks without end.
pub(crate) fn metrics_and_checks() -> ! {
    let mut number = 0_u64;
    loop {
        metric::add(&format!("counter {number}"), "", 1.0);
        metric::trend(&format!("trend {number}"), "ms", 1.0);
        check(&format!("check {number}"), true);
        number += 1;
    }
}

/// A thousand requests at a time.
pub(crate) async fn requests() -> Result {
    for reply in join_all((0..1000).map(|_| http::get("/").send())).await {
        reply?;
    }
    Ok(())
}
