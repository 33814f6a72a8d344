//! The scripted server: blocking, a thread a connection. What it does stands in the path that is asked for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

/// What it saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Heads of requests.
    pub(crate) heads: Vec<String>,
    /// Frames of clients, unmasked: the first byte of the head, and the payload.
    pub(crate) frames: Vec<(u8, Vec<u8>)>,
    /// Connections that the client ended, and those that have an answer on their way.
    pub(crate) ended: usize,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// The longest that a connection lives.
const LIFE: Duration = Duration::from_secs(30);

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&noted);
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(LIFE)).expect("a time");
                    let _ = serve(stream, &seen, address);
                    seen.lock().expect("whole").ended += 1;
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("whole").clone()
    }

    /// Waits until the server has seen what is wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        for _ in 0..2_000 {
            let seen = self.seen();
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never seen: {:?}", self.seen());
    }
}

/// A server's frame: `first` is the first byte of its head.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(short as u8),
        middle @ 126..65_536 => {
            bytes.push(126);
            bytes.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

type Io = std::io::Result<()>;

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>, here: SocketAddr) -> Io {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().expect("whole").heads.push(head.clone());
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let good = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nx-from: server\r\n"
    );
    if let Some(way) = path.strip_prefix("/handshake/") {
        let answer = match way {
            "not-http" => "\u{0}\u{1}hello".to_owned(),
            "frames-first" => "\u{1}\u{5}hello".to_owned(),
            "wrong-key" => good.replace(&accept, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=") + "\r\n",
            "no-key" => good.replace("Sec-WebSocket-Accept", "x") + "\r\n",
            "subprotocol" => format!("{good}Sec-WebSocket-Protocol: other\r\n\r\n"),
            "extension" => format!("{good}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            "forbidden" => {
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nx-why: no\r\n\r\nnot today".to_owned()
            }
            "unavailable" => "HTTP/1.1 503 Sorry\r\n\r\n{\"error\": \"busy\"}".to_owned(),
            "page" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "redirect" => format!("HTTP/1.1 302 Found\r\nLocation: http://{here}/echo\r\n\r\n"),
            "relative" => "HTTP/1.1 307 There\r\nLocation: /echo?moved\r\n\r\n".to_owned(),
            "round" => "HTTP/1.1 302 Found\r\nLocation: /handshake/round\r\n\r\n".to_owned(),
            "nowhere" => "HTTP/1.1 302 Found\r\nLocation: mailto:a@b.test\r\n\r\n".to_owned(),
            "half" => good,
            "endless" => {
                stream.write_all(good.as_bytes())?;
                loop {
                    stream.write_all(b"x-more: and more and more and more and more and more and more\r\n")?;
                }
            }
            "endless-line" => {
                stream.write_all(format!("{good}x: ").as_bytes())?;
                loop {
                    stream.write_all(b"and more and more and more and more and more and more")?;
                }
            }
            "close" => return Ok(()),
            // Nothing is ever said.
            _ => String::new(),
        };
        stream.write_all(answer.as_bytes())?;
        return wait(&mut stream);
    }
    let offered = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
    let chosen = offered.and_then(|list| list.split(", ").last());
    let chosen = chosen.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let good = format!("{good}{chosen}\r\n");
    if path == "/early" {
        // The first message comes with the handshake, in one piece.
        stream.write_all(&[good.as_bytes(), &text("early")].concat())?;
        return echo(&mut stream, seen, &path);
    }
    stream.write_all(good.as_bytes())?;
    match path.split_once('=').unwrap_or((&path, "")) {
        ("/raw", hex) => {
            let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(digits).collect();
            stream.write_all(&bytes)?;
            wait(&mut stream)
        }
        ("/push", numbers) => {
            for number in numbers.split(',') {
                let (stream_name, number) = number.split_once(':').unwrap_or(("one", number));
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now");
                let message = format!(
                    "{{\"room\": \"{stream_name}\", \"seq\": {number}, \"at\": {}}}",
                    now.as_micros()
                );
                stream.write_all(&text(&message))?;
            }
            echo(&mut stream, seen, &path)
        }
        ("/flood", size) => {
            let message = frame(0x82, &vec![7; size.parse().expect("a size")]);
            for _ in 0..1_000 {
                stream.write_all(&message)?;
            }
            wait(&mut stream)
        }
        ("/reset", _) => {
            let mut byte = [0];
            let _ = stream.read(&mut byte)?;
            // What was not read makes a reset of the end.
            Ok(())
        }
        ("/drop", _) => {
            read_frame(&mut stream, seen)?;
            Ok(())
        }
        ("/silent", _) => loop {
            read_frame(&mut stream, seen)?;
        },
        ("/deaf", _) => {
            std::thread::sleep(LIFE);
            Ok(())
        }
        _ => echo(&mut stream, seen, &path),
    }
}

fn digits(pair: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
}

/// Waits until the client ends the connection.
fn wait(stream: &mut TcpStream) -> Io {
    let mut rest = [0; 1024];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

fn read_frame(stream: &mut TcpStream, seen: &Mutex<Seen>) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = vec![0; 2];
    stream.read_exact(&mut head)?;
    let (header, length) = loop {
        match FrameHeader::parse(&mut std::io::Cursor::new(&head)).expect("a frame") {
            Some(parsed) if head.len() >= parsed.0.len(parsed.1) => break parsed,
            _ => {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                head.push(byte[0]);
            }
        }
    };
    let mask = header.mask.expect("clients mask");
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    seen.lock().expect("whole").frames.push((head[0], payload.clone()));
    Ok((head[0], payload))
}

/// Answers every message. A message may say what is to be done before: `wait MS`, `close CODE`, `ping`, `twice`, `swap`.
fn echo(stream: &mut TcpStream, seen: &Mutex<Seen>, path: &str) -> Io {
    let mut held = None;
    loop {
        let (first, payload) = read_frame(stream, seen)?;
        let said = String::from_utf8_lossy(&payload).into_owned();
        let order: Vec<&str> = said.split(['"', ' ', ',']).filter(|word| !word.is_empty()).collect();
        match first & 0x0F {
            8 => {
                stream.write_all(&frame(0x88, &payload))?;
                return Ok(());
            }
            9 if path != "/nopong" => stream.write_all(&frame(0x8A, &payload))?,
            9 | 10 => {}
            _ if order.contains(&"close") => {
                stream.write_all(&frame(0x88, &[&4001_u16.to_be_bytes()[..], b"enough"].concat()))?;
                wait(stream)?;
                return Ok(());
            }
            _ if order.contains(&"hold") => held = Some(payload),
            _ => {
                if order.contains(&"slow") {
                    std::thread::sleep(Duration::from_millis(400));
                }
                if order.contains(&"ping") {
                    stream.write_all(&frame(0x89, b"are you there"))?;
                }
                if order.contains(&"push") {
                    stream.write_all(&text("{\"pushed\": true}"))?;
                }
                let fin = first & 0x80;
                stream.write_all(&frame(fin | (first & 0x0F), &payload))?;
                if let Some(held) = held.take() {
                    stream.write_all(&frame(0x81, &held))?;
                }
            }
        }
    }
}
