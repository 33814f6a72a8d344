//! What was sampled of traces, and where to look first: the slowest requests by their traces' numbers.

use super::super::figures;
use super::super::summary::Summary;
use super::text::Piece;
use super::{Screen, clean};

/// How many of the slowest requests are shown; all are in the stored run.
const SHOWN: usize = 3;

impl Screen {
    /// Nothing for a run without traces.
    pub(super) fn traces(&mut self, summary: &Summary) {
        let Some(traces) = summary.traces else { return };
        let mut pieces: Vec<Piece> = vec![
            figures::plural(traces.iterations, "iteration sampled", "iterations sampled").into(),
            figures::plural(traces.requests, "request in them", "requests in them").into(),
        ];
        if traces.lost > 0 {
            let lost = format!("{} not handed on", figures::plural(traces.lost, "span", "spans"));
            pieces.push(Piece::painted(lost, |text| self.paint.doubtful(text)));
        }
        self.beside("traces", &pieces);
        let slowest = summary.slowest.iter().filter_map(|slow| Some((slow, slow.trace.as_ref()?)));
        for (number, (slow, trace)) in slowest.take(SHOWN).enumerate() {
            let pieces = [
                Piece::from(figures::time(slow.response_time_us)),
                format!("trace {}{}", trace.trace_id, if trace.sampled { ", sampled" } else { "" }).into(),
                clean(&slow.step).into(),
            ];
            self.beside(if number == 0 { "slowest" } else { "" }, &pieces);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::super::{render, width};
    use super::*;

    #[test]
    fn a_run_with_traces_says_where_to_look_and_one_without_says_nothing() {
        let sample = samples::traced();
        let summary = Summary::new(&sample.about, &sample.result);
        let text = render(&summary, false, 100);
        let at = text.find("traces  ").expect("a line of traces");
        let lines: Vec<&str> = text[at..].lines().take(3).collect();
        assert_eq!(
            lines[0],
            "traces        1 iteration sampled · 1,234 requests in them · 5 spans not handed on"
        );
        let traces: Vec<&str> = summary
            .slowest
            .iter()
            .map(|slow| slow.trace.as_ref().map_or("", |trace| &trace.trace_id))
            .collect();
        assert_eq!(lines[1], format!("slowest       2.50s · trace {} · GET /products", traces[0]));
        assert_eq!(lines[2], format!("              900ms · trace {}, sampled · GET /products", traces[1]));
        for columns in [80, 110] {
            assert!(render(&summary, false, columns).lines().all(|line| width(line) <= columns));
        }
        let plain = samples::shop();
        assert!(!render(&Summary::new(&plain.about, &plain.result), false, 100).contains("slowest"));
    }
}
