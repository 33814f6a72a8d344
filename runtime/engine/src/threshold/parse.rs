//! From `response_time.p99 < 500ms` to its parts.

use prony_core::diagnostic::did_you_mean;
use prony_core::shape::quoted_list;
use prony_core::units::{parse_duration, parse_rate, parse_share, parse_size};
use prony_core::{Diagnostic, FailureKind, Phase, Place};

use crate::threshold::{Comparison, Figure, Given, Metric, Statistic, Timing};

const FAMILIES: [&str; 20] = [
    "response_time",
    "service_time",
    "dns",
    "connect",
    "tls",
    "send",
    "wait",
    "receive",
    "lag",
    "iteration_time",
    "requests",
    "failures",
    "checks",
    "iterations",
    "dropped",
    "bytes_sent",
    "bytes_received",
    "guest",
    "guest_time",
    GUESTS,
];
/// The family of what guests measure themselves: `metric orders.rate`.
const GUESTS: &str = "metric";
/// What may follow the name there, percentiles aside.
const FIGURES: [(&str, Figure); 7] = [
    ("count", Figure::Sum),
    ("sum", Figure::Sum),
    ("rate", Figure::Rate),
    ("last", Figure::Last),
    ("min", Figure::Of(Statistic::Min)),
    ("mean", Figure::Of(Statistic::Mean)),
    ("max", Figure::Of(Statistic::Max)),
];
const OPERATORS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

/// Parses a threshold's expression, which stands at `place`.
///
/// # Errors
/// When it is not `METRIC OPERATOR BOUND`, names an unknown metric, or the bound has the wrong unit.
pub fn parse(expression: &str, place: &Place) -> Result<(Metric, Comparison, f64), Diagnostic> {
    let operator = OPERATORS
        .iter()
        .filter_map(|(text, comparison)| expression.find(text).map(|at| (at, *text, *comparison)))
        .min_by_key(|(at, text, _)| (*at, std::cmp::Reverse(text.len())));
    let Some((at, text, comparison)) = operator else {
        return Err(Diagnostic::at(place, format!("found `{expression}`"), "expected METRIC OPERATOR BOUND")
            .help("for example `response_time.p99 < 500ms` or `failures.rate < 0.1%`"));
    };
    let (name, bound) = (expression[..at].trim(), expression[at + text.len()..].trim());
    let mut metric = metric(name).map_err(|problem| {
        let mistake = Diagnostic::at(place, format!("unknown metric `{name}`"), problem.expected);
        match problem.help {
            Some(help) => mistake.help(help),
            None => mistake,
        }
    })?;
    let parsed = match metric.unit() {
        "ns" => {
            parse_duration(bound).map(|duration| duration.as_nanos() as f64).map_err(|error| error.expected)
        }
        "share" => match parse_share(bound) {
            Ok(share) if share > 1.0 || bound == "1" => {
                Err("a share such as `0.1%` or `0.001`, of at most 100%")
            }
            parsed => parsed.map_err(|error| error.expected),
        },
        "/s" => match bound.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => parse_rate(bound).map(|rate| rate.get()).map_err(|error| error.expected),
        },
        "bytes" => parse_size(bound).map(|size| size as f64).map_err(|error| error.expected),
        _ => match &mut metric {
            Metric::Driver(_, _, given) => drivers_bound(bound).map(|(value, in_what)| {
                *given = in_what;
                value
            }),
            _ => plain(bound).ok_or("a plain number"),
        },
    };
    match parsed {
        Ok(value) => Ok((metric, comparison, value)),
        Err(expected) => Err(Diagnostic::at(
            place,
            format!("`{name}` compared with `{bound}`"),
            format!("expected {expected}"),
        )),
    }
}

fn plain(bound: &str) -> Option<f64> {
    bound.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What it is in, the catalog knows; here it may be anything.
fn drivers_bound(bound: &str) -> Result<(f64, Given), &'static str> {
    if let Some(number) = plain(bound) {
        return Ok((number, Given::Number));
    }
    if let Ok(duration) = parse_duration(bound) {
        return Ok((duration.as_secs_f64(), Given::Duration));
    }
    let size =
        parse_size(bound).map_err(|_| "a plain number, or a duration or size where the metric is one")?;
    Ok((size as f64, Given::Size))
}

