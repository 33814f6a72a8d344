//! A rate that somebody steers: the plan's curve, stretched by pauses and multiplied by what was asked for.
//!
//! Start *i* is due when the integral of the rate reaches *i*, as ever; between two changes that rate is the plan's times a
//! factor, and while paused it is zero. So a change moves no start that was due before it, and the starts of a Poisson process
//! stay one.

use std::time::Duration;

use crate::course::{Course, Stretch};
use crate::pacer::rate::RateCurve;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Steered {
    curve: RateCurve,
    /// When the load begins, in the plan's time.
    after: Duration,
    course: Course,
    /// The stretches that are not paused.
    pieces: Vec<Piece>,
}

/// A time of one factor.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begin: Duration,
    end: Option<Duration>,
    /// Its beginning in the plan's time.
    plan: Duration,
    factor: f64,
    /// What the curve's own integral is at its beginning.
    curve: f64,
    /// What the steered one is at its beginning and at its end.
    from: f64,
    until: f64,
}

impl Steered {
    pub(super) fn new(curve: RateCurve, after: Duration) -> Self {
        let mut steered = Self { curve, after, course: Course::default(), pieces: Vec::new() };
        steered.follow(&Course::default());
        steered
    }

    /// Goes by `course` from now on.
    pub(super) fn follow(&mut self, course: &Course) {
        self.course = course.clone();
        self.pieces.clear();
        let stretches = course.stretches();
        let ends = stretches.iter().skip(1).map(Some).chain([None]);
        let mut amount = 0.0;
        for (stretch, next) in stretches.iter().zip(ends).filter(|(stretch, _)| !stretch.paused) {
            let curve = self.at(stretch);
            let factor = f64::from(stretch.percent) / 100.0;
            let until = next.map_or(f64::INFINITY, |next| amount + (self.at(next) - curve) * factor);
            self.pieces.push(Piece {
                begin: stretch.from,
                end: next.map(|next| next.from),
                plan: stretch.plan,
                factor,
                curve,
                from: amount,
                until,
            });
            amount = until;
        }
    }

    /// The curve's own integral at a stretch's beginning.
    fn at(&self, stretch: &Stretch) -> f64 {
        self.curve.reached(stretch.plan.saturating_sub(self.after))
    }

    /// When, from the run's beginning, the integral reaches `amount`; `None` when it never does, or the run is paused before.
    pub(super) fn reaches(&self, amount: f64) -> Option<Duration> {
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.until <= amount))?;
        let moment = self.curve.reaches(piece.curve + (amount - piece.from) / piece.factor)?;
        // Beyond its edges lies rounding only.
        let due = piece.begin.saturating_add((self.after + moment).saturating_sub(piece.plan));
        Some(piece.end.map_or(due, |end| due.min(end)))
    }

    /// When, from the run's beginning, it is so long after the load's beginning in the plan's time.
    pub(super) fn when(&self, moment: Duration) -> Option<Duration> {
        self.course.when(self.after.saturating_add(moment))
    }
}
