//! Traces as W3C's Trace Context has them (version 00): an iteration is a trace, each of its requests a span of it, and whoever
//! answers is told by `traceparent`.
//!
//! Their numbers come from random numbers of their own, never from a user's: with traces or without, the same seed sends the
//! same requests but for `traceparent`.

use std::fmt;

use crate::random::{Random, mix};

/// The name of the header, the metadata, or the user property.
pub const TRACEPARENT: &str = "traceparent";

/// A trace's number, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u64; 2]);

/// A span's number within its trace, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// An iteration's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its number.
    pub id: TraceId,
    /// The iteration's own span, above those of its requests.
    pub root: SpanId,
    /// Whether its spans are kept, here and by whoever answers.
    pub sampled: bool,
}

/// A request's place in its iteration's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The iteration's.
    pub trace: Trace,
    /// The request's own.
    pub span: SpanId,
}

/// Gives an iteration's requests their spans, if there is a trace.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    trace: Option<Trace>,
    given: u64,
}

/// `traceparent` as it goes over the wire, without a byte of the heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; 55]);

impl Trace {
    /// A new one.
    pub fn new(random: &mut Random, sampled: bool) -> Self {
        let id = TraceId([random.bits(), random.bits().max(1)]);
        Self { id, root: SpanId(random.bits().max(1)), sampled }
    }

    /// The place of request number `number`. No two of a trace are the same.
    #[must_use]
    pub fn request(self, number: u64) -> Traced {
        let span = SpanId(mix(self.root.0.wrapping_add(number)).max(1));
        Traced { trace: self, span }
    }
}

impl Spans {
    /// A new iteration begins.
    pub const fn begin(&mut self, trace: Option<Trace>) {
        *self = Self { trace, given: 0 };
    }

    /// The place of the next request.
    pub fn next_request(&mut self) -> Option<Traced> {
        let trace = self.trace?;
        self.given += 1;
        Some(trace.request(self.given))
    }
}

impl Traced {
    /// What whoever answers is told.
    #[must_use]
    pub fn parent(&self) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let [high, low] = self.trace.id.0;
        put_hex(high, &mut text[3..19]);
        put_hex(low, &mut text[19..35]);
        put_hex(self.span.0, &mut text[36..52]);
        text[54] = if self.trace.sampled { b'1' } else { b'0' };
        Traceparent(text)
    }
}

impl Traceparent {
    /// As a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits and hyphens are.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TraceId {
    /// Its bytes, the first one first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let [high, low] = self.0;
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

impl SpanId {
    /// Its bytes, the first one first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Traceparent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// `value` as 16 digits.
fn put_hex(value: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, digit) in out.iter_mut().enumerate() {
        *digit = DIGITS[(value >> (60 - 4 * place) & 0xF) as usize];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_request_is_told_of_as_the_standard_has_it() {
        let trace = Trace {
            id: TraceId([0x0af7_6519_16cd_43dd, 0x8448_eb21_1c80_319c]),
            root: SpanId(1),
            sampled: true,
        };
        let traced = Traced { trace, span: SpanId(0xb7ad_6b71_6920_3331) };
        // The example of section 3.2.2.5.1.
        assert_eq!(traced.parent().as_str(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let quiet = Traced { trace: Trace { sampled: false, ..trace }, ..traced };
        assert_eq!(quiet.parent().as_str(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        assert_eq!(trace.id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(traced.span.to_string(), "b7ad6b7169203331");
        assert_eq!(trace.id.to_bytes()[..3], [0x0a, 0xf7, 0x65]);
        assert_eq!(traced.span.to_bytes()[..3], [0xb7, 0xad, 0x6b]);
    }

    #[test]
    fn no_two_traces_and_no_two_spans_of_one_are_the_same() {
        let mut random = Random::new(1, 2, 3);
        let traces: HashSet<TraceId> = (0..10_000).map(|_| Trace::new(&mut random, true).id).collect();
        assert_eq!(traces.len(), 10_000);
        let mut spans = Spans::default();
        assert_eq!(spans.next_request(), None);
        let trace = Trace::new(&mut random, true);
        spans.begin(Some(trace));
        let given: HashSet<SpanId> = (0..10_000).filter_map(|_| Some(spans.next_request()?.span)).collect();
        assert_eq!(given.len(), 10_000);
        assert!(!given.contains(&trace.root));
    }
}
