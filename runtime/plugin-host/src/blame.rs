//! What ended a guest, for people: its own words, and where it was.

use prony_core::GuestEnd;
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::state::State;

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

/// The last lines of what it wrote, in one.
fn last_words(output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A panic's own words begin with its place.
    let from = lines
        .iter()
        .rposition(|line| line.contains(" panicked at "))
        .unwrap_or(lines.len().saturating_sub(3));
    let words: Vec<&str> =
        lines[from..].iter().copied().filter(|line| !line.starts_with("note: run with")).take(4).collect();
    let words = words.join(" ");
    let end = words.floor_char_boundary(600);
    (!words.is_empty()).then(|| words[..end].to_owned())
}

/// The names of the guest's own functions, innermost first; those of its standard library on the way to a panic say nothing.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let names = backtrace.frames().iter().filter_map(|frame| frame.func_name());
    let names = names.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    let machinery = |name: &String| {
        let name = name.trim_start_matches('<');
        ["std::", "core::", "alloc::", "__rust", "rust_", "abort", "dlmalloc"]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let mut told: Vec<String> = names.filter(|name| !machinery(name)).collect();
    let more = told.len().saturating_sub(MOST_FRAMES);
    told.truncate(MOST_FRAMES);
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_a_panic_or_the_last_lines() {
        let panic = "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:7:5:\ndeliberate\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(
            last_words(panic),
            Some("thread '<unnamed>' (1) panicked at src/lib.rs:7:5: deliberate".to_owned())
        );
        assert_eq!(last_words("a\nb\nc\nd\n"), Some("b c d".to_owned()));
        assert_eq!(last_words("\n \n"), None);
    }
}