struct Unknown {
    expected: String,
    help: Option<String>,
}

fn metric(name: &str) -> Result<Metric, Unknown> {
    if let Some((word, rest)) = name.split_once(char::is_whitespace) {
        let (name, figure) = match word {
            GUESTS => named(rest.trim_start())?,
            _ => return Err(unknown(word)),
        };
        return Ok(Metric::Named(name, figure));
    }
    let (family, figure) = name.split_once('.').unwrap_or((name, ""));
    let timing = match family {
        "response_time" => Some(Timing::Response),
        "service_time" => Some(Timing::Service),
        "lag" => Some(Timing::Lag),
        "iteration_time" => Some(Timing::Iteration),
        "guest_time" => Some(Timing::Guest),
        other => Phase::ALL.into_iter().find(|phase| phase.name() == other).map(Timing::Phase),
    };
    if let Some(timing) = timing {
        return statistic(figure).map(|statistic| Metric::Time(timing, statistic)).ok_or_else(|| Unknown {
            expected: format!("expected `{family}.p99`, another percentile, `min`, `mean` or `max`"),
            help: None,
        });
    }
    let choices: &[(&str, Metric)] = match family {
        "requests" => &[("count", Metric::Requests), ("rate", Metric::RequestRate)],
        "failures" => &[("count", Metric::Failures), ("rate", Metric::FailureShare)],
        "checks" => &[("rate", Metric::CheckShare)],
        "iterations" => &[
            ("count", Metric::Iterations),
            ("rate", Metric::IterationRate),
            ("failed", Metric::IterationsFailed),
        ],
        "dropped" => &[("count", Metric::Dropped)],
        "bytes_sent" => &[("count", Metric::BytesSent)],
        "bytes_received" => &[("count", Metric::BytesReceived)],
        "guest" => &[("traps", Metric::GuestsEnded), ("lost_users", Metric::LostUsers)],
        GUESTS => return Err(unnamed()),
        _ => return drivers(name).ok_or_else(|| unknown(family)),
    };
    if let Some((_, metric)) = choices.iter().find(|(word, _)| *word == figure) {
        return Ok(metric.clone());
    }
    if family == "failures"
        && let Some(kind) = FailureKind::ALL.into_iter().find(|kind| kind.name() == figure)
    {
        return Ok(Metric::FailuresOf(kind));
    }
    let full: Vec<String> = choices.iter().map(|(word, _)| format!("{family}.{word}")).collect();
    let names: Vec<&str> = full.iter().map(String::as_str).collect();
    let kinds = FailureKind::ALL.map(FailureKind::name);
    let help =
        (family == "failures").then(|| format!("or `failures.KIND`, with one of {}", quoted_list(&kinds)));
    Err(Unknown { expected: format!("expected {}", quoted_list(&names)), help })
}

/// A metric of a protocol's driver, `mqtt.lost`, perhaps with a figure: `mqtt.received.rate`. Which there are, the catalog knows.
fn drivers(name: &str) -> Option<Metric> {
    let (protocol, rest) = name.split_once('.')?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    if protocol.is_empty() || rest.is_empty() || !name.chars().all(allowed) {
        return None;
    }
    if did_you_mean(protocol, FAMILIES).is_some() {
        return None;
    }
    let with_figure = rest.contains('.').then(|| named(name).ok()).flatten();
    let (name, figure) = with_figure.unwrap_or_else(|| (name.to_owned(), Figure::Plain));
    Some(Metric::Driver(name, figure, Given::Number))
}

fn unknown(family: &str) -> Unknown {
    Unknown {
        expected: format!("expected a figure of {}", quoted_list(&FAMILIES)),
        help: did_you_mean(family, FAMILIES).map(|word| format!("did you mean `{word}`?")),
    }
}

fn unnamed() -> Unknown {
    Unknown {
        expected: "expected `metric NAME.FIGURE`".to_owned(),
        help: Some("for example `metric orders.rate > 10/s` or `metric basket.p99 < 80`".to_owned()),
    }
}

