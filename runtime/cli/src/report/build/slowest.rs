//! The slowest requests, and what was sampled of traces.

use prony_engine::RunResult;
use prony_engine::stats::Slow;
use prony_engine::traces::Sampled;

use super::super::summary::{SlowRequest, TracePlace, TracesSummary};
use super::{micros, scenario_name};

/// The most that are told of a run. A step has ten at most.
const MOST: usize = 200;

/// The slowest first.
pub(super) fn slowest(result: &RunResult) -> Vec<SlowRequest> {
    let steps = result.catalog.steps.iter().zip(&result.totals.steps);
    let mut all: Vec<_> =
        steps.flat_map(|(entry, step)| step.slowest.iter().map(move |slow| (entry, slow))).collect();
    all.sort_by_key(|(_, slow)| (std::cmp::Reverse(slow.response), slow.intended));
    all.truncate(MOST);
    let told = all.into_iter().map(|(entry, slow)| SlowRequest {
        scenario: scenario_name(entry.scenario, &result.catalog).to_owned(),
        step: entry.name.clone(),
        at_us: micros(slow.intended - result.begin),
        response_time_us: slow.response as f64 / 1e3,
        service_time_us: slow.service.map(|nanoseconds| nanoseconds as f64 / 1e3),
        status: slow.status,
        failure: slow.failure.map(|kind| kind.name().to_owned()),
        trace: place(slow),
    });
    told.collect()
}

fn place(slow: &Slow) -> Option<TracePlace> {
    let traced = slow.trace?;
    Some(TracePlace {
        trace_id: traced.trace.id.to_string(),
        span_id: traced.span.to_string(),
        sampled: traced.trace.sampled,
    })
}

pub(super) fn traces(sampled: Sampled) -> TracesSummary {
    let Sampled { iterations, requests, lost } = sampled;
    TracesSummary { iterations, requests, lost }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::super::super::summary::Summary;
    use super::*;

    #[test]
    fn the_slowest_come_first_and_a_request_without_a_time_is_none_of_them() {
        let sample = samples::traced();
        let summary = Summary::new(&sample.about, &sample.result);
        let told: Vec<_> = summary
            .slowest
            .iter()
            .map(|slow| (slow.at_us, slow.response_time_us, slow.service_time_us, slow.failure.as_deref()))
            .collect();
        assert_eq!(
            told,
            [(1e6, 2.5e6, None, Some("timeout")), (0.0, 0.9e6, Some(0.9e6), None)],
            "what was cut off has no time"
        );
        assert!(summary.slowest.iter().all(|slow| slow.step == "GET /products" && slow.scenario == "browse"));
        let places: Vec<_> = summary.slowest.iter().filter_map(|slow| slow.trace.as_ref()).collect();
        assert_eq!(places.iter().map(|place| place.sampled).collect::<Vec<_>>(), [false, true]);
        assert_eq!((places[0].trace_id.len(), places[0].span_id.len()), (32, 16));
        assert_eq!(summary.traces, Some(TracesSummary { iterations: 1, requests: 1_234, lost: 5 }));
    }
}
