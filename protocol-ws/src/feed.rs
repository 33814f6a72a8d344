//! What a server pushes: how old it is when it comes, how long after the last, and what is missing of it.

use std::collections::HashMap;
use std::time::Duration;

use prony_core::delivery::{Place, Sequence};
use prony_core::reply::{SHOWN, legible};
use prony_core::{Diagnostic, Marks, Node, Outcome, Shape, StepId, Timestamp};

use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::pick::Pick;

/// The most streams of a connection that are told apart.
const MOST_STREAMS: usize = 1_000;

/// The words of `feed:`.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedSettings {
    /// Where a message says when it was sent.
    pub(crate) time: Option<(Pick, Unit)>,
    /// Where it has the number that its sender counts.
    pub(crate) sequence: Option<Pick>,
    /// Where it says which stream it is of.
    pub(crate) stream: Option<Pick>,
}

/// How a time is written: as a number of these since 1970, or as a text (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
    Iso,
}

impl FeedSettings {
    pub(crate) fn shape() -> Shape {
        let structured = Shape::map()
            .key("time", Shape::text().example("json $.at"), "Where a message says when it was sent: `json PATH` or `regex /…(…)/`. Both clocks must be right.")
            .key("unit", Shape::one_of(&["s", "ms", "us", "ns", "iso"]), "How that is written: a number since 1970-01-01 in this unit, or a text such as 2026-11-23T08:00:00.5Z (iso). Default ms.")
            .key("sequence", Shape::text().example("json $.seq"), "Where a message has the number that its sender counts: what is missing, came twice or late is counted.")
            .key("stream", Shape::text().example("json $.room"), "Where a message says which stream it is of, each with numbers of its own. Default: one stream a connection.");
        Shape::either(vec![Shape::boolean(), structured])
    }

    pub(crate) fn from_plan(node: &Node) -> Result<Option<Self>, Diagnostic> {
        if !node.is_map() {
            return Ok(node.boolean()?.then(Self::default));
        }
        let unit = match node.get("unit").map(Node::text).transpose()? {
            Some("s") => Unit::Seconds,
            Some("us") => Unit::Micros,
            Some("ns") => Unit::Nanos,
            Some("iso") => Unit::Iso,
            _ => Unit::Millis,
        };
        let pick = |key: &str| node.get(key).map(Pick::from_plan).transpose();
        if let (Some(found), None) = (node.get("unit"), node.get("time")) {
            return Err(Diagnostic::at(
                &found.place,
                "`unit` without `time`",
                "expected where the time stands",
            ));
        }
        let time = pick("time")?.map(|pick| (pick, unit));
        Ok(Some(Self { time, sequence: pick("sequence")?, stream: pick("stream")? }))
    }
}

impl Unit {
    const ALL: [Self; 5] = [Self::Millis, Self::Micros, Self::Nanos, Self::Seconds, Self::Iso];

    const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Nanos => "ns",
            Self::Iso => "iso",
        }
    }

    /// Since 1970; `None` when the text is no such time.
    fn read(self, text: &str) -> Option<Duration> {
        let (of_whole, seconds): (fn(u64) -> Duration, f64) = match self {
            Self::Iso => return iso(text),
            Self::Seconds => (Duration::from_secs, 1.0),
            Self::Millis => (Duration::from_millis, 1e-3),
            Self::Micros => (Duration::from_micros, 1e-6),
            Self::Nanos => (Duration::from_nanos, 1e-9),
        };
        match text.parse() {
            Ok(whole) => Some(of_whole(whole)),
            Err(_) => Duration::try_from_secs_f64(text.parse::<f64>().ok()? * seconds).ok(),
        }
    }
}

