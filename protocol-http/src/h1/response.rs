//! One answer, read as its bytes come.

use std::mem::MaybeUninit;

use crate::h1::chunked::Chunked;
use crate::reply::Kept;

/// The longest head of an answer.
const LONGEST_HEAD: usize = 256 * 1024;
/// The most headers of an answer.
const MOST_HEADERS: usize = 128;

/// How an answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    More,
    /// It is complete; so many bytes of the input were used up.
    Complete {
        /// Bytes of the input that belong to it.
        used: usize,
    },
}

/// Why bytes are not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They are not HTTP/1.1; how.
    NotHttp(String),
    /// The head is too long.
    HeadTooLong,
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    state: State,
    /// The beginning of a head that came in pieces.
    partial: Vec<u8>,
    head_request: bool,
    status: u16,
    reusable: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Length { left: u64 },
    Chunked(Box<Chunked>),
    UntilClose,
    Complete,
}

impl ResponseReader {
    /// For the answer to a request; `method` matters because an answer to HEAD has no body.
    pub(crate) fn new(method: &http::Method) -> Self {
        Self {
            state: State::Head,
            partial: Vec::new(),
            head_request: method == http::Method::HEAD,
            status: 0,
            reusable: true,
        }
    }

    /// The status, once [`Self::has_head`].
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Whether the head is there.
    pub(crate) fn has_head(&self) -> bool {
        !matches!(self.state, State::Head)
    }

    /// Whether the connection may carry another request after this answer.
    pub(crate) fn reusable(&self) -> bool {
        self.reusable && matches!(self.state, State::Complete)
    }

    /// Reads `input` on.
    pub(crate) fn feed(&mut self, input: &[u8], kept: &mut Kept) -> Result<Progress, Malformed> {
        let mut at = 0;
        loop {
            match &mut self.state {
                State::Head => match self.head(&input[at..], kept)? {
                    None => return Ok(Progress::More),
                    Some(used) => at += used,
                },
                State::Length { left } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len() - at);
                    kept.body(&input[at..at + length]);
                    at += length;
                    *left -= length as u64;
                    if *left > 0 {
                        return Ok(Progress::More);
                    }
                    self.state = State::Complete;
                }
                State::Chunked(chunked) => {
                    let used = chunked
                        .feed(&input[at..], kept)
                        .map_err(|problem| Malformed::NotHttp(problem.to_owned()))?;
                    at += used;
                    if !chunked.is_done() {
                        return Ok(Progress::More);
                    }
                    self.state = State::Complete;
                }
                State::UntilClose => {
                    kept.body(&input[at..]);
                    return Ok(Progress::More);
                }
                State::Complete => return Ok(Progress::Complete { used: at }),
            }
        }
    }

    /// The peer has closed. True when that is how this answer ends.
    pub(crate) fn closed(&mut self) -> bool {
        let ends = matches!(self.state, State::UntilClose);
        if ends {
            self.state = State::Complete;
            self.reusable = false;
        }
        ends
    }

    /// Reads a head; the answer is how much of `input` it used up, `None` when more is needed.
    fn head(&mut self, input: &[u8], kept: &mut Kept) -> Result<Option<usize>, Malformed> {
        if self.partial.is_empty() {
            let used = self.parse(input, kept)?;
            if used.is_none() {
                self.partial.extend_from_slice(input);
            }
            return if self.partial.len() > LONGEST_HEAD { Err(Malformed::HeadTooLong) } else { Ok(used) };
        }
        let before = self.partial.len();
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(&input[..input.len().min(LONGEST_HEAD + 1)]);
        match self.parse(&whole, kept)? {
            Some(used) => Ok(Some(used - before)),
            None if whole.len() > LONGEST_HEAD => Err(Malformed::HeadTooLong),
            None => {
                self.partial = whole;
                Ok(None)
            }
        }
    }

    fn parse(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<Option<usize>, Malformed> {
        let mut storage = [const { MaybeUninit::uninit() }; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut storage,
        );
        let used = match parsed {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Malformed::NotHttp(format!("more than {MOST_HEADERS} headers")));
            }
            Err(error) => return Err(Malformed::NotHttp(format!("{error}; it begins {}", beginning(bytes)))),
        };
        let status = response.code.unwrap_or(0);
        if status == 101 {
            return Err(Malformed::NotHttp("status 101, though no upgrade was asked for".to_owned()));
        }
        if status < 100 {
            return Err(Malformed::NotHttp(format!("status {status:03}, which is none")));
        }
        if status < 200 {
            // Interim answers (100 Continue, 103 Early Hints) announce the real one.
            return Ok(Some(used));
        }
        self.status = status;
        let mut framing = Framing::default();
        for header in response.headers.iter() {
            framing.header(header)?;
            kept.header(header.name, header.value);
        }
        self.reusable = framing.keeps_alive(response.version.unwrap_or(0));
        self.state = match framing {
            _ if self.head_request || status == 204 || status == 304 => State::Complete,
            Framing { chunked: true, .. } => State::Chunked(Box::default()),
            Framing { other_coding: true, .. } => State::UntilClose,
            Framing { length: Some(0), .. } => State::Complete,
            Framing { length: Some(left), .. } => State::Length { left },
            _ => State::UntilClose,
        };
        Ok(Some(used))
    }
}

