//! The chunked transfer coding (RFC 9112, section 7.1), whatever the pieces it arrives in.

use crate::reply::Kept;

/// The longest line of a chunk's size, extensions included, or of all trailers.
const LONGEST_LINE: usize = 16 * 1024;

/// Where in the coding the reader is.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    line: Vec<u8>,
    trailer_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Data { left: u64 },
    DataEnd,
    Trailer,
    Done,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size, line: Vec::new(), trailer_bytes: 0 }
    }
}

impl Chunked {
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads from `input` and returns how much it has used up.
    pub(super) fn feed(&mut self, input: &[u8], kept: &mut Kept) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            match self.state {
                State::Data { left } => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                    kept.body(&input[at..at + length]);
                    at += length;
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                }
                State::Size | State::DataEnd | State::Trailer => {
                    let rest = &input[at..];
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let length = end.map_or(rest.len(), |end| end + 1);
                    if self.line.len() + length > LONGEST_LINE {
                        return Err("a line of the chunked coding is longer than 16 KiB");
                    }
                    at += length;
                    self.line.extend_from_slice(&rest[..length]);
                    if end.is_some() {
                        self.end_of_line(kept)?;
                    }
                }
                State::Done => {}
            }
        }
        Ok(at)
    }

    fn end_of_line(&mut self, kept: &mut Kept) -> Result<(), &'static str> {
        let mut line = std::mem::take(&mut self.line);
        while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            line.pop();
        }
        self.state = match self.state {
            State::Size => match size(&line)? {
                0 => State::Trailer,
                left => State::Data { left },
            },
            State::DataEnd if line.is_empty() => State::Size,
            State::DataEnd => return Err("a chunk does not end where its size says"),
            _ if line.is_empty() => State::Done,
            _ => {
                self.trailer_bytes += line.len();
                if self.trailer_bytes > LONGEST_LINE {
                    return Err("the trailers are longer than 16 KiB");
                }
                let colon = line.iter().position(|byte| *byte == b':').ok_or("a trailer without a colon")?;
                let name = std::str::from_utf8(&line[..colon]).map_err(|_| "a trailer's name is not text")?;
                kept.trailer(name.trim(), line[colon + 1..].trim_ascii());
                State::Trailer
            }
        };
        line.clear();
        self.line = line;
        Ok(())
    }
}

fn size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if digits.is_empty() || digits.len() > 15 {
        return Err("a chunk without a sensible size");
    }
    digits.iter().try_fold(0_u64, |size, digit| {
        let value = char::from(*digit).to_digit(16).ok_or("a chunk's size is not a hexadecimal number")?;
        Ok(size * 16 + u64::from(value))
    })
}