/// A figure of a guest's metric, `orders.rate`, `basket.p99.9`. The figure is what follows the last dot, or the last but one where
/// that makes a percentile: names may have dots too.
fn named(text: &str) -> Result<(String, Figure), Unknown> {
    let dots = text.rmatch_indices('.').map(|(at, _)| at).take(2);
    let splits: Vec<(&str, &str)> = dots.map(|at| (&text[..at], &text[at + 1..])).collect();
    let found = splits.iter().find_map(|(name, word)| figure(word).map(|figure| (*name, figure)));
    let (name, figure) = match (found, splits.first()) {
        (Some(found), _) => found,
        (None, None) => return Err(unnamed()),
        (None, Some((name, word))) => {
            let words = FIGURES.map(|(word, _)| word);
            return Err(Unknown {
                expected: format!(
                    "expected `{name}.` and one of {}, or a percentile such as `p99`",
                    quoted_list(&words)
                ),
                help: did_you_mean(word, words).map(|word| format!("did you mean `{word}`?")),
            });
        }
    };
    let allowed = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Unknown {
            expected: "expected a name of letters, digits, `_`, `-` and `.`".to_owned(),
            help: unnamed().help,
        });
    }
    Ok((name.to_owned(), figure))
}

fn figure(word: &str) -> Option<Figure> {
    let known = FIGURES.iter().find(|(known, _)| *known == word).map(|(_, figure)| *figure);
    known.or_else(|| statistic(word).map(Figure::Of))
}

