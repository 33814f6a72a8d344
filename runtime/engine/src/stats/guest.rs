//! What a scenario's guests cost, and what became of them.

use prony_core::{GuestEnd, GuestEvent};

use super::Latency;

/// What a scenario's guests cost, and what became of them. Counted from the beginning, warm-up included: a guest that traps while
/// it warms up is no better.
#[derive(Clone, Debug, Default)]
pub struct GuestStats {
    /// How long guests computed at a stretch: from when one was given control to when it gave it back. In no latency.
    pub time: Latency,
    /// All of that together, in nanoseconds, exactly.
    pub time_nanos: u64,
    /// Instances made.
    pub made: u64,
    /// Instances ended, in the order of [`GuestEnd::ALL`].
    pub ended: [u64; GuestEnd::ALL.len()],
    /// Users beside the culprits who lost an iteration with them.
    pub lost_users: u64,
    /// Bytes of memory guests have at the end of the stretch; adding up over workers, the latest over time.
    pub memory_now: u64,
    /// The most they had at once: per worker the exact maximum, added up over workers (an upper bound).
    pub memory_most: u64,
    /// Lines of the log beyond the limit.
    pub log_dropped: u64,
    /// Values of metrics that were not counted.
    pub metrics_dropped: u64,
}

impl GuestStats {
    /// Counts what happened. Memory is the worker's to keep, see [`crate::stats::Level`].
    pub(crate) fn count(&mut self, event: GuestEvent) {
        match event {
            GuestEvent::Made => self.made += 1,
            GuestEvent::Ended(end) => self.ended[end as usize] += 1,
            GuestEvent::Lost(users) => self.lost_users += u64::from(users),
            GuestEvent::Ran(nanoseconds) => {
                self.time.record(nanoseconds);
                self.time_nanos = self.time_nanos.saturating_add(nanoseconds);
            }
            GuestEvent::Memory(_) => {}
            GuestEvent::LogDropped(lines) => self.log_dropped += u64::from(lines),
            GuestEvent::MetricDropped(values) => self.metrics_dropped += u64::from(values),
        }
    }

    /// Instances ended, for whatever reason.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// By reason, only those that occurred.
    pub fn ended_by_reason(&self) -> impl Iterator<Item = (GuestEnd, u64)> + '_ {
        GuestEnd::ALL.into_iter().zip(self.ended).filter(|(_, count)| *count > 0)
    }

    /// Whether there was any guest at all.
    #[must_use]
    pub fn any(&self) -> bool {
        self.made > 0 || self.time.count() > 0 || self.ended() > 0
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.time.merge(&other.time);
        self.time_nanos = self.time_nanos.saturating_add(other.time_nanos);
        self.made += other.made;
        self.ended.iter_mut().zip(&other.ended).for_each(|(mine, theirs)| *mine += theirs);
        self.lost_users += other.lost_users;
        self.memory_now += other.memory_now;
        self.memory_most += other.memory_most;
        self.log_dropped += other.log_dropped;
        self.metrics_dropped += other.metrics_dropped;
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        let mut time = std::mem::take(&mut self.time);
        time.clear();
        *self = Self { time, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_by_reason_and_stretches_add_up() {
        for (number, end) in GuestEnd::ALL.into_iter().enumerate() {
            assert_eq!(end as usize, number);
        }
        let mut one = GuestStats::default();
        let events = [
            GuestEvent::Made,
            GuestEvent::Ran(1_000),
            GuestEvent::Ran(3_000),
            GuestEvent::Ended(GuestEnd::Memory),
            GuestEvent::Lost(7),
            GuestEvent::Made,
            GuestEvent::LogDropped(2),
            GuestEvent::MetricDropped(3),
        ];
        events.into_iter().for_each(|event| one.count(event));
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((both.made, both.ended(), both.lost_users), (4, 2, 14));
        assert_eq!(both.ended_by_reason().collect::<Vec<_>>(), [(GuestEnd::Memory, 2)]);
        assert_eq!((both.time.count(), both.time_nanos), (4, 8_000));
        assert_eq!((both.log_dropped, both.metrics_dropped), (4, 6));
        both.clear();
        assert!(!both.any());
    }
}
