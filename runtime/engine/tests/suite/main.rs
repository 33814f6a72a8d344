//! The engine through its public seam: whole runs whose journeys are made here, with service times that are known.

mod closed;
mod dropped;
mod ending;
mod guests;
mod lag;
mod leaving;
mod open;
mod pacing;
mod stage;
mod steering;
mod thresholds;
mod totals;
