//! One scenario on the screen: what was asked and what was done, then step by step.

use prony_core::catalog::UNKNOWN_PROTOCOL;

use super::super::figures;
use super::super::summary::{
    DeliverySummary, Distribution, GroupSummary, Measured, ScenarioSummary, StepSummary,
};
use super::Screen;
use super::table::{Cell, Span, Table, Tone};
use super::text::{Piece, clean};

/// More notices than this are left to the stored run.
const MOST_NOTICES: usize = 4;
/// So many checks that did not always hold are told, the others counted.
const MOST_CHECKS: usize = 4;
/// Failures are told step by step for so many steps, and for all steps together otherwise.
const MOST_FAILING_STEPS: usize = 3;

impl Screen {
    pub(super) fn scenario(&mut self, name: &str, scenario: &ScenarioSummary) {
        let paint = self.paint;
        self.flowing(&[
            Piece::painted(clean(name), |text| paint.bold(text)),
            scenario.load.model.clone().into(),
            clean(&scenario.load.text).into(),
        ]);
        if scenario.load.model == "open" {
            self.starts(scenario);
        }
        self.iterations(scenario);
        self.table(scenario);
        self.deliveries(scenario);
        self.failures(scenario);
        self.notices(scenario);
        self.checks(scenario);
        self.protocols(scenario);
        self.metrics(scenario);
        if let Some(guests) = &scenario.guests {
            self.guests(guests);
        }
        self.phases(scenario);
        self.traffic(scenario);
    }

    fn starts(&mut self, scenario: &ScenarioSummary) {
        let paint = self.paint;
        let made = scenario.iterations.started;
        let mut pieces: Vec<Piece> = vec![format!("{} due", figures::count(scenario.due)).into()];
        let share = if scenario.due > 0 { made as f64 / scenario.due as f64 } else { 1.0 };
        let share_and_rate = match scenario.due {
            0 => String::new(),
            _ => format!(" ({}{})", figures::share(share), per_second(made, scenario.starting_us)),
        };
        let made = format!("{} made{share_and_rate}", figures::count(made));
        pieces.push(if share < 1.0 {
            Piece::painted(made, |text| paint.doubtful(text))
        } else {
            made.into()
        });
        if scenario.dropped.total > 0 {
            let text = format!("{} dropped, every user was busy", figures::count(scenario.dropped.total));
            pieces.push(Piece::painted(text, |text| paint.doubtful(text)));
        }
        if let Some(p99) = scenario.lag_us.p99 {
            pieces.push(format!("lag p99 {}", figures::time(p99)).into());
        }
        self.labelled("starts", &pieces);
    }

    fn iterations(&mut self, scenario: &ScenarioSummary) {
        let paint = self.paint;
        let iterations = scenario.iterations;
        let per_second = match scenario.load.model.as_str() {
            "open" => String::new(),
            _ => per_second(iterations.completed, scenario.measured_us).replacen(", ", " (", 1) + ")",
        };
        let per_second = if per_second.len() > 1 { per_second } else { String::new() };
        let mut pieces: Vec<Piece> =
            vec![format!("{} completed{per_second}", figures::count(iterations.completed)).into()];
        if iterations.failed > 0 {
            let text = format!("{} failed", figures::count(iterations.failed));
            pieces.push(Piece::painted(text, |text| paint.bad(text)));
        }
        if iterations.cut > 0 {
            pieces.push(format!("{} cut off at the end", figures::count(iterations.cut)).into());
        }
        if iterations.warmup > 0 {
            pieces.push(format!("{} in warm-up", figures::count(iterations.warmup)).into());
        }
        let time = scenario.iteration_time_us;
        if let (Some(p50), Some(p99)) = (time.p50, time.p99) {
            pieces.push(format!("took p50 {}, p99 {}", figures::time(p50), figures::time(p99)).into());
        }
        pieces
            .push(format!("at most {} at once", figures::plural(scenario.users.max, "user", "users")).into());
        self.labelled("iterations", &pieces);
    }

