//! A broker that does as a test tells it: right, wrong, half, late, byte by byte, or not at all.
//!
//! It reads with rumqttc's codecs, so somebody else judges what Prony sends ([`ScriptedBroker::complaints`]), and hands each
//! packet to the script: a closure a connection, which answers through [`Answers`]. [`Relay`] is the script of a broker that
//! behaves, but for the faults it is told to make; a hostile script takes what it is about and leaves the rest to one.

#![allow(dead_code, unused_imports, reason = "a kit: not every test needs every part")]

mod answers;
mod packet;
mod relay;

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;

pub(crate) use answers::{Answers, Outgoing};
pub(crate) use packet::{Incoming, Kind, Message};
pub(crate) use relay::{Faults, Ledger, Relay};

use crate::mosquitto_clients::Version;

/// The longest a connection may be silent, so that every thread ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// A listening broker. It accepts no more with the end of this value.
pub(crate) struct ScriptedBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicU64,
    packets: AtomicU64,
    complaints: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl ScriptedBroker {
    /// Starts it. `script` is asked for each connection, with its number from 0 on, and what it returns sees all packets of
    /// that connection.
    pub(crate) fn start<S>(script: impl Fn(u64) -> S + Send + Sync + 'static) -> Self
    where
        S: FnMut(&Incoming, &mut Answers) + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let broker = Self { address: listener.local_addr().expect("an address"), shared: Arc::default() };
        let shared = Arc::clone(&broker.shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, script) = (Arc::clone(&shared), script(number));
                std::thread::spawn(move || shared.serve(&socket, number, script));
            }
        });
        broker
    }

    /// A broker of one relay: it behaves, but for its faults.
    pub(crate) fn relaying(relay: &Relay) -> Self {
        let relay = relay.clone();
        Self::start(move |_| {
            let relay = relay.clone();
            move |packet: &Incoming, answers: &mut Answers| relay.answer(packet, answers)
        })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `mqtt://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many packets it has read.
    pub(crate) fn packets(&self) -> u64 {
        self.shared.packets.load(Ordering::SeqCst)
    }

    /// What was wrong with what it was sent: packets that cannot be read, or do not begin with CONNECT.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.shared.complaints.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for ScriptedBroker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, socket: &TcpStream, number: u64, mut script: impl FnMut(&Incoming, &mut Answers)) {
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        socket.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        socket.set_nodelay(true).expect("an option");
        let mut read = BytesMut::new();
        let mut answers: Option<Answers> = None;
        loop {
            let next = match &answers {
                None => packet::version(&read).and_then(|version| {
                    let Some(version) = version else { return Ok(None) };
                    answers = Some(Answers::new(socket, number, version));
                    packet::next(&mut read, version)
                }),
                Some(answers) => packet::next(&mut read, answers.version()),
            };
            match (next, &mut answers) {
                (Ok(Some(packet)), Some(answers)) => {
                    self.packets.fetch_add(1, Ordering::SeqCst);
                    script(&packet, answers);
                    if answers.is_over() {
                        return;
                    }
                }
                (Err(complaint), _) => {
                    let mut complaints = self.complaints.lock().expect("nobody panics with it");
                    complaints.push(format!("connection {number}: {complaint}"));
                    let _ = socket.shutdown(std::net::Shutdown::Both);
                    return;
                }
                (Ok(_), _) => {
                    let mut buffer = [0; 16 * 1024];
                    match { socket }.read(&mut buffer) {
                        Ok(length) if length > 0 => read.extend_from_slice(&buffer[..length]),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        _ => {
                            if let Some(answers) = &answers {
                                answers.close();
                            }
                            return;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