/// `2026-11-23T08:00:00.5Z`, or with an offset such as `+01:00`.
fn iso(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let at = time.find(['Z', 'z', '+', '-']).filter(|at| *at > 0)?;
    let (clock, zone) = time.split_at(at);
    let offset = match zone.strip_prefix(['Z', 'z']) {
        Some("") => 0,
        Some(_) => return None,
        None => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    let mut clock = clock.splitn(3, ':');
    let (hours, minutes) = (clock.next()?.parse::<i64>().ok()?, clock.next()?.parse::<i64>().ok()?);
    let seconds = clock.next()?.parse::<f64>().ok()?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0.0..61.0).contains(&seconds)
        && offset.abs() < 86_400;
    if !in_range {
        return None;
    }
    let whole = days(year, month, day) * 86_400 + hours * 3_600 + minutes * 60 - offset;
    Some(Duration::from_secs(u64::try_from(whole).ok()?) + Duration::from_secs_f64(seconds))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting years that begin in March.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// A day: no two clocks differ by more than that unless a unit is wrong.
const DAY: Duration = Duration::from_secs(86_400);

/// A message whose time says nothing, to be told to people.
struct Untimed<'a> {
    found: Option<&'a str>,
    unit: Unit,
    /// Wall time.
    now: Duration,
    payload: &'a [u8],
}

impl Untimed<'_> {
    fn absent(&self, pick: &Pick) -> String {
        format!(
            "messages came without a time at `{pick}`, where `feed: {{time: …}}` says it stands; they are not timed (`ws.untimed` counts \
             them). The first was `{}`",
            legible(self.payload, SHOWN)
        )
    }

    fn unread(&self) -> String {
        format!(
            "messages say `{}` where their time stands, which is none in `unit: {}`{}; they are not timed (`ws.untimed` counts them)",
            self.shown(),
            self.unit.word(),
            self.hint()
        )
    }

    fn before(&self) -> String {
        format!(
            "messages say that they were sent before the run began (`{}` in `unit: {}`){}; they are not timed (`ws.untimed` counts them)",
            self.shown(),
            self.unit.word(),
            self.hint()
        )
    }

    fn ahead(&self) -> String {
        let hint = self.hint();
        let why = if hint.is_empty() { ": the sender's clock and this machine's differ" } else { &hint };
        format!(
            "messages came before they say they were sent (`{}` in `unit: {}`){why}; no such message is timed (`ws.ahead` counts them)",
            self.shown(),
            self.unit.word(),
        )
    }

    fn shown(&self) -> String {
        legible(self.found.unwrap_or_default().as_bytes(), 40)
    }

    /// Another unit in which the time would be about now.
    fn hint(&self) -> String {
        let is_now = |unit: Unit| {
            unit.read(self.found.unwrap_or_default()).is_some_and(|time| time.abs_diff(self.now) < DAY)
        };
        match Unit::ALL.into_iter().find(|unit| is_now(*unit)).filter(|unit| *unit != self.unit) {
            Some(unit) => {
                format!(": with `unit: {}` it would be about now, so is the unit right?", unit.word())
            }
            None => String::new(),
        }
    }
}

/// Where a scenario's feed is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deliveries {
    /// From when a message says it was sent.
    pub(crate) push: Option<StepId>,
    /// From the message before it.
    pub(crate) interval: StepId,
}

/// What a connection has heard.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    only: Heard,
    streams: HashMap<Box<str>, Heard>,
}

/// What has come of one stream.
#[derive(Debug, Default)]
struct Heard {
    last: Option<Timestamp>,
    sequence: Sequence,
}