/// What the headers say about where the body ends and whether the connection stays.
#[derive(Clone, Copy, Debug, Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
    other_coding: bool,
    close: bool,
    keep_alive: bool,
}

impl Framing {
    fn header(&mut self, header: &httparse::Header<'_>) -> Result<(), Malformed> {
        let list = || header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                for value in list() {
                    let length = std::str::from_utf8(value)
                        .ok()
                        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                    let length: u64 = length.and_then(|text| text.parse().ok()).ok_or_else(|| {
                        Malformed::NotHttp(format!("content-length {}", beginning(header.value)))
                    })?;
                    if self.length.is_some_and(|other| other != length) {
                        return Err(Malformed::NotHttp("two different content-lengths".to_owned()));
                    }
                    self.length = Some(length);
                }
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                for coding in list() {
                    if coding.eq_ignore_ascii_case(b"chunked") {
                        self.chunked = true;
                    } else {
                        self.other_coding = true;
                    }
                }
            }
            10 if header.name.eq_ignore_ascii_case("connection") => {
                for option in list() {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `minor` is the 0 of HTTP/1.0 or the 1 of HTTP/1.1.
    fn keeps_alive(self, minor: u8) -> bool {
        !self.close && (minor == 1 || self.keep_alive)
    }
}

/// The first bytes of what a peer sent, fit to be shown.
fn beginning(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(40)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Fields, Keep};
    use proptest::prelude::*;

    /// Feeds `pieces`; the status, the body, and how many bytes of the last piece were used, once complete.
    fn read(pieces: &[&[u8]]) -> Result<Option<(u16, Vec<u8>, usize)>, Malformed> {
        let mut reader = ResponseReader::new(&http::Method::GET);
        let mut kept = Kept::default();
        kept.begin(Keep { fields: Fields::All, body: Some(1 << 20) });
        for piece in pieces {
            if let Progress::Complete { used } = reader.feed(piece, &mut kept)? {
                return Ok(Some((reader.status(), kept.body, used)));
            }
        }
        Ok(reader.closed().then_some((reader.status(), kept.body, 0)))
    }

    #[test]
    fn answers_are_read_whatever_the_pieces() {
        for (answer, status, body) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "hello"),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, ""),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello"),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n",
                200,
                "hello",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
                200,
                "x",
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 200, ""),
        ] {
            let expected = |used| Ok(Some((status, body.as_bytes().to_vec(), used)));
            assert_eq!(read(&[answer.as_bytes()]), expected(answer.len()), "{answer}");
            for cut in 1..answer.len() {
                let (first, second) = answer.as_bytes().split_at(cut);
                assert_eq!(read(&[first, second]), expected(second.len()), "cut at {cut} of {answer}");
            }
            let bytes: Vec<&[u8]> = answer.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes), expected(1), "{answer}");
        }
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        assert_eq!(read(&[b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"]), Ok(Some((200, b"hello".to_vec(), 0))));
        assert_eq!(read(&[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"]), Ok(None));
    }

    #[test]
    fn what_follows_an_answer_is_left() {
        assert_eq!(
            read(&[b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 "]),
            Ok(Some((200, b"x".to_vec(), 39)))
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for answer in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 000 Nothing\r\n\r\n",
            "HTTP/1.1 099 Nothing\r\n\r\n",
        ] {
            assert!(matches!(read(&[answer.as_bytes()]), Err(Malformed::NotHttp(_))), "{answer}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(LONGEST_HEAD + 1));
        assert_eq!(read(&[endless.as_bytes()]), Err(Malformed::HeadTooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_can_panic_the_reader(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6)) {
            let head: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut all: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let _ = read(&all);
            all.insert(0, head);
            let _ = read(&all);
        }
    }
}
