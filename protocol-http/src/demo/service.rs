//! What happens to a request: counted, read, answered, held as ordered, and sent or broken off.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use prony_transport::target::clock;

use super::fault::{Ending, Faults};
use super::reply::{Reply, ordered_status, wrong};
use super::worker::{Connection, Worker};
use super::{Aborted, control, paths};

/// The most of a request's body that is kept. Where it is not needed, any length is read and thrown away.
const LONGEST_KEPT: usize = 16_000_000;

/// Answers one request. On HTTP/1.1 an error ends the connection, on HTTP/2 the stream.
pub(super) async fn serve(request: Request<Incoming>, connection: Rc<Connection>) -> Result<Reply, Aborted> {
    let worker = &connection.worker;
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if path.starts_with(control::PREFIX) {
        return Ok(match read(body, true).await? {
            Some(body) => control::answer(&worker.shared, &head, &body),
            None => too_long(),
        });
    }
    connection.count(head.uri.path_and_query().map_or(path, |path| path.as_str()));
    let ordered = head.uri.query().map_or(Ok(Faults::NONE), Faults::parse);
    let Some(body) = read(body, paths::reads_body(path)).await? else {
        return Ok(too_long());
    };
    let faults = match ordered {
        Ok(faults) => faults.or(worker.standing().faults(path)),
        Err(error) => return Ok(wrong(StatusCode::BAD_REQUEST, error)),
    };
    if let Some(delay) = faults.delay {
        let due = clock::now() + delay.draw(&mut worker.random.borrow_mut());
        worker.alarm.until(due).await;
    }
    hold_while_stalled(worker).await;
    let struck = (faults.ending.is_some() || faults.slow_body.is_some()) && worker.chance(faults.share);
    if !struck {
        return Ok(paths::answer(&head, &body));
    }
    let reply = match faults.ending {
        Some(Ending::Status(status)) => ordered_status(status),
        Some(Ending::NoReply) => std::future::pending().await,
        Some(Ending::Close) => {
            connection.fate.close_now();
            std::future::pending().await
        }
        Some(Ending::Reset) => {
            // On HTTP/2 the error alone makes an RST_STREAM, and the connection lives on.
            if head.version != Version::HTTP_2 {
                connection.fate.reset_at_the_end();
            }
            return Err(Aborted);
        }
        Some(Ending::HalfClose) | None => paths::answer(&head, &body),
    };
    Ok(reply.map(|body| match (faults.ending, faults.slow_body) {
        (Some(Ending::HalfClose), _) => body.half(&worker.alarm),
        (_, Some(time)) => body.slow(time, &worker.alarm),
        _ => body,
    }))
}

async fn hold_while_stalled(worker: &Worker) {
    loop {
        let standing = worker.standing();
        if !standing.has_stall() {
            return;
        }
        match standing.stalled_until(clock::now()) {
            Some(until) => worker.alarm.until(until).await,
            None => return,
        }
    }
}

/// The body, or what is kept of one that nobody needs: nothing. None when it is too long.
async fn read(mut body: Incoming, keep: bool) -> Result<Option<Bytes>, Aborted> {
    if body.is_end_stream() {
        return Ok(Some(Bytes::new()));
    }
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Aborted)?.into_data() else {
            continue;
        };
        if keep {
            if kept.len() + data.len() > LONGEST_KEPT {
                return Ok(None);
            }
            kept.extend_from_slice(&data);
        }
    }
    Ok(Some(kept.freeze()))
}

fn too_long() -> Reply {
    wrong(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("this path keeps bodies of at most {LONGEST_KEPT} bytes; paths without use for one take any"),
    )
}
