//! Plugins on the screen: what they measured, what became of their guests, and which files they are.

use std::collections::BTreeSet;

use super::super::AboutPlugin;
use super::super::figures;
use super::super::summary::{GuestSummary, MetricSummary, ScenarioSummary, Summary};
use super::text::{Piece, clean, flow, left};
use super::{LABEL, Screen};

/// What an audit of deliveries tells even where it is nothing.
const AUDIT: [&str; 4] = ["lost", "undelivered", "duplicated", "reordered"];
/// More metrics than this are left to the stored run.
const MOST_METRICS: usize = 8;
/// So many hex digits tell a plugin's digest from any other's.
const DIGITS: usize = 12;

/// The protocol that a metric is of, when it is one of a driver's.
fn protocol_of<'a>(name: &'a str, scenario: &ScenarioSummary) -> Option<&'a str> {
    let (protocol, _) = name.split_once('.')?;
    let of_steps = scenario.steps.values().map(|step| step.protocol.as_str());
    let of_deliveries = scenario.deliveries.values().map(|delivery| delivery.protocol.as_str());
    of_steps.chain(of_deliveries).any(|known| known == protocol).then_some(protocol)
}

impl Screen {
    /// What protocols measured beside requests, a line each.
    pub(super) fn protocols(&mut self, scenario: &ScenarioSummary) {
        let protocols: BTreeSet<&str> =
            scenario.metrics.keys().filter_map(|name| protocol_of(name, scenario)).collect();
        for protocol in protocols {
            let of_it = |(name, _): &(&String, &MetricSummary)| protocol_of(name, scenario) == Some(protocol);
            let audited =
                scenario.metrics.get(&format!("{protocol}.expected")).is_some_and(|metric| metric.count > 0);
            let pieces: Vec<Piece> = scenario
                .metrics
                .iter()
                .filter(of_it)
                .filter_map(|(name, metric)| {
                    let name = &name[protocol.len() + 1..];
                    let told = metric.count > 0 || (audited && AUDIT.contains(&name));
                    told.then(|| self.of_protocol(&name.replace('_', " "), metric, AUDIT.contains(&name)))
                })
                .collect();
            self.labelled(protocol, &pieces);
        }
    }

    fn of_protocol(&self, name: &str, metric: &MetricSummary, is_bad: bool) -> Piece {
        let paint = self.paint;
        let value = metric.sum.or(metric.last).unwrap_or(0.0);
        let text = match metric.unit.as_str() {
            "s" => format!("{} {}", clean(name), figures::time(value * 1e6)),
            "B" => format!("{} {}", figures::bytes(value as u64), clean(name.trim_end_matches(" bytes"))),
            _ if value.fract() == 0.0 => format!("{} {}", figures::count(value as u64), clean(name)),
            _ => format!("{} {value:.3}", clean(name)),
        };
        if is_bad && value > 0.0 { Piece::painted(text, |text| paint.bad(text)) } else { text.into() }
    }

    pub(super) fn metrics(&mut self, scenario: &ScenarioSummary) {
        let came = || {
            let own = scenario.metrics.iter().filter(|(name, _)| protocol_of(name, scenario).is_none());
            own.filter(|(_, metric)| metric.count > 0)
        };
        for (number, (name, metric)) in came().take(MOST_METRICS).enumerate() {
            let unit =
                if metric.unit.is_empty() { String::new() } else { format!(" ({})", clean(&metric.unit)) };
            let mut pieces: Vec<Piece> = vec![format!("{}{unit}", clean(name)).into()];
            pieces.extend(metric_figures(metric).into_iter().map(Piece::from));
            self.labelled(if number == 0 { "metrics" } else { "" }, &pieces);
        }
        let more = came().count().saturating_sub(MOST_METRICS);
        if more > 0 {
            self.labelled("", &[format!("{more} more in summary.json").into()]);
        }
    }

