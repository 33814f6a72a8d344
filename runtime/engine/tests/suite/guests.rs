//! Guests: names they make up while running, what they measure and cost, and workers of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony_core::catalog::{MetricKind, OTHER, UNKNOWN_PROTOCOL};
use prony_core::{
    Catalog, FailureKind, GuestEnd, GuestEvent, IterationEnd, Marks, Outcome, ScenarioId, StepId,
};
use prony_engine::threshold::Scope;
use prony_engine::{Arrivals, Control, Event, RunSpec, ScenarioSpec, Statistics, Threshold};

use crate::stage::{
    Log, Script, Visit, apart, assert_adds_up, each, for_workers, immediate, ms, open, perform, ramp,
    scenario, script, spec, steady, threshold, watched,
};

const ME: ScenarioId = ScenarioId(0);

/// A run of one guest scenario that may make up so many names of each sort.
fn guest_run(workers: u32, names: usize, scenario: ScenarioSpec) -> RunSpec {
    let mut spec = spec(workers, vec![apart(scenario)]);
    spec.catalog.guest_names = vec![names];
    spec
}

/// A request of `step` that ended at once.
fn answered(visit: &Visit, step: StepId, failure: Option<FailureKind>) {
    let now = visit.seat.clock.now();
    let outcome = Outcome { sent: Some(now), finished: now, failure, ..Outcome::due(visit.start.intended) };
    visit.seat.meter.request(step, &outcome, Marks::default());
}

/// An iteration that uses one of `names` names of each sort, all figures taken from its user's number.
fn naming(names: u32) -> Script {
    script(move |visit| async move {
        let (meter, due) = (&visit.seat.meter, visit.start.intended);
        let number = visit.seat.user % names;
        let name = format!("name-{number}");
        let step = meter.step_named(ME, &name, "test").expect("room, or (other)");
        answered(&visit, step, None);
        let group = meter.group_named(ME, &name).expect("room");
        meter.group(group, due, visit.seat.clock.now(), false);
        let of_step = meter.check_named(ME, Some(step), &name).expect("room");
        meter.check(of_step, due, visit.start.iteration % 2 == 0);
        let own = meter.check_named(ME, None, "own").expect("room");
        meter.check(own, due, true);
        for (sort, kind) in
            [("count", MetricKind::Counter), ("level", MetricKind::Gauge), ("trend", MetricKind::Trend)]
        {
            if let Some(metric) = meter.metric_named(ME, &format!("{name}.{sort}"), kind, "things") {
                meter.metric(metric, due, f64::from(visit.seat.user + 1));
            }
        }
        meter.guest(ME, GuestEvent::Ran(1_000));
        IterationEnd::Complete
    })
}

/// What a run came to, by name.
#[derive(Debug, PartialEq)]
struct ByName {
    requests: BTreeMap<String, u64>,
    groups: BTreeMap<String, u64>,
    checks: BTreeMap<(Option<String>, String), (u64, u64)>,
    metrics: BTreeMap<String, Values>,
    guest_time: (u64, u64),
}

#[derive(Debug, PartialEq)]
struct Values {
    count: u64,
    sum: f64,
    min_and_max: Option<(f64, f64)>,
    median: Option<f64>,
}

fn by_name(catalog: &Catalog, statistics: &Statistics) -> ByName {
    let step_name = |id: StepId| catalog.steps[usize::from(id.0)].name.clone();
    let guests = &statistics.scenarios[0].guests;
    let steps = catalog.steps.iter().zip(&statistics.steps);
    let groups = catalog.groups.iter().zip(&statistics.groups);
    let checks = catalog.checks.iter().zip(&statistics.checks);
    let metrics = catalog.metrics.iter().zip(&statistics.metrics);
    ByName {
        requests: steps.map(|(entry, step)| (entry.name.clone(), step.requests)).collect(),
        groups: groups.map(|(entry, group)| (entry.name.clone(), group.count)).collect(),
        checks: checks
            .map(|(entry, check)| {
                ((entry.step.map(step_name), entry.name.clone()), (check.evaluated, check.passed))
            })
            .collect(),
        metrics: metrics
            .map(|(entry, values)| {
                let min_and_max = values.min.zip(values.max);
                let (count, sum, median) = (values.count, values.sum, values.quantile(0.5));
                (entry.name.clone(), Values { count, sum, min_and_max, median })
            })
            .collect(),
        guest_time: (guests.time.count(), guests.time_nanos),
    }
}

