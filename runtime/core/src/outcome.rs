//! What came of one request: when, how long in which phase, how many bytes, and whether it failed.

use crate::time::Timestamp;
use crate::trace::Traced;

/// A part of a request's life. The order is the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Turning a name into addresses.
    Dns,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the first byte handed to the transport to the last.
    Send,
    /// From the last byte sent to the first byte of the answer.
    Wait,
    /// From the first byte of the answer to its last.
    Receive,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Receive];

    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
        }
    }
}

/// How long each phase took, in nanoseconds. A phase that did not happen (a reused connection has no
/// `connect`) is absent, not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases([u64; 6]);

const ABSENT: u64 = u64::MAX;

impl Default for Phases {
    fn default() -> Self {
        Self([ABSENT; 6])
    }
}

impl Phases {
    /// Notes that `phase` took `nanoseconds`.
    #[inline]
    pub fn set(&mut self, phase: Phase, nanoseconds: u64) {
        self.0[phase as usize] = nanoseconds.min(ABSENT - 1);
    }

    /// How long `phase` took, if it happened.
    #[inline]
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<u64> {
        let nanoseconds = self.0[phase as usize];
        (nanoseconds != ABSENT).then_some(nanoseconds)
    }

    /// The phases that happened.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, u64)> + '_ {
        Phase::ALL.into_iter().filter_map(|phase| self.get(phase).map(|nanoseconds| (phase, nanoseconds)))
    }
}

/// Bytes of the application protocol, before encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent by Prony.
    pub sent: u64,
    /// Received by Prony.
    pub received: u64,
}

/// Why a request failed. Closed on purpose: results of different runs and protocols can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The target's name has no address.
    Dns,
    /// Nobody listens at the address.
    ConnectRefused,
    /// The TCP handshake did not finish in time.
    ConnectTimeout,
    /// The TCP connection could not be made for another reason.
    Connect,
    /// This machine has no local port left for that address: the generator's limit.
    PortsExhausted,
    /// This process may open no more files: the generator's limit.
    DescriptorsExhausted,
    /// The peer's certificate was not accepted.
    Certificate,
    /// The TLS handshake failed for another reason.
    Tls,
    /// The TLS handshake did not finish in time.
    TlsTimeout,
    /// The request was not answered in time.
    Timeout,
    /// The peer reset the connection or the stream.
    Reset,
    /// The peer closed the connection before the answer was complete.
    Closed,
    /// The peer went away in good order (HTTP/2 GOAWAY) before it took the request.
    GoAway,
    /// What came is not the protocol.
    Protocol,
    /// The answer was longer than a limit of the plan.
    TooLarge,
    /// The body could not be decompressed.
    Decode,
    /// More redirects than allowed, or one that leads nowhere.
    Redirect,
    /// The status means a client error (HTTP 4xx).
    StatusClient,
    /// The status means a server error (HTTP 5xx).
    StatusServer,
    /// The protocol's status says no otherwise (gRPC codes, MQTT reason codes).
    Status,
    /// A check did not hold.
    Check,
    /// A capture found nothing.
    Capture,
    /// The request could not be made from the plan: a variable without a value, an unreadable file.
    Request,
    /// Cut off when the run ended: no fault of the target.
    Cut,
    /// A guest asked for what the plan does not allow it: a foreign host, too many requests at once.
    Refused,
    /// The guest whose request it was has been ended: by a trap, or because it went over a limit.
    Guest,
    /// Another error of the operating system or the transport.
    Io,
}

impl FailureKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 27] = [
        Self::Dns,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::Connect,
        Self::PortsExhausted,
        Self::DescriptorsExhausted,
        Self::Certificate,
        Self::Tls,
        Self::TlsTimeout,
        Self::Timeout,
        Self::Reset,
        Self::Closed,
        Self::GoAway,
        Self::Protocol,
        Self::TooLarge,
        Self::Decode,
        Self::Redirect,
        Self::StatusClient,
        Self::StatusServer,
        Self::Status,
        Self::Check,
        Self::Capture,
        Self::Request,
        Self::Cut,
        Self::Refused,
        Self::Guest,
        Self::Io,
    ];

    /// The word used in results and thresholds.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect => "connect",
            Self::PortsExhausted => "ports_exhausted",
            Self::DescriptorsExhausted => "descriptors_exhausted",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::TlsTimeout => "tls_timeout",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::GoAway => "goaway",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Decode => "decode",
            Self::Redirect => "redirect",
            Self::StatusClient => "status_4xx",
            Self::StatusServer => "status_5xx",
            Self::Status => "status",
            Self::Check => "check",
            Self::Capture => "capture",
            Self::Request => "request",
            Self::Cut => "cut",
            Self::Refused => "refused",
            Self::Guest => "guest",
            Self::Io => "io",
        }
    }

    /// Whether the generator, not the target, is to blame.
    #[must_use]
    pub const fn is_generators(self) -> bool {
        matches!(self, Self::PortsExhausted | Self::DescriptorsExhausted)
    }
}

/// What came of one request.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// When the request was due. Response time counts from here.
    pub intended: Timestamp,
    /// When its first byte was handed to the transport, if it came to that. Service time counts from here.
    pub sent: Option<Timestamp>,
    /// When the last byte of the answer was there, or the failure was known.
    pub finished: Timestamp,
    /// How long each phase took.
    pub phases: Phases,
    /// Bytes both ways.
    pub traffic: Traffic,
    /// Bytes of the answer's body alone, before decompression.
    pub body_bytes: u64,
    /// The protocol's own status, if an answer came: HTTP status, gRPC code, MQTT reason code.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub failure: Option<FailureKind>,
    /// Its place in its iteration's trace, if there is one and the request was told.
    pub trace: Option<Traced>,
    /// Nothing was tried: the connection that it should have gone over had been lost before. It has no time then, for how long it
    /// would have taken nobody knows.
    pub untried: bool,
}

impl Outcome {
    /// A request due at `intended` of which nothing has happened yet.
    #[must_use]
    pub fn due(intended: Timestamp) -> Self {
        Self {
            intended,
            sent: None,
            finished: intended,
            phases: Phases::default(),
            traffic: Traffic::default(),
            body_bytes: 0,
            status: None,
            failure: None,
            trace: None,
            untried: false,
        }
    }

    /// The same, with its place in a trace.
    #[must_use]
    pub const fn traced(self, trace: Option<Traced>) -> Self {
        Self { trace, ..self }
    }

    /// What tells of a connection that was lost before: a failure with the peer's last word, if it had one.
    #[must_use]
    pub fn lost_before(now: Timestamp, kind: FailureKind, status: Option<u16>) -> Self {
        Self { finished: now, status, failure: Some(kind), untried: true, ..Self::due(now) }
    }

    /// Nanoseconds from the intended start to the end.
    #[must_use]
    pub fn response_nanos(&self) -> u64 {
        self.finished.nanos_since(self.intended)
    }

    /// Nanoseconds from the actual send to the end, if it was sent.
    #[must_use]
    pub fn service_nanos(&self) -> Option<u64> {
        self.sent.map(|sent| self.finished.nanos_since(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_kinds_are_listed_by_their_number() {
        for (number, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn a_phase_that_did_not_happen_is_absent() {
        let mut phases = Phases::default();
        phases.set(Phase::Wait, 5);
        assert_eq!(phases.iter().collect::<Vec<_>>(), vec![(Phase::Wait, 5)]);
    }
}
