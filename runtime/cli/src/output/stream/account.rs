//! What became of a stream's payloads, in numbers and in words.

use std::collections::BTreeMap;

use crate::report::count_in_words;

/// The most different reasons that are told.
const MOST_REASONS: usize = 4;
/// The most of a receiver's own words, in bytes.
const LONGEST_REASON: usize = 200;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Payloads made.
    pub(super) made: u64,
    /// Of those, how many arrived.
    pub(super) arrived: u64,
    /// Points that a receiver refused from payloads that it took.
    pub(super) rejected: u64,
    /// Spans in them.
    pub(super) spans: Spans,
    /// Of those made, how many are known to be lost.
    lost: u64,
    /// Why, and how often.
    reasons: BTreeMap<String, u64>,
    /// What went wrong last, be it that a further try did better.
    trouble: String,
    /// What else is worth telling.
    pub(super) remark: Option<String>,
}

/// How many spans there were to tell of.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) made: u64,
    pub(super) arrived: u64,
}

impl Account {
    /// Notes that a payload is lost.
    pub(super) fn lose(&mut self, why: &str) {
        self.lost += 1;
        self.because(why, 1);
    }

    /// Notes what a try came to that another may follow.
    pub(super) fn stumble(&mut self, why: &str) {
        why.clone_into(&mut self.trouble);
    }

    /// Notes that all that has not arrived by now never will.
    pub(super) fn lose_the_rest(&mut self) {
        let rest = self.made.saturating_sub(self.arrived + self.lost);
        self.lost += rest;
        if rest > 0 {
            let after =
                if self.trouble.is_empty() { String::new() } else { format!(" after: {}", self.trouble) };
            self.because(&format!("no time was left at the end{after}"), rest);
        }
    }

    /// Notes that a receiver took a payload but for some of its points.
    pub(super) fn reject(&mut self, points: u64, why: &str) {
        self.rejected += points;
        self.because(why, 1);
    }

    fn because(&mut self, why: &str, times: u64) {
        let short = &why[..why.floor_char_boundary(LONGEST_REASON)];
        let clean: String = short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let known = self.reasons.len() < MOST_REASONS || self.reasons.contains_key(&clean);
        *self.reasons.entry(if known { clean } else { "other reasons".to_owned() }).or_default() += times;
    }

    /// What was lost, in a line; `None` when nothing was. `missed` are seconds that never came to the stream.
    pub(super) fn in_words(&self, missed: u64) -> Option<String> {
        let mut told = Vec::new();
        if self.lost > 0 {
            let (lost, made) = (count_in_words(self.lost), count_in_words(self.made));
            let mut text = format!("{lost} of {made} pushes were lost");
            let lost = self.spans.made.saturating_sub(self.spans.arrived);
            if lost > 0 {
                let (lost, made) = (count_in_words(lost), count_in_words(self.spans.made));
                text.push_str(&format!(", and with them {lost} of {made} spans"));
            }
            told.push(text);
        }
        if self.rejected > 0 {
            let what = if self.spans.made > 0 { "spans" } else { "points" };
            told.push(format!("{} {what} were refused", count_in_words(self.rejected)));
        }
        if missed > 0 {
            told.push(format!("{} seconds came too fast for it", count_in_words(missed)));
        }
        if !told.is_empty() {
            let reasons = self.reasons.iter().map(|(why, times)| format!("{times} × {why}"));
            let reasons = reasons.collect::<Vec<_>>().join("; ");
            let because = if reasons.is_empty() { String::new() } else { format!(" ({reasons})") };
            return Some(format!("{}{because}; the run's own results are whole", told.join(", ")));
        }
        self.remark.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_with_its_reasons_and_nothing_else_is() {
        let mut account = Account { made: 60, arrived: 60, ..Account::default() };
        assert_eq!(account.in_words(0), None);
        account.arrived = 55;
        (0..2).for_each(|_| account.lose("timed out after 5s"));
        account.lose("500: down\n");
        account.stumble("reset");
        account.lose_the_rest();
        account.lose_the_rest();
        assert_eq!(
            account.in_words(0).expect("a loss"),
            "5 of 60 pushes were lost (1 × 500: down ; 2 × no time was left at the end after: reset; 2 × timed out after 5s); the run's own results are whole"
        );
        (0..100).for_each(|number| account.lose(&format!("{number}")));
        assert!(account.in_words(2).is_some_and(
            |told| told.contains("99 × other reasons") && told.contains("2 seconds came too fast for it")
        ));
    }
}
