//! Lines of a file, or of standard output.

use std::fs::File;
use std::io::Write;

use bytes::Bytes;

use super::{Refusal, Taken};

/// See the module's head.
pub(in super::super) enum Lines {
    File(File),
    StandardOutput,
}

impl Lines {
    /// Writes whole lines.
    pub(super) fn carry(&mut self, lines: &Bytes) -> Result<Taken, Refusal> {
        let written = match self {
            Self::File(file) => file.write_all(lines),
            Self::StandardOutput => {
                let mut out = std::io::stdout().lock();
                out.write_all(lines).and_then(|()| out.flush())
            }
        };
        // A second try would repeat what was written.
        written.map(|()| Taken::default()).map_err(|error| Refusal::lasting(error.to_string()))
    }
}
