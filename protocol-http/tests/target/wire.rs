//! A client with nothing in between: a socket, and just enough HTTP/1.1 to see where a reply ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use prony_http::demo::{Target, TargetOptions};

/// A head, as text, and a body.
pub(crate) type Answer = (String, String);

pub(crate) fn local() -> TargetOptions {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    TargetOptions { http: Some(any), https: Some(any), threads: 1, seed: 1 }
}

pub(crate) fn start(threads: usize) -> Target {
    Target::start(TargetOptions { threads, ..local() }).expect("a free port")
}

/// A connection.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn open(target: &Target) -> Self {
        let stream = TcpStream::connect(target.http().expect("bound")).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("writes");
    }

    pub(crate) fn call(&mut self, text: &str) -> Answer {
        self.send(text);
        let head = self.head();
        let body = body_of(self, &head);
        (head, String::from_utf8(body).expect("text"))
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.call(&request("GET", path, "", ""))
    }

    pub(crate) fn get_bytes(&mut self, path: &str) -> (String, Vec<u8>) {
        self.send(&request("GET", path, "", ""));
        let head = self.head();
        let body = body_of(self, &head);
        (head, body)
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Answer {
        self.call(&request("POST", path, "", body))
    }

    pub(crate) fn status(&mut self, method: &str, path: &str) -> u16 {
        status_of(&self.call(&request(method, path, "", "")).0)
    }

    /// Reads up to the empty line.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().expect("a head"));
        }
        String::from_utf8(head).expect("text")
    }

    pub(crate) fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).map(|()| byte[0])
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }

    pub(crate) fn wait_at_most(&mut self, time: Duration) {
        self.0.set_read_timeout(Some(time)).expect("a timeout");
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("a body");
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte().expect("a line"));
        }
        String::from_utf8(line).expect("text").trim_end().to_owned()
    }
}

/// A request as it goes over the wire; `headers` end in CRLF.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

pub(crate) fn status_of(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status")
}

pub(crate) fn json_of(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.1).expect("JSON")
}

/// Reads the body that `head` announces.
pub(crate) fn body_of(wire: &mut Wire, head: &str) -> Vec<u8> {
    if head.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&wire.line(), 16).expect("a chunk's length");
            body.extend(wire.exactly(length));
            assert_eq!(wire.line(), "");
            if length == 0 {
                return body;
            }
        }
    }
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    wire.exactly(line.map_or(0, |length| length.parse().expect("a length")))
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own, with its own clock")]
pub(crate) fn elapsed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = act();
    (start.elapsed(), value)
}
