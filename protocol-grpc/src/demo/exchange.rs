//! What happens to a call: counted, answered by its service, held as ordered, and sent or spoiled.

use std::rc::Rc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use prony_transport::target::clock;
use tonic::Status;
use tonic::body::Body;

use super::answer::{Answer, Gone, RequestBody};
use super::fault::Faults;
use super::services::{CONTROL, SHOP};
use super::shop::Trailers;
use super::worker::{Connection, Worker};
use super::{encoding, spoil};

/// The metadata that faults are ordered by.
pub(super) const FAULT: &str = "prony-fault";

/// Answers one call.
pub(super) async fn serve(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    connection: Rc<Connection>,
) {
    let mut answer = Answer::new(respond);
    // Who has gone is told nothing.
    let _ = call(request, &mut answer, &connection).await;
}

async fn call(
    request: Request<RecvStream>,
    answer: &mut Answer,
    connection: &Connection,
) -> Result<(), Gone> {
    let worker = &connection.worker;
    let (mut head, body) = request.into_parts();
    let controls = is_of(head.uri.path(), CONTROL);
    if !controls {
        connection.count(head.uri.path());
    }
    if let Some(refusal) = refusal(&head.method, &head.headers) {
        return answer.head_only(refusal);
    }
    encoding::choose(&mut head.headers);
    let faults = match ordered(&mut head.headers) {
        _ if controls => Faults::NONE,
        Ok(faults) => faults.or(worker.standing().faults(head.uri.path())),
        Err(error) => return refuse(answer, &Status::invalid_argument(error)),
    };
    let struck = faults.strikes() && worker.chance(faults.share);
    let stalls = is_of(head.uri.path(), SHOP);
    let request = Request::from_parts(head, RequestBody::new(body));
    let reply = if struck && faults.early {
        // The request stays where it is, unread, until the answer has ended.
        Err(request)
    } else {
        Ok(answer.unless_gone(worker.services.call(request)).await?)
    };
    if let Some(delay) = faults.delay {
        let due = clock::now() + delay.draw(&mut worker.random.borrow_mut());
        answer.unless_gone(worker.alarm.until(due)).await?;
    }
    if stalls {
        answer.unless_gone(hold_while_stalled(worker)).await?;
    }
    match reply {
        Ok(reply) if !struck => relay(answer, reply).await,
        Ok(reply) => spoil::send(answer, Some(reply), &faults, connection).await,
        Err(_unread) => spoil::send(answer, None, &faults, connection).await,
    }
}

/// Sends a reply as it is.
async fn relay(answer: &mut Answer, reply: Response<Body>) -> Result<(), Gone> {
    let (mut head, mut body) = reply.into_parts();
    let more = head.extensions.remove::<Trailers>();
    let head = Response::from_parts(head, ());
    if http_body::Body::is_end_stream(&body) {
        return answer.head_only(head);
    }
    answer.head(head)?;
    while let Some(frame) = answer.unless_gone(body.frame()).await? {
        // What goes wrong in a service is among its trailers.
        let Ok(frame) = frame else { break };
        match frame.into_data() {
            Ok(data) => answer.data(data).await?,
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                trailers.extend(more.map(|Trailers(more)| more).unwrap_or_default());
                return answer.trailers(trailers);
            }
        }
    }
    answer.end()
}

async fn hold_while_stalled(worker: &Worker) {
    while let Some(until) = worker.standing().stalled_until(clock::now()) {
        worker.alarm.until(until).await;
    }
}

/// Sends a status as the whole answer.
pub(super) fn refuse(answer: &mut Answer, status: &Status) -> Result<(), Gone> {
    let mut head = grpc_head();
    // What cannot be a header is left out; the code always can.
    let _ = status.add_header(head.headers_mut());
    answer.head_only(head)
}

/// The head of an answer that goes well so far.
pub(super) fn grpc_head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head
}

/// What is told to those who do not speak gRPC, in the words of HTTP.
fn refusal(method: &Method, headers: &HeaderMap) -> Option<Response<()>> {
    let grpc = |value: &HeaderValue| {
        let rest = value.as_bytes().strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    };
    let status = if method != Method::POST {
        StatusCode::METHOD_NOT_ALLOWED
    } else if !headers.get(CONTENT_TYPE).is_some_and(grpc) {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        return None;
    };
    let mut head = Response::new(());
    *head.status_mut() = status;
    Some(head)
}

/// The faults that the call itself orders, taken out of its metadata.
fn ordered(headers: &mut HeaderMap) -> Result<Faults, String> {
    let Some(first) = headers.get(FAULT) else {
        return Ok(Faults::NONE);
    };
    let words = first.to_str().map_err(|_| format!("`{FAULT}` expects ASCII text")).and_then(Faults::parse);
    headers.remove(FAULT);
    words
}

fn is_of(path: &str, service: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(service))
        .is_some_and(|rest| rest.starts_with('/'))
}
