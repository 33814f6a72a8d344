//! What ended a guest, for people: its own words, and where it was.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use prony_core::GuestEnd;
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::state::State;
use crate::worker::WorkerPart;

/// The most frames of a backtrace that are told.
const MOST_FRAMES: usize = 8;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blame {
    pub(crate) end: GuestEnd,
    pub(crate) text: String,
}

impl Blame {
    /// What is to be said of the error that ended a guest.
    pub(crate) fn new(error: &wasmtime::Error, store: &Store<State>) -> Self {
        let state = store.data();
        let trap = error.downcast_ref::<Trap>();
        let exit = error.downcast_ref::<I32Exit>();
        let end = match (state.end(), exit, trap) {
            (Some(end), ..) => end,
            (None, Some(_), _) => GuestEnd::Exit,
            (None, None, Some(_)) => GuestEnd::Trap,
            (None, None, None) => GuestEnd::Misuse,
        };
        let said = last_words(&state.output.take());
        let mut text = match (end, exit) {
            (GuestEnd::Memory, _) => {
                let most = state.worker.limits.memory;
                format!(
                    "it wanted more than the {most} bytes of memory, or the table, it may have (`limits: {{memory: …}}`)"
                )
            }
            (_, Some(exit)) => format!("it asked to end the process with code {}", exit.0),
            (GuestEnd::Trap, _) => match (&said, trap) {
                (Some(said), _) => said.clone(),
                (None, Some(trap)) => trap.to_string(),
                (None, None) => error.to_string(),
            },
            _ => error.root_cause().to_string(),
        };
        if end != GuestEnd::Trap
            && let Some(said) = said
        {
            text.push_str(&format!("; it said: {said}"));
        }
        if let Some(frames) =
            error.downcast_ref::<WasmBacktrace>().map(frames).filter(|frames| !frames.is_empty())
        {
            text.push_str(&format!("; in {}", frames.join(" < ")));
        }
        Self { end, text }
    }
}

impl Blame {
    /// Tells people, once for each reason in a run.
    pub(crate) fn tell(&self, path: &Path, told: &AtomicU32, worker: &WorkerPart) {
        let bit = 1 << self.end as u32;
        if told.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let file = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
            let text = || format!("{file} was ended ({}): {}", self.end.name(), self.text);
            worker.meter.notice(worker.scenario, &format!("guest end {}", self.end.name()), &text);
        }
    }
}

/// The last lines of what it wrote, in one.
fn last_words(output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A panic's own words begin with its place.
    let from = lines
        .iter()
        .rposition(|line| line.contains(" panicked at "))
        .unwrap_or(lines.len().saturating_sub(3));
    // A guest has one thread, and it has no name.
    let words: Vec<String> = lines[from..]
        .iter()
        .filter(|line| !line.starts_with("note: run with"))
        .take(4)
        .map(|line| match line.split_once(" panicked at ") {
            Some((thread, place)) if thread.starts_with("thread '") => format!("panicked at {place}"),
            _ => (*line).to_owned(),
        })
        .collect();
    let words = words.join(" ");
    let end = words.floor_char_boundary(600);
    (!words.is_empty()).then(|| words[..end].to_owned())
}

/// The names of the guest's own functions, innermost first. Those of its standard library on the way to a panic, and of the
/// glue around it, say nothing; they are told only when there is nothing else.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let names = backtrace.frames().iter().filter_map(|frame| frame.func_name());
    let names: Vec<String> = names.map(|name| format!("{:#}", rustc_demangle::demangle(name))).collect();
    let mut told: Vec<String> =
        names.iter().filter(|name| !is_machinery(name) && !is_glue(name)).cloned().collect();
    if told.is_empty() {
        told = names.into_iter().filter(|name| !is_machinery(name)).take(1).collect();
    }
    let more = told.len().saturating_sub(MOST_FRAMES);
    told.truncate(MOST_FRAMES);
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told
}

fn is_machinery(name: &str) -> bool {
    let name = name.trim_start_matches('<');
    ["std::", "core::", "alloc::", "__rust", "rust_", "abort", "dlmalloc"]
        .iter()
        .any(|part| name.starts_with(part))
}

fn is_glue(name: &str) -> bool {
    name.starts_with('[') || ["prony_plugin::", "wit_bindgen::"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_a_panic_or_the_last_lines() {
        let panic = "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:7:5:\ndeliberate\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_words(panic), Some("panicked at src/lib.rs:7:5: deliberate".to_owned()));
        assert_eq!(last_words("a\nb\nc\nd\n"), Some("b c d".to_owned()));
        assert_eq!(last_words("\n \n"), None);
    }
}