    pub(super) fn guests(&mut self, guests: &GuestSummary) {
        let paint = self.paint;
        let mut pieces: Vec<Piece> = Vec::new();
        let time = guests.guest_time_us;
        if let (Some(p50), Some(p99)) = (time.p50, time.p99) {
            pieces.push(format!("computed p50 {}, p99 {}", figures::time(p50), figures::time(p99)).into());
        }
        if let Some(share) = guests.share_of_cpu {
            pieces.push(format!("{} of their threads' CPU", figures::share(share)).into());
        }
        if guests.memory_bytes.max > 0 {
            pieces.push(format!("{} memory", figures::bytes(guests.memory_bytes.max)).into());
        }
        pieces.push(format!("{} made", figures::count(guests.made)).into());
        if guests.ended.total > 0 {
            let reasons = guests.ended.by_reason.iter();
            let reasons: Vec<String> = reasons
                .map(|(reason, count)| format!("{} {}", figures::count(*count), clean(reason)))
                .collect();
            let text = format!("{} ended ({})", figures::count(guests.ended.total), reasons.join(", "));
            pieces.push(Piece::painted(text, |text| paint.bad(text)));
        }
        if guests.lost_users > 0 {
            let text =
                format!("{} lost with them", figures::plural(guests.lost_users, "iteration", "iterations"));
            pieces.push(Piece::painted(text, |text| paint.bad(text)));
        }
        for (dropped, one, many) in [
            (guests.metrics_dropped, "value of a metric dropped", "values of metrics dropped"),
            (guests.log_dropped, "line of the log dropped", "lines of the log dropped"),
        ] {
            if dropped > 0 {
                let text = figures::plural(dropped, one, many);
                pieces.push(Piece::painted(text, |text| paint.doubtful(text)));
            }
        }
        self.labelled("guests", &pieces);
    }

    /// A line a plugin, whatever number of scenarios uses it.
    pub(super) fn plugins(&mut self, summary: &Summary) {
        let plugins = &summary.plugins;
        let same = |one: &AboutPlugin, other: &AboutPlugin| {
            (&one.sha256, &one.name, &one.version) == (&other.sha256, &other.name, &other.version)
        };
        for (number, plugin) in plugins.iter().enumerate() {
            if plugins.iter().take(number).any(|earlier| same(earlier, plugin)) {
                continue;
            }
            let users = plugins.iter().filter(|other| same(other, plugin));
            let scenarios: Vec<String> = users.map(|user| clean(&user.scenario)).collect();
            let digest: String = clean(&plugin.sha256).chars().take(DIGITS).collect();
            let name = if plugin.name.is_empty() { &plugin.path } else { &plugin.name };
            let named = format!("{} {}", clean(name), clean(&plugin.version));
            let pieces: Vec<Piece> = vec![
                named.trim_end().to_owned().into(),
                format!("sha256 {digest}").into(),
                format!("in {}", scenarios.join(", ")).into(),
            ];
            for (line_number, line) in flow(&pieces, " · ", self.width - LABEL).iter().enumerate() {
                let label = left(if line_number == 0 { "plugin" } else { "" }, LABEL);
                self.line(&format!("{}{line}", self.paint.bold(&label)));
            }
        }
    }
}

/// What people want to know of a metric, by its kind.
fn metric_figures(metric: &MetricSummary) -> Vec<String> {
    let sum = metric.sum.map(|sum| {
        let rate = metric.per_second.map_or(String::new(), |rate| format!(" ({}/s)", figures::number(rate)));
        format!("{}{rate}", figures::number(sum))
    });
    // The smallest sample of a trend is seldom what somebody looks for; the lowest level of a gauge is.
    let min = metric.min.filter(|_| metric.last.is_some());
    let others = [
        ("last", metric.last),
        ("p50", metric.p50),
        ("p95", metric.p95),
        ("p99", metric.p99),
        ("min", min),
        ("max", metric.max),
    ];
    let others = others.into_iter().filter_map(|(word, figure)| Some((word, figure?)));
    sum.into_iter()
        .chain(others.map(|(word, figure)| format!("{word} {}", figures::number(figure))))
        .collect()
}
