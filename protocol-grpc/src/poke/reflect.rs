//! Asking a server for its schema.

use std::sync::Arc;
use std::time::Duration;

use prony_core::document::Value;
use prony_core::{Clock, FailureKind, Node, Random, Scope, Timestamp, Variables};
use prony_transport::h2::H2Connection;
use prony_transport::{Connector, Origin};

use super::talk::{Talk, connect};
use crate::config::Settings;
use crate::schema::Schema;
use crate::schema::reflection::{Reflected, Reflection, V1, V1ALPHA};
use crate::session::{Event, Failure};
use crate::step::Head;
use crate::wire::{Code, Compression};

/// How long it may take before the load.
const LIMIT: Duration = Duration::from_secs(10);

/// What a plan says of its servers.
pub(crate) struct About<'a> {
    pub(crate) origins: &'a [Origin],
    pub(crate) settings: &'a Settings,
    pub(crate) settings_node: Option<&'a Node>,
}

/// Asks the first server that answers for what defines `wanted`. Blocks; called before the load. The error is for people.
pub(crate) fn before_the_load(
    connector: &Arc<Connector>,
    about: &About<'_>,
    wanted: Vec<String>,
) -> Result<Schema, String> {
    // A thread of its own, for whoever builds a plan may be inside a runtime.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime =
                runtime.map_err(|error| format!("the server cannot be asked for its schema: {error}"))?;
            runtime.block_on(async {
                // Nobody looks at how long its phases take.
                let clock = Clock::new(Timestamp::default);
                let worker = connector.worker(0);
                let (mut connection, number) =
                    connect(&worker, about.origins, about.settings, LIMIT, clock).await?;
                let asked = ask(&mut connection, number, about, wanted);
                let reflected = tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(|_| {
                    Err(format!(
                        "it did not answer within {}; is a gRPC server listening there?",
                        prony_core::units::show_duration(LIMIT)
                    ))
                });
                reflected.map(|reflected| reflected.schema)
            })
        });
        asking.join().unwrap_or_else(|_| Err("asking it failed".to_owned()))
    })
    .map_err(|told| {
        let servers: Vec<String> = about.origins.iter().map(ToString::to_string).collect();
        format!(
            "{}: the server was asked for its schema (reflection), for the plan names none: {told}; \
             or name the services' files: `grpc: {{proto: FILE.proto}}`",
            servers.join(", ")
        )
    })
}

/// Why one version of reflection yields nothing.
enum No {
    /// The server does not have this version.
    Unimplemented(String),
    /// It does not have what was asked for.
    NotFound(String),
    Told(String),
}

/// Asks for what defines `wanted`, or for everything. The error is for people.
pub(super) async fn ask(
    connection: &mut H2Connection,
    origin: usize,
    about: &About<'_>,
    wanted: Vec<String>,
) -> Result<Reflected, String> {
    // What every server has in the same way it need not take compressed.
    let settings = Settings { compression: Compression::Identity, ..about.settings.clone() };
    let about = &About { settings: &settings, ..*about };
    let mut version = V1;
    let mut told = converse(connection, origin, about, version, wanted.clone()).await;
    if matches!(told, Err(No::Unimplemented(_))) {
        version = V1ALPHA;
        told = converse(connection, origin, about, version, wanted).await;
    }
    match told {
        Ok(reflected) => Ok(reflected),
        Err(No::Told(told)) => Err(told),
        Err(No::Unimplemented(told)) => Err(format!("the server has no reflection ({told})")),
        // What it has is more help than what it has not.
        Err(No::NotFound(told)) => match converse(connection, origin, about, version, Vec::new()).await {
            Ok(all) => Err(format!("{told}; the server has {}", all.services.join(", "))),
            Err(_) => Err(told),
        },
    }
}

async fn converse(
    connection: &mut H2Connection,
    origin: usize,
    about: &About<'_>,
    path: &str,
    wanted: Vec<String>,
) -> Result<Reflected, No> {
    let request = request(path, origin, about, LIMIT).map_err(No::Told)?;
    let failed = |failure: Failure| {
        if failure.code == Code::Unimplemented && failure.shows_code {
            No::Unimplemented(failure.detail.into())
        } else {
            No::Told(with_advice(failure, about.origins))
        }
    };
    let mut talk = Talk::begin(connection, request, about.settings).await.map_err(failed)?;
    let mut reflection = Reflection::new(wanted);
    while let Some(question) = reflection.next_request() {
        talk.send(&question);
        loop {
            match talk.next().await.map_err(failed)? {
                Event::Head(_) => {}
                Event::Message(message, _) => {
                    reflection.accept(&message).map_err(|problem| No::Told(problem.to_string()))?;
                    break;
                }
                Event::End(said) if said.status == Code::Unimplemented.number() => {
                    return Err(No::Unimplemented(said.story()));
                }
                Event::End(said) if said.status == Code::NotFound.number() => {
                    return Err(No::NotFound(said.story()));
                }
                Event::End(said) if said.status == 0 => {
                    return Err(No::Told("the server ended the stream of its reflection".to_owned()));
                }
                Event::End(said) => return Err(No::Told(said.story())),
            }
        }
    }
    talk.finish();
    reflection.finish().map_err(|problem| No::Told(problem.to_string()))
}

/// What a connection that ended without an answer may be about: the other side may want TLS.
fn with_advice(failure: Failure, origins: &[Origin]) -> String {
    let in_the_clear = origins.iter().any(|origin| !origin.tls);
    let hung_up = matches!(failure.kind, FailureKind::Closed | FailureKind::Reset | FailureKind::Io);
    if hung_up && in_the_clear {
        format!("{}; does it speak TLS? Then write `grpcs://HOST:PORT` (`--secure`)", failure.detail)
    } else {
        failure.detail.into()
    }
}

/// The head of a call that is no step's: with the settings' metadata but for what has holes, which only steps can fill.
pub(super) fn request(
    path: &str,
    origin: usize,
    about: &About<'_>,
    limit: Duration,
) -> Result<http::Request<()>, String> {
    let variables = Variables::default();
    let metadata = about.settings_node.and_then(|node| node.get("metadata")).map(without_holes);
    let head = Head::compile(
        path,
        about.origins,
        about.settings,
        [metadata.as_ref(), None],
        Some(limit),
        &variables,
    );
    let head = head.map_err(|told| told.to_string())?;
    let mut random = Random::new(0, 0, 0);
    let mut scope = Scope {
        values: &[],
        user: 0,
        iteration: 0,
        random: &mut random,
        wall: Duration::ZERO,
        message: None,
        filter: None,
        trace: None,
    };
    head.request(origin, Some(limit), &mut scope).map(|(request, _)| request)
}

/// The entries of a map whose values are no templates.
fn without_holes(metadata: &Node) -> Node {
    let plain = |node: &Node| node.text().is_ok_and(|text| !text.contains("{{"));
    let entries = metadata.entries().filter(|(_, value)| plain(value)).cloned();
    Node { value: Value::Map(entries.collect()), place: metadata.place.clone() }
}