impl Feed {
    /// A message of `length` bytes came.
    pub(crate) fn hear(
        &mut self,
        part: &WorkerPart,
        settings: &FeedSettings,
        payload: &[u8],
        length: usize,
        at: Timestamp,
    ) {
        let Some(deliveries) = part.compiled.deliveries else { return };
        let record = |step: StepId, sent: Timestamp, received: usize| {
            let mut outcome = Outcome::due(sent);
            outcome.sent = Some(sent);
            outcome.finished = at;
            outcome.traffic.received = received as u64;
            outcome.body_bytes = if received == 0 { 0 } else { payload.len() as u64 };
            part.meter.request(step, &outcome, Marks::default());
        };
        let tallies = &part.tallies;
        if let (Some((pick, unit)), Some(step)) = (&settings.time, deliveries.push) {
            let found = pick.find(payload);
            let time = found.as_deref().and_then(|text| unit.read(text));
            match time.and_then(|time| part.moment(time)) {
                Some(sent) if sent <= at => record(step, sent, length),
                Some(_) => {
                    count(&tallies.ahead, 1);
                    let told = Untimed { found: found.as_deref(), unit: *unit, now: part.wall(at), payload };
                    part.notice("ahead", &|| told.ahead());
                }
                None => {
                    count(&tallies.untimed, 1);
                    let told = Untimed { found: found.as_deref(), unit: *unit, now: part.wall(at), payload };
                    match (&found, time) {
                        (None, _) => part.notice("untimed", &|| told.absent(pick)),
                        (Some(_), None) => part.notice("untimed:unread", &|| told.unread()),
                        (Some(_), Some(_)) => part.notice("untimed:before", &|| told.before()),
                    }
                }
            }
        }
        let heard = match settings.stream.as_ref().and_then(|pick| pick.find(payload)) {
            None => &mut self.only,
            Some(name) => {
                if !self.streams.contains_key(name.as_str()) && self.streams.len() >= MOST_STREAMS {
                    return count(&tallies.unaudited, 1);
                }
                self.streams.entry(name.into()).or_default()
            }
        };
        // The bytes are counted once.
        let received = if deliveries.push.is_none() { length } else { 0 };
        if let Some(last) = heard.last.replace(at) {
            record(deliveries.interval, last, received);
        }
        if let Some(pick) = &settings.sequence {
            let number = pick.find(payload).and_then(|text| text.parse().ok());
            if number.is_none() {
                part.notice("unaudited", &|| {
                    let last = legible(payload, SHOWN);
                    format!(
                        "messages came without a whole number at `{pick}`, where `feed: {{sequence: …}}` says it stands; they are not \
                         audited (`ws.unaudited` counts them). The first was `{last}`"
                    )
                });
            }
            let place = number.map_or(Place::Beyond, |number| heard.sequence.arrive(number));
            if place != Place::Beyond {
                count(&tallies.audited, 1);
            }
            match place {
                Place::Next => {}
                Place::After(_) => count(&tallies.gaps, 1),
                Place::Late => count(&tallies.reordered, 1),
                Place::Repeated => count(&tallies.duplicated, 1),
                Place::Beyond => count(&tallies.unaudited, 1),
            }
        }
    }

    /// How many messages never came.
    pub(crate) fn lost(&self) -> u64 {
        self.streams.values().chain([&self.only]).map(|heard| heard.sequence.lost()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_unit() {
        for (unit, text, nanos) in [
            (Unit::Seconds, "1.5", 1_500_000_000),
            (Unit::Millis, "1700000000123", 1_700_000_000_123_000_000),
            (Unit::Micros, "7", 7_000),
            (Unit::Nanos, "1700000000123456789", 1_700_000_000_123_456_789),
            (Unit::Iso, "1970-01-02T00:00:00Z", 86_400_000_000_000),
            (Unit::Iso, "2024-02-29T12:00:00.5+01:00", 1_709_204_400_500_000_000),
            (Unit::Iso, "2000-03-01t00:00:01-00:30", 951_870_601_000_000_000),
        ] {
            assert_eq!(unit.read(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for (unit, text) in [
            (Unit::Millis, "soon"),
            (Unit::Millis, "-5"),
            (Unit::Seconds, "1e300"),
            (Unit::Iso, "2024-13-01T00:00:00Z"),
            (Unit::Iso, "2024-01-01T00:00:00"),
            (Unit::Iso, "2024-01-01T25:00:00Z"),
            (Unit::Iso, "T"),
            (Unit::Iso, "1970-01-01T00:00:00+01:00"),
        ] {
            assert_eq!(unit.read(text), None, "{text}");
        }
    }
}