    fn table(&mut self, scenario: &ScenarioSummary) {
        let mut rows: Vec<Vec<Cell>> =
            shown_steps(scenario).map(|(name, step)| row(&clean(name), &step.measured)).collect();
        if rows.len() > 1 {
            rows.push(row("all steps", &scenario.measured));
        }
        rows.extend(scenario.groups.iter().map(|(name, group)| group_row(name, group)));
        if rows.is_empty() {
            return;
        }
        let table = Table {
            spans: vec![
                Span { first: 4, last: 7, text: "response time" },
                Span { first: 8, last: 8, text: "service" },
            ],
            head: vec!["step", "requests", "/s", "failed", "p50", "p95", "p99", "max", "p99"],
            rows,
        };
        self.draw(&table);
    }

    /// Messages that came: no requests, so they have a table of their own.
    fn deliveries(&mut self, scenario: &ScenarioSummary) {
        let rows: Vec<Vec<Cell>> =
            scenario.deliveries.iter().map(|(name, delivery)| delivery_row(&clean(name), delivery)).collect();
        if rows.is_empty() {
            return;
        }
        let table = Table {
            spans: vec![
                Span { first: 3, last: 6, text: "since it was due" },
                Span { first: 7, last: 7, text: "since sent" },
            ],
            head: vec!["delivery", "messages", "/s", "p50", "p95", "p99", "max", "p99"],
            rows,
        };
        self.draw(&table);
    }

    fn draw(&mut self, table: &Table) {
        for line in table.lines(self.width - 2, self.paint) {
            self.line(&format!("  {line}"));
        }
        self.line("");
    }

    fn failures(&mut self, scenario: &ScenarioSummary) {
        let paint = self.paint;
        let failing: Vec<(String, &Measured)> = scenario
            .steps
            .iter()
            .filter(|(_, step)| step.measured.failures.total > 0)
            .map(|(name, step)| (clean(name), &step.measured))
            .collect();
        let told: Vec<(String, &Measured)> = match failing.len() {
            0 => return,
            1..=MOST_FAILING_STEPS => failing,
            steps => vec![(format!("in {steps} steps"), &scenario.measured)],
        };
        for (number, (place, measured)) in told.iter().enumerate() {
            let kinds = measured.failures.by_kind.iter();
            let mut pieces: Vec<Piece> = kinds
                .map(|(kind, count)| {
                    let text = format!("{} {}", figures::count(*count), clean(kind));
                    Piece::painted(text, |text| paint.bad(text))
                })
                .collect();
            if shown_steps(scenario).count() > 1 {
                pieces.push(place.clone().into());
            }
            self.labelled(if number == 0 { "failures" } else { "" }, &pieces);
        }
    }

    /// What the failures were, and what plugins said when they were ended, in their own words.
    fn notices(&mut self, scenario: &ScenarioSummary) {
        // What a guest says, or how a connection was lost, is worth reading without any failed request.
        let label = match (scenario.measured.failures.total, scenario.guests.is_some()) {
            (0, _) | (_, true) => "notices",
            _ => "such as",
        };
        for (number, notice) in scenario.notices.iter().take(MOST_NOTICES).enumerate() {
            self.labelled(if number == 0 { label } else { "" }, &[clean(notice).into()]);
        }
        if scenario.notices.len() > MOST_NOTICES {
            let more = format!("{} more in summary.json", scenario.notices.len() - MOST_NOTICES);
            self.labelled("", &[more.into()]);
        }
    }

    fn checks(&mut self, scenario: &ScenarioSummary) {
        let broken: Vec<_> =
            scenario.checks.iter().filter(|check| check.share.passed < check.share.evaluated).collect();
        for (number, check) in broken.iter().take(MOST_CHECKS).enumerate() {
            let share = figures::share(check.share.share.unwrap_or(0.0));
            let (passed, evaluated) =
                (figures::count(check.share.passed), figures::count(check.share.evaluated));
            let mut pieces: Vec<Piece> = vec![
                clean(&check.expression).into(),
                format!("held {share} ({passed} of {evaluated})").into(),
            ];
            if !check.step.is_empty() && shown_steps(scenario).count() > 1 {
                pieces.push(clean(&check.step).into());
            }
            self.labelled(if number == 0 { "checks" } else { "" }, &pieces);
        }
        if broken.len() > MOST_CHECKS {
            let more = format!("{} more did not always hold", broken.len() - MOST_CHECKS);
            self.labelled("", &[more.into()]);
        }
    }