/// `p50`, `p99.9` and `p999` (which are the same), `min`, `mean`, `max`. `p100` and `p101` are not `p10.0` and `p10.1`.
fn statistic(figure: &str) -> Option<Statistic> {
    match figure {
        "min" => return Some(Statistic::Min),
        "mean" => return Some(Statistic::Mean),
        "max" => return Some(Statistic::Max),
        _ => {}
    }
    let digits = figure.strip_prefix('p')?;
    let percent: f64 = match digits.len() {
        3.. if digits.starts_with('9') && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse().ok()?
        }
        _ => digits.parse().ok()?,
    };
    (percent > 0.0 && percent <= 100.0).then_some(Statistic::Quantile(percent / 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::Source;

    fn read(text: &str) -> Result<(Metric, Comparison, f64), String> {
        let place = Place { source: Source::new("plan", text), start: 0, end: text.len() };
        parse(text, &place).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn thresholds_read_as_written() {
        let p = |q| Metric::Time(Timing::Response, Statistic::Quantile(q));
        assert_eq!(read("response_time.p99 < 500ms"), Ok((p(0.99), Comparison::Less, 5e8)));
        assert_eq!(read("response_time.p99.9<=1s").map(|r| r.0), Ok(p(99.9 / 100.0)));
        assert_eq!(read("response_time.p999 < 1s").map(|r| r.0), Ok(p(99.9 / 100.0)));
        assert_eq!(read("failures.rate < 0.1%"), Ok((Metric::FailureShare, Comparison::Less, 0.001)));
        assert_eq!(
            read("failures.timeout == 0"),
            Ok((Metric::FailuresOf(FailureKind::Timeout), Comparison::Equal, 0.0))
        );
        assert_eq!(read("requests.rate >= 100/s"), Ok((Metric::RequestRate, Comparison::AtLeast, 100.0)));
        assert_eq!(
            read("wait.max < 1s").map(|r| r.0),
            Ok(Metric::Time(Timing::Phase(Phase::Wait), Statistic::Max))
        );
    }

    #[test]
    fn what_guests_measure_is_named_up_to_the_last_dot() {
        let named = |name: &str, figure| Metric::Named(name.to_owned(), figure);
        let quantile = |q| Figure::Of(Statistic::Quantile(q));
        for (text, metric, bound) in [
            ("metric orders.rate > 10/s", named("orders", Figure::Rate), 10.0),
            ("metric orders.rate > 10", named("orders", Figure::Rate), 10.0),
            ("metric  orders.count>5", named("orders", Figure::Sum), 5.0),
            ("metric orders.sum > 5", named("orders", Figure::Sum), 5.0),
            ("metric shop.basket-size.p99 < 80.5", named("shop.basket-size", quantile(0.99)), 80.5),
            ("metric basket.p99.9 < 80", named("basket", quantile(99.9 / 100.0)), 80.0),
            ("metric basket.p999 < 80", named("basket", quantile(99.9 / 100.0)), 80.0),
            ("metric v1.5.max < -3", named("v1.5", Figure::Of(Statistic::Max)), -3.0),
            ("metric queue.last == 0", named("queue", Figure::Last), 0.0),
            ("metric größe.mean < 1e6", named("größe", Figure::Of(Statistic::Mean)), 1e6),
        ] {
            assert_eq!(read(text).map(|(metric, _, bound)| (metric, bound)), Ok((metric, bound)), "{text}");
        }
    }

    #[test]
    fn what_drivers_measure_begins_with_their_protocol() {
        let own = |name: &str, figure, given| Metric::Driver(name.to_owned(), figure, given);
        let quantile = |q| Figure::Of(Statistic::Quantile(q));
        let (number, duration) = (Given::Number, Given::Duration);
        for (text, metric, bound) in [
            ("mqtt.lost == 0", own("mqtt.lost", Figure::Plain, number), 0.0),
            ("mqtt.lost.count == 0", own("mqtt.lost", Figure::Sum, number), 0.0),
            ("mqtt.received.rate > 10/s", own("mqtt.received", Figure::Rate, number), 10.0),
            ("mqtt.back_99 < 2s", own("mqtt.back_99", Figure::Plain, duration), 2.0),
            ("mqtt.back_99 < 2", own("mqtt.back_99", Figure::Plain, number), 2.0),
            ("mqtt.back_99.max < 250ms", own("mqtt.back_99", Figure::Of(Statistic::Max), duration), 0.25),
            ("mqtt.recovered_time.p95 < 2s", own("mqtt.recovered_time", quantile(0.95), duration), 2.0),
            ("ws.size.p99.9 < 1kb", own("ws.size", quantile(99.9 / 100.0), Given::Size), 1000.0),
            ("grpc.resets < 5", own("grpc.resets", Figure::Plain, number), 5.0),
        ] {
            assert_eq!(read(text).map(|(metric, _, bound)| (metric, bound)), Ok((metric, bound)), "{text}");
        }
    }

    #[test]
    fn guests_are_counted_and_timed() {
        for (text, metric, bound) in [
            ("guest.traps == 0", Metric::GuestsEnded, 0.0),
            ("guest.lost_users < 10", Metric::LostUsers, 10.0),
            ("guest_time.max < 1ms", Metric::Time(Timing::Guest, Statistic::Max), 1e6),
        ] {
            assert_eq!(read(text).map(|(metric, _, bound)| (metric, bound)), Ok((metric, bound)), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, message) in [
            ("response_time.p99", "expected METRIC OPERATOR BOUND"),
            ("respones_time.p99 < 1s", "did you mean `response_time`?"),
            ("response_time < 1s", "expected `response_time.p99`"),
            ("response_time.p0 < 1s", "another percentile"),
            ("response_time.p101 < 1s", "another percentile"),
            ("response_time.p99 < 500", "expected a duration"),
            ("failures.rate < 1s", "expected a share"),
            ("failures.tiemout < 1", "failures.KIND"),
            ("metric < 5", "expected `metric NAME.FIGURE`"),
            ("metric orders < 5", "expected `metric NAME.FIGURE`"),
            ("metric.orders < 5", "expected `metric NAME.FIGURE`"),
            ("metric .count < 5", "expected a name of letters"),
            ("metric a b.count < 5", "expected a name of letters"),
            ("metric orders.rtae > 5", "did you mean `rate`?"),
            ("metric orders.p101 > 5", "or a percentile such as `p99`"),
            ("metrics orders.rate > 5", "did you mean `metric`?"),
            ("metric basket.p99 < 80ms", "expected a plain number"),
            ("metric orders.rate < 5%", "compared with `5%`"),
            ("guest.trap == 0", "`guest.traps`"),
            ("guest_time < 1ms", "expected `guest_time.p99`"),
            ("mqtt.lost < many", "a plain number, or a duration or size"),
            ("mqtt.received.rate < 5s", "compared with `5s`"),
            ("mqtt. == 0", "expected a figure of"),
            (".lost == 0", "expected a figure of"),
            ("respones_time.p99.9 < 1s", "did you mean `response_time`?"),
        ] {
            let shown = read(text).expect_err(text);
            assert!(shown.contains(message), "{shown}");
        }
    }
}
