//! Why a call has no status of its server's, in Prony's words and in gRPC's.

use h2::Reason;
use prony_core::FailureKind;
use prony_transport::h2::{Ended, H2Connection, ended_by};

use crate::wire::{Code, Malformed};

/// Why there is no status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) detail: Box<str>,
    /// The status that a gRPC client makes of it.
    pub(crate) code: Code,
    /// The status that checks may see: where HTTP's status stands for one, or the time was over.
    pub(crate) shows_code: bool,
    /// The peer has said that it did not begin with the call.
    pub(crate) unprocessed: bool,
}

/// A failure before it is known what its connection has to say to it.
#[derive(Debug)]
pub(crate) enum Fault {
    Http2(h2::Error),
    Failed(Failure),
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Http2(error)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Malformed> for Fault {
    fn from(mistake: Malformed) -> Self {
        let (kind, code) = match &mistake {
            Malformed::TooLong { .. } => (FailureKind::TooLarge, Code::ResourceExhausted),
            Malformed::Undecodable(_) | Malformed::Unannounced => (FailureKind::Decode, Code::Internal),
            Malformed::Flag(_) | Malformed::Half { .. } => (FailureKind::Protocol, Code::Internal),
        };
        let text = match &mistake {
            Malformed::TooLong { .. } => format!("the server sent {mistake}; raise `max_message`"),
            Malformed::Half { .. } => mistake.to_string(),
            _ => format!("the server sent {mistake}"),
        };
        Self::Failed(Failure::new(kind, code, text))
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, code: Code, detail: impl Into<Box<str>>) -> Self {
        Self { kind, detail: detail.into(), code, shows_code: false, unprocessed: false }
    }

    /// What a server sent is not gRPC.
    pub(crate) fn protocol(detail: impl Into<Box<str>>) -> Self {
        Self::new(FailureKind::Protocol, Code::Internal, detail)
    }

    /// The call could not be made from its plan.
    pub(crate) fn request(detail: impl Into<Box<str>>) -> Self {
        Self::new(FailureKind::Request, Code::Internal, detail)
    }

    /// There should be a connection, and there is none.
    pub(crate) fn no_connection() -> Self {
        Self::request("there is no connection")
    }

    /// Prony's own deadline.
    pub(crate) fn timeout(state: &str) -> Self {
        let text = format!("{state} within the time-out");
        Self { shows_code: true, ..Self::new(FailureKind::Timeout, Code::DeadlineExceeded, text) }
    }

    /// A status of HTTP's where gRPC's should be.
    pub(crate) fn http(status: u16) -> Self {
        let kind = match status {
            400..=499 => FailureKind::StatusClient,
            500.. => FailureKind::StatusServer,
            _ => FailureKind::Protocol,
        };
        let code = Code::from_http(status);
        let text = format!(
            "HTTP status {status} and no grpc-status, which gRPC takes for {}; is there a proxy in between that does not speak gRPC?",
            code.name()
        );
        Self { shows_code: true, ..Self::new(kind, code, text) }
    }

    pub(crate) fn of_connection(ended: &Ended) -> Self {
        let code = match ended.kind {
            FailureKind::Protocol => Code::Internal,
            _ => Code::Unavailable,
        };
        Self::new(ended.kind, code, ended.detail.clone())
    }
}

impl Fault {
    /// What it is, seen from the connection: a stream fails as its connection does, and the connection knows why.
    pub(crate) fn settle(self, connection: &H2Connection) -> Failure {
        let error = match self {
            Self::Failed(failure) => return failure,
            Self::Http2(error) => error,
        };
        let told = Failure::of_connection(&ended_by(&error));
        if error.is_go_away() && error.is_remote() {
            // It names the last stream that was or might be processed; those beyond it were not (RFC 9113, section 6.8).
            return Failure { unprocessed: true, ..told };
        }
        if error.is_reset() {
            let code =
                error.reason().map_or(Code::Internal, |reason: Reason| Code::from_reset(reason.into()));
            return Failure { code, ..told };
        }
        // Of a connection that was ended for a reason its streams hear only that it is gone.
        let knows_why = |ended: &Ended| matches!(ended.kind, FailureKind::Timeout | FailureKind::GoAway);
        match connection.ended() {
            Some(ended) if error.get_io().is_none() || knows_why(&ended) => Failure::of_connection(&ended),
            _ => told,
        }
    }
}