    fn phases(&mut self, scenario: &ScenarioSummary) {
        let phases = &scenario.measured.phases;
        let named = [
            ("dns", phases.dns_us),
            ("connect", phases.connect_us),
            ("tls", phases.tls_us),
            ("send", phases.send_us),
            ("wait", phases.wait_us),
            ("receive", phases.receive_us),
        ];
        let mut pieces: Vec<String> = named
            .into_iter()
            .filter_map(|(name, time)| {
                let (p50, p99) = (time.p50?, time.p99?);
                Some(format!("{name} {} / {}", figures::time(p50), figures::time(p99)))
            })
            .collect();
        if let Some(last) = pieces.pop() {
            pieces.push(format!("{last} (p50 / p99)"));
        }
        let pieces: Vec<Piece> = pieces.into_iter().map(Piece::from).collect();
        self.labelled("phases", &pieces);
    }

    fn traffic(&mut self, scenario: &ScenarioSummary) {
        let bytes = scenario.measured.bytes;
        let connections = scenario.connections;
        let mut pieces: Vec<Piece> = vec![
            format!("{} sent", figures::bytes(bytes.sent)).into(),
            format!("{} received", figures::bytes(bytes.received)).into(),
            format!("{} opened", figures::plural(connections.opened, "connection", "connections")).into(),
        ];
        let handshakes = connections.handshakes_full + connections.handshakes_resumed;
        if handshakes > 0 {
            let resumed = figures::count(connections.handshakes_resumed);
            let handshakes = figures::plural(handshakes, "TLS handshake", "TLS handshakes");
            pieces.push(format!("{handshakes}, {resumed} resumed").into());
        }
        self.labelled("traffic", &pieces);
    }
}

/// The steps of a scenario, those left out that a threshold named and a plugin never came to.
fn shown_steps(scenario: &ScenarioSummary) -> impl Iterator<Item = (&String, &StepSummary)> {
    let named_only = |step: &StepSummary| step.protocol == UNKNOWN_PROTOCOL && step.measured.requests == 0;
    scenario.steps.iter().filter(move |(_, step)| !named_only(step))
}

fn row(name: &str, measured: &Measured) -> Vec<Cell> {
    let failed = match measured.failures.share {
        None => Cell { text: "–".to_owned(), tone: Tone::Dim },
        Some(share) => {
            let tone = if measured.failures.total > 0 { Tone::Bad } else { Tone::Plain };
            Cell { text: figures::share(share), tone }
        }
    };
    let mut cells = vec![
        Cell::plain(name),
        Cell::plain(figures::count(measured.requests)),
        Cell::plain(figures::rate(measured.requests_per_second)),
        failed,
    ];
    cells.extend(times(&measured.response_time_us));
    cells.push(Cell::plain(figures::time_or_dash(measured.service_time_us.p99)));
    cells
}

/// A delivery has messages, none of which fails.
fn delivery_row(name: &str, delivery: &DeliverySummary) -> Vec<Cell> {
    let mut cells = vec![
        Cell::plain(name),
        Cell::plain(figures::count(delivery.messages)),
        Cell::plain(figures::rate(delivery.messages_per_second)),
    ];
    cells.extend(times(&delivery.response_time_us));
    cells.push(Cell::plain(figures::time_or_dash(delivery.service_time_us.p99)));
    cells
}

/// A group has passages instead of requests, and one time.
fn group_row(name: &str, group: &GroupSummary) -> Vec<Cell> {
    let share = if group.count > 0 { group.failed as f64 / group.count as f64 } else { 0.0 };
    let tone = if group.failed > 0 { Tone::Bad } else { Tone::Plain };
    let mut cells = vec![
        Cell::plain(format!("group {}", clean(name))),
        Cell::plain(figures::count(group.count)),
        Cell::plain(""),
        Cell { text: figures::share(share), tone },
    ];
    cells.extend(times(&group.time_us));
    cells
}

fn times(time: &Distribution) -> impl Iterator<Item = Cell> {
    [time.p50, time.p95, time.p99, time.max].into_iter().map(|time| Cell::plain(figures::time_or_dash(time)))
}

/// `, 500/s`, or nothing when there was no time.
fn per_second(number: u64, measured_us: f64) -> String {
    if measured_us > 0.0 {
        format!(", {}/s", figures::rate(number as f64 * 1e6 / measured_us))
    } else {
        String::new()
    }
}
