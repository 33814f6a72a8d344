//! Two runs against each other on the screen: a plain table of what differs.

use super::super::compare::{Comparison, Difference};
use super::super::figures;
use super::paint::Paint;
use super::table::{Cell, Table, Tone};
use super::text::{Piece, clean, flow};
use super::{NARROWEST, WIDEST};

/// The differences as a text of lines for a screen `width` columns wide.
#[must_use]
pub fn render_comparison(comparison: &Comparison, other: &str, coloured: bool, width: usize) -> String {
    let (paint, width) = (Paint { coloured }, width.clamp(NARROWEST, WIDEST));
    let mut lines = vec![String::new(), paint.bold(&format!("against {}", clean(other)))];
    for note in &comparison.notes {
        lines.extend(flow(&[Piece::from(clean(note))], "", width).iter().map(|line| paint.doubtful(line)));
    }
    let rows: Vec<&Difference> = comparison.rows.iter().filter(|row| row.this != row.other).collect();
    if rows.is_empty() {
        lines.push("no figure differs".to_owned());
    } else {
        let mut table =
            Table { spans: Vec::new(), head: vec!["", "this run", "other run", "change"], rows: Vec::new() };
        let mut last = None;
        for row in rows {
            if last != Some((&row.scenario, &row.step)) {
                let name = clean(&place(row));
                table.rows.push(vec![Cell::plain(name), Cell::plain(""), Cell::plain(""), Cell::plain("")]);
                last = Some((&row.scenario, &row.step));
            }
            table.rows.push(vec![
                Cell { text: format!("  {}", row.figure), tone: Tone::Dim },
                Cell::plain(value(row.this, row.unit)),
                Cell::plain(value(row.other, row.unit)),
                Cell::plain(change(row)),
            ]);
        }
        lines.extend(table.lines(width, paint));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn place(row: &Difference) -> String {
    match (&row.scenario, &row.step) {
        (Some(scenario), Some(step)) => format!("{scenario} / {step}"),
        (Some(scenario), None) => scenario.clone(),
        _ => "run".to_owned(),
    }
}

fn value(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match unit {
        "us" => figures::time(value),
        "share" => figures::share(value),
        "/s" => figures::rate(value),
        _ => figures::number(value),
    }
}

fn change(row: &Difference) -> String {
    match (row.change, row.this, row.other) {
        (Some(change), ..) if change.abs() >= 9.995 => format!("× {}", figures::rate(change + 1.0)),
        (Some(change), ..) => {
            format!("{}{}", if change < 0.0 { "−" } else { "+" }, figures::share(change.abs()))
        }
        (None, Some(_), None) => "only in this run".to_owned(),
        (None, None, Some(_)) => "only in the other".to_owned(),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Summary, samples};
    use super::*;

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let sample = samples::shop();
        let this = Summary::new(&sample.about, &sample.result);
        let mut other = this.clone();
        let text =
            |other: &Summary| render_comparison(&Comparison::new(&this, other), "yesterday", false, 80);
        assert_eq!(text(&other), "\nagainst yesterday\nno figure differs\n");
        let measured = &mut other.scenarios["browse"].measured;
        measured.requests = 1_000;
        measured.response_time_us.p99 = measured.response_time_us.p99.map(|p99| p99 * 2.0);
        other.run.measured.failures.share = None;
        let text = text(&other);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let starts = ["", "against", "this run", "run", "failed", "browse", "requests", "response p99"];
        assert_eq!(lines.len(), starts.len(), "{text}");
        assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{text}");
        assert!(lines[4].ends_with("only in this run"), "{text}");
        let words: Vec<&str> = lines[6].split_whitespace().collect();
        assert_eq!(words, ["requests", "2,000", "1,000", "+100", "%"], "{text}");
        assert!(lines[7].ends_with("−50 %"), "{text}");
    }
}
