//! A sentence for each number of a screen, above the first line that has it.

use super::super::words;
use super::paint::Paint;
use super::text::{Piece, flow};
use super::{NARROWEST, WIDEST};

/// The beginning of a line, and the sentences that belong above it.
const PLACES: [(&str, &[&str]); 27] = [
    ("VALID:", &["verdict"]),
    ("DEGRADED:", &["verdict"]),
    ("INVALID:", &["verdict"]),
    ("starts ", &["starts", "lag"]),
    ("iterations ", &["iterations", "users"]),
    ("step ", &["requests a second", "response time", "service time", "percentiles"]),
    ("group ", &["groups"]),
    ("delivery ", &["deliveries"]),
    ("failures ", &["failures"]),
    ("statuses ", &["statuses"]),
    ("checks ", &["checks"]),
    ("phases ", &["phases"]),
    ("traffic ", &["traffic", "connections"]),
    ("mqtt ", &["MQTT audit"]),
    ("grpc ", &["gRPC statuses", "gRPC backends"]),
    ("ws ", &["WebSocket counts"]),
    ("metrics ", &["metrics"]),
    ("guests ", &["guests"]),
    ("notices ", &["notices"]),
    ("notice ", &["notices"]),
    ("thresholds", &["thresholds"]),
    ("plugin ", &["plugins"]),
    ("plugins ", &["plugins"]),
    ("generator ", &["generator CPU", "memory"]),
    ("PASSED", &["outcome"]),
    ("FAILED", &["outcome"]),
    ("INTERRUPTED", &["outcome"]),
];

/// A rendered summary with sentences in it, each once.
#[must_use]
pub fn explain(text: &str, coloured: bool, width: usize) -> String {
    let (paint, width) = (Paint { coloured }, width.clamp(NARROWEST, WIDEST));
    let sentences = words::sentences();
    let mut said: Vec<&str> = Vec::new();
    let mut explained = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let bare = anstream::adapter::strip_str(line).to_string();
        let place = PLACES.iter().find(|(begin, _)| bare.trim_start().starts_with(begin));
        for name in place.into_iter().flat_map(|(_, names)| *names) {
            let Some(sentence) = sentences.iter().find(|sentence| sentence.name == *name) else { continue };
            if !said.contains(name) {
                said.push(name);
                let piece = format!("{name}: {}", sentence.text);
                for line in flow(&[Piece::from(piece)], "", width - 2) {
                    explained.push_str(&format!("{}\n", paint.dim(&format!("# {line}"))));
                }
            }
        }
        explained.push_str(line);
        explained.push('\n');
    }
    explained
}

#[cfg(test)]
mod tests {
    use super::super::super::{Summary, samples, samples_of_devices, samples_of_guests};
    use super::super::render;
    use super::*;

    #[test]
    fn every_sentence_that_a_screen_asks_for_is_there() {
        let sentences = words::sentences();
        for name in PLACES.iter().flat_map(|(_, names)| *names) {
            assert!(sentences.iter().any(|sentence| sentence.name == *name), "{name}");
        }
    }

    #[test]
    fn sentences_come_once_and_change_no_number() {
        for (sample, wanted) in [
            (samples::shop(), "# response time: "),
            (samples_of_guests::sensors(), "# guests: "),
            (samples_of_devices::fleet(), "# MQTT audit: "),
        ] {
            let summary = Summary::new(&sample.about, &sample.result);
            for coloured in [false, true] {
                let text = render(&summary, coloured, 100);
                let explained = explain(&text, coloured, 100);
                let bare = anstream::adapter::strip_str(&explained).to_string();
                assert_eq!(bare.matches(wanted).count(), 1, "{bare}");
                assert!(
                    bare.lines().filter(|line| line.starts_with('#')).all(|line| line.chars().count() <= 100)
                );
                let without: Vec<&str> = explained
                    .lines()
                    .filter(|line| !anstream::adapter::strip_str(line).to_string().starts_with('#'))
                    .collect();
                assert_eq!(without, text.lines().collect::<Vec<_>>());
            }
        }
    }
}
