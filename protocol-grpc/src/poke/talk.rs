//! One call by hand: messages as bytes, one after the other, over a connection that nobody measures.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use prony_core::{Clock, FailureKind, Phases};
use prony_transport::h2::{H2Connection, H2Options};
use prony_transport::{Origin, WorkerConnector};

use crate::config::Settings;
use crate::session::{Event, Failure, Fault, Incoming, SMALL_FRAMES};
use crate::wire::Compression;

/// Connects to the first of `origins` that answers, within the settings' time-out. The error is a sentence.
pub(super) async fn connect(
    connector: &WorkerConnector,
    origins: &[Origin],
    settings: &Settings,
    limit: Duration,
    clock: Clock,
) -> Result<(H2Connection, usize), String> {
    let trying = async {
        let mut last = "there is no server to connect to".to_owned();
        for (number, origin) in origins.iter().enumerate() {
            let connected = match connector.connect(origin, &clock, &mut Phases::default()).await {
                Ok(connected) => connected,
                Err(failure) => {
                    let advice = match failure.kind {
                        FailureKind::Tls if origin.tls => {
                            "; for a server in the clear write `grpc://HOST:PORT`, without `--secure`"
                        }
                        FailureKind::Certificate => "",
                        _ => "; is a gRPC server listening there?",
                    };
                    last = format!("{}{advice}", failure.detail);
                    continue;
                }
            };
            if origin.tls && connected.alpn.as_deref() != Some(b"h2") {
                last = format!("{origin} does not agree to HTTP/2 (ALPN), which gRPC needs");
                continue;
            }
            let options = H2Options {
                stream_window: settings.window,
                keep_alive: settings.keep_alive,
                small_frames: Some(SMALL_FRAMES),
            };
            match H2Connection::open_with(connected.stream, &options, || {}).await {
                Ok(connection) => return Ok((connection, number)),
                Err(ended) => last = format!("{origin}: {}", ended.detail),
            }
        }
        Err(last)
    };
    let names: Vec<String> = origins.iter().map(ToString::to_string).collect();
    tokio::time::timeout(limit, trying).await.unwrap_or_else(|_| {
        let limit = prony_core::units::show_duration(limit);
        Err(format!("{}: no connection within {limit}; does a gRPC server speak there?", names.join(", ")))
    })
}

/// A call under way.
pub(super) struct Talk<'a> {
    connection: &'a mut H2Connection,
    stream: h2::SendStream<Bytes>,
    incoming: Incoming,
    compression: Compression,
}

impl<'a> Talk<'a> {
    /// Begins a call.
    pub(super) async fn begin(
        connection: &'a mut H2Connection,
        request: Request<()>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let begun = async {
            let requests = connection.requests();
            std::future::poll_fn(|context| requests.poll_ready(context)).await?;
            requests.send_request(request, false)
        };
        match begun.await {
            Ok((response, stream)) => Ok(Self {
                connection,
                stream,
                incoming: Incoming::new(response, settings.max_message),
                compression: settings.compression,
            }),
            Err(error) => Err(Fault::Http2(error).settle(connection)),
        }
    }

    /// Sends a message. When the server takes no more, its own last word says why.
    pub(super) fn send(&mut self, message: &[u8]) {
        let framed = crate::step::framed(message, self.compression);
        let _ = self.stream.send_data(framed, false);
    }

    /// Tells the server that there are no more messages.
    pub(super) fn finish(&mut self) {
        let _ = self.stream.send_data(Bytes::new(), true);
    }

    /// What the server has to say next.
    pub(super) async fn next(&mut self) -> Result<Event, Failure> {
        let next = std::future::poll_fn(|context| self.incoming.poll(context)).await;
        next.map_err(|fault| fault.settle(self.connection))
    }
}
