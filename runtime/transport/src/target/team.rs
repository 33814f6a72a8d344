//! A target's threads: each a runtime of its own with its share of the connections, so that nothing on the way of an
//! answer is locked.
//!
//! One thread accepts for all and deals connections out in turn. A listener a thread (`SO_REUSEPORT`) would let the
//! kernel deal by a hash, which leaves some threads with twice the connections of others.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Alarm, Fate, Socket};

/// How long a client may take for TLS's handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long accepting rests when the process has no descriptors left.
const REST: Duration = Duration::from_millis(10);

/// Tasks between two looks at the kernel's events. Tokio's default of 61 would let a due reply wait for that many
/// others.
const EVENT_INTERVAL: u32 = 16;

/// What a thread does with its connections.
pub trait Serve: 'static {
    /// Serves one connection until it ends, in the way that `fate` says.
    fn serve<S>(self: Rc<Self>, stream: S, fate: Rc<Fate>) -> impl Future<Output = ()> + 'static
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static;
}

/// Threads that serve until this is dropped.
#[derive(Debug)]
pub struct Team {
    stop: Option<watch::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// An address to accept at, and how to do TLS on it.
pub type Entrance = (TcpListener, Option<Arc<ServerConfig>>);

impl Team {
    /// Starts so many threads; `make` is called on each, with its number and its timer. When this returns, connections
    /// are accepted.
    ///
    /// # Errors
    /// When there are no threads, timers or descriptors to be had, or `make` fails.
    pub fn start<M, F, S>(name: &str, threads: usize, entrances: Vec<Entrance>, make: M) -> io::Result<Self>
    where
        M: Fn(usize, Rc<Alarm>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Rc<S>>>,
        S: Serve,
    {
        let (ways, incoming): (Vec<_>, Vec<_>) = (0..threads.max(1)).map(|_| unbounded_channel()).unzip();
        let mut door = Some(Door { entrances, ways });
        let (stop, stopped) = watch::channel(());
        let mut team = Self { stop: Some(stop), threads: Vec::new() };
        let (ready, begun) = mpsc::channel();
        for (index, incoming) in incoming.into_iter().enumerate() {
            let thread = Thread { incoming, door: door.take(), stop: stopped.clone() };
            let (ready, make) = (ready.clone(), make.clone());
            let handle = std::thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || thread.run(move |alarm| make(index, alarm), &ready))?;
            team.threads.push(handle);
        }
        drop(ready);
        for _ in 0..team.threads.len() {
            let gone = || io::Error::other("the thread ended at once");
            begun.recv().unwrap_or_else(|_| Err(gone()))?;
        }
        Ok(team)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A panic has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// A connection on its way to the thread that serves it.
struct Accepted {
    stream: std::net::TcpStream,
    tls: Option<Arc<ServerConfig>>,
}

/// The accepting side, which the first thread has.
struct Door {
    entrances: Vec<Entrance>,
    /// The ways to all threads.
    ways: Vec<UnboundedSender<Accepted>>,
}

/// What a thread is started with.
struct Thread {
    incoming: UnboundedReceiver<Accepted>,
    door: Option<Door>,
    /// Closed when the team is dropped.
    stop: watch::Receiver<()>,
}

impl Thread {
    fn run<F, S>(self, make: impl FnOnce(Rc<Alarm>) -> F, ready: &mpsc::Sender<io::Result<()>>)
    where
        F: Future<Output = io::Result<Rc<S>>>,
        S: Serve,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        // Dropping the runtime drops every task and with them all sockets.
        runtime.block_on(async {
            let mut stop = self.stop.clone();
            let begun = self.begin(make).await;
            let serves = begun.is_ok();
            let _ = ready.send(begun);
            if serves {
                let _ = stop.changed().await;
            }
        });
    }

    async fn begin<F, S>(self, make: impl FnOnce(Rc<Alarm>) -> F) -> io::Result<()>
    where
        F: Future<Output = io::Result<Rc<S>>>,
        S: Serve,
    {
        let alarm = Alarm::new()?;
        let server = make(Rc::clone(&alarm)).await?;
        tokio::task::spawn_local(async move { alarm.ring().await });
        if let Some(door) = self.door {
            let ways = Rc::new(door.ways);
            for (listener, tls) in door.entrances {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::task::spawn_local(accept(listener, tls, Rc::clone(&ways)));
            }
        }
        let mut incoming = self.incoming;
        tokio::task::spawn_local(async move {
            while let Some(accepted) = incoming.recv().await {
                if let Ok(stream) = TcpStream::from_std(accepted.stream) {
                    tokio::task::spawn_local(connect(stream, accepted.tls, Rc::clone(&server)));
                }
            }
        });
        Ok(())
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    ways: Rc<Vec<UnboundedSender<Accepted>>>,
) {
    for way in ways.iter().cycle() {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(REST).await,
            }
        };
        let _ = stream.set_nodelay(true);
        if let Ok(stream) = stream.into_std() {
            let _ = way.send(Accepted { stream, tls: tls.clone() });
        }
    }
}

async fn connect<S: Serve>(stream: TcpStream, tls: Option<Arc<ServerConfig>>, server: Rc<S>) {
    let fate = Rc::new(Fate::default());
    let socket = Socket::new(stream, Rc::clone(&fate));
    match tls {
        None => server.serve(socket, fate).await,
        Some(config) => {
            let shaken = tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(socket));
            // Who cannot shake hands has been told so by an alert.
            if let Ok(Ok(stream)) = shaken.await {
                server.serve(stream, fate).await;
            }
        }
    }
}
