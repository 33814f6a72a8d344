//! What a guest writes to its standard output and error: its last words, of which a panic is one.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// So much is kept, from the end.
const KEPT: usize = 16 * 1024;

/// Shared between the guest's streams and the host. Both are on one thread; the lock is for the type's sake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (kept.len() + bytes.len()).saturating_sub(KEPT);
        kept.drain(..over);
        kept.extend_from_slice(bytes);
    }

    /// Takes what was written.
    pub(crate) fn take(&self) -> String {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// Takes the whole lines that were written.
    pub(crate) fn take_lines(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(end) = kept.iter().rposition(|byte| *byte == b'\n') else { return String::new() };
        let rest = kept.split_off(end + 1);
        let lines = std::mem::replace(&mut *kept, rest);
        String::from_utf8_lossy(&lines).into_owned()
    }

    /// Whether anything was written and not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_kept_and_lines_are_taken_whole() {
        let output = Output::default();
        output.add(b"one\ntw");
        assert_eq!(output.take_lines(), "one\n");
        output.add(b"o\n");
        assert_eq!(output.take_lines(), "two\n");
        output.add(&vec![b'x'; 3 * KEPT]);
        output.add(b"end");
        let kept = output.take();
        assert!(kept.len() == KEPT && kept.ends_with("xend"), "{}", kept.len());
        assert!(output.is_empty());
    }
}