#[test]
fn names_made_up_while_running_add_up_on_any_number_of_workers() {
    let results = for_workers(|workers| {
        // Longer than a second, so that statistics travel to and fro; every user names what is its own.
        let paced = ScenarioSpec { iteration_every: Some(ms(60)), ..scenario(each(12, 20), naming(5)) };
        let (result, events) = watched(guest_run(workers, 50, paced), &Control::new());
        assert_adds_up(&result, 0);
        let mut intervals = events.iter().filter_map(|event| match event {
            Event::Interval(interval) => Some(interval),
            _ => None,
        });
        let mut sum = intervals.next().expect("a second").statistics.clone();
        for interval in intervals {
            assert!(interval.statistics.steps.len() <= interval.catalog.steps.len());
            assert!(interval.statistics.metrics.len() <= interval.catalog.metrics.len());
            sum.merge(&interval.statistics);
        }
        let whole = by_name(&result.catalog, &result.totals);
        assert_eq!(by_name(&result.catalog, &sum), whole, "{workers} workers");
        whole
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    let ByName { requests, groups, checks, metrics, guest_time } = &results[0];
    // Users 0, 5 and 10 share a name, 1, 6 and 11 another; three more names have two users each.
    assert_eq!((requests["name-0"], requests["name-4"], requests["GET /"]), (60, 40, 0));
    assert_eq!(groups["name-1"], 60);
    assert_eq!(checks[&(Some("name-2".to_owned()), "name-2".to_owned())], (40, 20));
    assert_eq!(checks[&(None, "own".to_owned())], (240, 240));
    let expected = f64::from(1 + 6 + 11) * 20.0;
    let (counter, gauge, trend) =
        (&metrics["name-0.count"], &metrics["name-0.level"], &metrics["name-0.trend"]);
    assert_eq!((counter.count, counter.sum, counter.min_and_max), (60, expected, None));
    assert_eq!((gauge.min_and_max, gauge.median), (Some((1.0, 11.0)), None));
    assert_eq!((trend.count, trend.sum, trend.min_and_max), (60, expected, Some((1.0, 11.0))));
    assert!(trend.median.is_some_and(|median| (median - 6.0).abs() < 0.006), "{trend:?}");
    assert_eq!(*guest_time, (240, 240_000));
}

#[test]
fn names_beyond_the_limit_count_as_others_and_no_request_is_lost() {
    for_workers(|workers| {
        // One step and one group are the plan's: there is room for two names more of these.
        let result = perform(guest_run(workers, 3, scenario(each(10, 3), naming(10))));
        assert_adds_up(&result, 0);
        let names = |names: Vec<&String>| names.into_iter().cloned().collect::<BTreeSet<String>>();
        let steps = names(result.catalog.steps.iter().map(|step| &step.name).collect());
        assert_eq!(steps.len(), 4, "{steps:?}");
        assert!(steps.contains(OTHER), "{steps:?}");
        let groups = names(result.catalog.groups.iter().map(|group| &group.name).collect());
        assert!(groups.len() == 4 && groups.contains(OTHER), "{groups:?}");
        assert_eq!(result.catalog.metrics.len(), 3);
        assert_eq!(result.totals.steps.iter().map(|step| step.requests).sum::<u64>(), 30);
        assert_eq!(result.totals.groups.iter().map(|group| group.count).sum::<u64>(), 30);
        assert_eq!(result.totals.checks.iter().map(|check| check.evaluated).sum::<u64>(), 60);
    });
}

#[test]
fn a_step_and_a_metric_that_only_thresholds_knew_are_the_same_when_a_guest_comes_to_them() {
    let mut run = guest_run(2, 50, scenario(each(4, 5), naming(1)));
    let wanted = run.catalog.add_step(ME, "name-0", UNKNOWN_PROTOCOL, Vec::new()).expect("room");
    run.catalog.add_metric(ME, "name-0.trend", None).expect("room");
    run.catalog.add_metric(ME, "never", None).expect("room");
    let of_step = Threshold { scope: Scope::Step(wanted), ..threshold("requests.count == 20") };
    run.thresholds = vec![of_step];
    let others = [
        "metric name-0.trend.max == 4",
        "metric never.max == 4",
        "checks.rate == 80%",
        "guest_time.max < 2us",
        "guest.traps == 0",
        "guest.lost_users == 0",
    ];
    run.thresholds.extend(others.map(threshold));
    let result = perform(run);
    let entry = &result.catalog.steps[usize::from(wanted.0)];
    assert_eq!((entry.name.as_str(), entry.protocol, result.catalog.steps.len()), ("name-0", "test", 2));
    let passed: Vec<bool> = result.thresholds.iter().map(|threshold| threshold.passed).collect();
    assert_eq!(passed, [true, true, false, true, true, true, true], "{:#?}", result.thresholds);
    let never = &result.thresholds[2];
    assert_eq!(never.value, None);
    assert!(
        never.help.as_ref().is_some_and(|help| help.contains("nobody had a metric `never`")),
        "{never:?}"
    );
}

#[test]
fn a_figure_that_a_kind_does_not_have_is_nothing_to_look_at() {
    let measuring = script(|visit| async move {
        let meter = &visit.seat.meter;
        for (name, kind) in
            [("orders", MetricKind::Counter), ("queue", MetricKind::Gauge), ("basket", MetricKind::Trend)]
        {
            let metric = meter.metric_named(ME, name, kind, "").expect("room");
            meter.metric(metric, visit.start.intended, 2.5);
            assert_eq!(meter.metric_named(ME, name, kind, "other unit"), None);
        }
        answered(&visit, StepId(0), None);
        IterationEnd::Complete
    });
    let mut run = guest_run(2, 50, scenario(each(2, 10), measuring));
    let expected = [
        ("metric orders.count == 50", Some(50.0)),
        ("metric orders.p99 < 5", None),
        ("metric queue.last == 2.5", Some(2.5)),
        ("metric queue.rate > 0", None),
        ("metric basket.mean == 2.5", Some(2.5)),
        ("metric basket.last > 0", None),
    ];
    run.thresholds = expected.iter().map(|(text, _)| threshold(text)).collect();
    let result = perform(run);
    for (threshold, (text, value)) in result.thresholds.iter().zip(expected) {
        assert_eq!((threshold.value, threshold.passed), (value, value.is_some()), "{text}");
        assert_eq!(threshold.help.is_some(), value.is_none(), "{text}: {threshold:?}");
    }
    let help = result.thresholds[1].help.as_deref();
    assert_eq!(help, Some("`orders` is a counter: it has `count` and `rate`"));
}

#[test]
fn warm_up_is_in_no_figure_but_those_of_guests() {
    // Every 50 ms for 1 s, of which 475 ms are warm-up: of 20 iterations 10 count.
    let warming = script(|visit| async move {
        let (meter, due) = (&visit.seat.meter, visit.start.intended);
        answered(&visit, StepId(0), None);
        meter.spoiled(StepId(0), due);
        meter.check(meter.check_named(ME, None, "sane").expect("room"), due, true);
        let metric = meter.metric_named(ME, "orders", MetricKind::Counter, "").expect("room");
        meter.metric(metric, due, 1.0);
        meter.metric(metric, due, f64::NAN);
        for event in [
            GuestEvent::Made,
            GuestEvent::Ended(GuestEnd::Slice),
            GuestEvent::Lost(2),
            GuestEvent::LogDropped(3),
            GuestEvent::MetricDropped(4),
        ] {
            meter.guest(ME, event);
        }
        IterationEnd::Complete
    });
    let warm = ScenarioSpec { warmup: ms(475), ..scenario(steady(20.0, ms(1_000), 5), warming) };
    let result = perform(guest_run(2, 50, warm));
    let (step, guests) = (&result.totals.steps[0], &result.totals.scenarios[0].guests);
    assert_eq!(
        (step.requests, step.failures[FailureKind::Check as usize], step.response.count()),
        (10, 10, 10)
    );
    assert_eq!((result.totals.checks[0].evaluated, result.totals.metrics[0].sum), (10, 10.0));
    assert_eq!((guests.made, guests.ended[GuestEnd::Slice as usize], guests.lost_users), (20, 20, 40));
    assert_eq!(
        (guests.log_dropped, guests.metrics_dropped),
        (60, 80 + 10),
        "a value that is no number is dropped"
    );
    assert!(result.verdict.reasons.iter().any(|reason| reason.rule == "guest"), "{:?}", result.verdict);
}

#[test]
fn requests_a_guest_was_refused_or_lost_are_in_no_latency() {
    let refused = script(|visit| async move {
        let failure = match visit.start.iteration {
            0 => Some(FailureKind::Refused),
            1 => Some(FailureKind::Guest),
            2 => Some(FailureKind::Timeout),
            _ => None,
        };
        answered(&visit, StepId(0), failure);
        IterationEnd::Complete
    });
    let step = perform(guest_run(1, 50, scenario(each(1, 5), refused))).totals.steps.remove(0);
    assert_eq!((step.requests, step.failed(), step.response.count(), step.service.count()), (5, 3, 3, 3));
}

#[test]
fn memory_is_added_up_over_workers_and_not_over_time() {
    for_workers(|workers| {
        let growing = script(|visit| async move {
            let bytes = if visit.start.iteration % 2 == 0 { 1_000 } else { 400 };
            visit.seat.meter.guest(ME, GuestEvent::Memory(bytes));
            answered(&visit, StepId(0), None);
            IterationEnd::Complete
        });
        // A user a worker; every 100 ms, and the last of 12 leaves 400 bytes. Several reports a worker.
        let paced = ScenarioSpec { iteration_every: Some(ms(100)), ..scenario(each(workers, 12), growing) };
        let (result, events) = watched(guest_run(workers, 50, paced), &Control::new());
        let guests = &result.totals.scenarios[0].guests;
        let all = u64::from(workers);
        assert_eq!((guests.memory_now, guests.memory_most), (400 * all, 1_000 * all));
        for event in &events {
            if let Event::Interval(interval) = event {
                assert!(interval.statistics.scenarios[0].guests.memory_most <= 1_000 * all);
            }
        }
    });
}

#[test]
fn scenarios_apart_keep_their_schedule() {
    let schedule = |beside: bool, workers| {
        let log = Log::default();
        let arrivals = open(vec![ramp(300.0, 300.0, ms(400))], Arrivals::Poisson, 40);
        let own = scenario(arrivals, log.noting(immediate()));
        let other = || scenario(each(3, 2), immediate());
        let run = if beside {
            spec(workers, vec![apart(own), other(), apart(other())])
        } else {
            spec(workers, vec![own])
        };
        let result = perform(run);
        assert_adds_up(&result, 0);
        let users: Vec<(u32, u32)> = log.begun().iter().map(|begun| (begun.user, begun.worker)).collect();
        assert!(users.iter().all(|(user, worker)| user % workers == *worker), "{users:?}");
        log.schedule()
    };
    let alone = schedule(false, 1);
    assert!(alone.len() > 80, "{}", alone.len());
    for_workers(|workers| assert_eq!(schedule(true, workers), alone, "{workers} workers"));
}

/// `script`, with the name of the thread of every iteration noted.
fn with_threads(threads: &Arc<Mutex<BTreeSet<String>>>, inner: Script) -> Script {
    let threads = Arc::clone(threads);
    Arc::new(move |visit| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        threads.lock().expect("the names").insert(name);
        inner(visit)
    })
}

#[test]
fn users_of_guests_share_no_thread_with_anybody() {
    let threads: [Arc<Mutex<BTreeSet<String>>>; 4] = Default::default();
    let scenarios = threads.iter().enumerate().map(|(number, threads)| {
        let scenario = scenario(each(6, 3), with_threads(threads, immediate()));
        if number % 2 == 1 { apart(scenario) } else { scenario }
    });
    let result = perform(spec(2, scenarios.collect()));
    let names = threads.map(|threads| threads.lock().expect("the names").iter().cloned().collect::<Vec<_>>());
    assert_eq!(names[0], ["worker-0", "worker-1"]);
    assert_eq!(names[2], names[0], "all others share theirs");
    // `scenario 1`, in as many bytes as the system shows.
    assert_eq!(names[1], ["guest-scenari-0", "guest-scenari-1"]);
    let alone: Vec<Option<u16>> =
        result.generator.workers.iter().map(|worker| worker.alone.map(|id| id.0)).collect();
    assert_eq!(alone, [None, None, Some(1), Some(1), Some(3), Some(3)]);
    (0..4).for_each(|number| assert_adds_up(&result, number));
}

#[test]
fn a_guest_that_holds_its_thread_keeps_nobody_else_from_starting() {
    // The guest gives its thread back only when the other scenario is through: on one thread neither would ever end.
    let (through, waiting) = channel();
    let (through, waiting) = (Mutex::new(through), Arc::new(Mutex::new(waiting)));
    let hogging = script(move |visit| {
        let waiting = Arc::clone(&waiting);
        async move {
            let freed = waiting.lock().expect("one guest").recv_timeout(Duration::from_secs(20));
            answered(&visit, StepId(1), freed.is_err().then_some(FailureKind::Timeout));
            IterationEnd::Complete
        }
    });
    let quick: Script = Arc::new(move |visit| {
        if visit.start.iteration == 199 {
            through.lock().expect("one user").send(()).expect("the guest waits");
        }
        immediate()(visit)
    });
    let mut scenarios = vec![scenario(each(1, 200), quick), apart(scenario(each(1, 1), hogging))];
    scenarios[0].iteration_every = Some(ms(1));
    let result = perform(spec(1, scenarios));
    assert_eq!(result.totals.steps[1].failed(), 0, "the guest waited in vain");
    assert_eq!(result.totals.scenarios[0].iterations.completed, 200);
    assert_adds_up(&result, 1);
}
