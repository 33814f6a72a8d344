//! Streams: a run's figures on their way to monitoring systems while it lasts.
//!
//! A stream has a thread of its own and a queue with an end. It is offered every second; what it cannot take in time is lost to
//! it, counted, and told at the end of the run. Nothing waits for a stream but its own thread, until the run has ended: then it
//! has a while to hand over what is left. So a receiver that is slow, or gone, costs samples of the stream and nothing else.
//!
//! What all streams share is here: which metrics there are (`metric`), their points (`point`), distributions in buckets
//! (`buckets`), what is counted since when (`tally`). A kind of stream is an [`Encode`], which makes payloads of a report, and a
//! [`Carrier`], which brings them to the receiver.

mod account;
mod buckets;
mod carrier;
mod cloudwatch;
mod config;
mod influxdb;
mod labels;
mod metric;
mod otlp;
mod page;
mod point;
mod prometheus;
mod settings;
mod statsd;
mod tally;
mod worker;

pub(crate) use config::{OutputFlag, shape};

use std::sync::Arc;
use std::thread::JoinHandle;

use prony_core::Diagnostic;
use prony_engine::RunResult;
use prony_engine::event::Interval;
use tokio::sync::{mpsc, oneshot};

use crate::plan::Plan;
use crate::report::About;
use account::Account;
use carrier::{Carrier, Payload};
use tally::{Counts, Final, Report};
use worker::Worker;

/// Seconds that wait for a stream's thread. It takes them in at once; only a machine without time fills this.
const SECONDS: usize = 16;

/// From figures to a receiver's own words.
trait Encode: Send {
    /// Since when its counts count.
    fn counts(&self) -> Counts;

    /// What there is to tell, in pieces that a receiver takes at once.
    fn encode(&mut self, report: &Report<'_>) -> Vec<Payload>;

    /// Whether it tells of spans, and not of figures.
    fn takes_traces(&self) -> bool {
        false
    }

    /// What there is to tell of a second's spans, likewise.
    fn spans(&mut self, _second: &Interval) -> Vec<Payload> {
        Vec::new()
    }
}

/// All streams of a run.
pub(crate) struct Streams(Vec<Stream>);

/// One of them, from outside.
struct Stream {
    name: String,
    takes_traces: bool,
    seconds: mpsc::Sender<Arc<Interval>>,
    end: oneshot::Sender<Arc<Final>>,
    thread: JoinHandle<Account>,
    missed: u64,
}

impl Streams {
    /// Starts those that the plan and the flags name.
    ///
    /// # Errors
    /// When one makes no sense, or cannot be had: an address that is taken, a file that cannot be written.
    pub(crate) fn start(plan: &Plan, flags: &[OutputFlag], about: &About) -> Result<Self, Diagnostic> {
        let workers = config::workers(plan, flags, about)?;
        Ok(Self(workers.into_iter().map(|worker| Stream::start(worker, about)).collect()))
    }

    /// Whether one of them tells of spans.
    pub(crate) fn take_traces(&self) -> bool {
        self.0.iter().any(|stream| stream.takes_traces)
    }

    /// Offers a second to all of them.
    pub(crate) fn offer(&mut self, interval: &Arc<Interval>) {
        for stream in &mut self.0 {
            // Full, or ended: what it could not take is lost to it alone.
            stream.missed += u64::from(stream.seconds.try_send(Arc::clone(interval)).is_err());
        }
    }

    /// Tells them the end, waits for them, and says what they lost, a line each.
    pub(crate) fn finish(self, result: &RunResult) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let run = Arc::new(Final::of(result));
        // All of them at once first: they have their time side by side.
        let ending: Vec<_> = self.0.into_iter().map(|stream| stream.end(&run)).collect();
        ending.into_iter().filter_map(Ending::account).collect()
    }
}

impl Stream {
    fn start(worker: Worker, about: &About) -> Self {
        let (seconds, coming) = mpsc::channel(SECONDS);
        let (end, ended) = oneshot::channel();
        let (name, takes_traces) = (worker.name.clone(), worker.encode.takes_traces());
        let catalog = about.catalog.clone();
        let thread = std::thread::spawn(move || worker.run(&catalog, coming, ended));
        Self { name, takes_traces, seconds, end, thread, missed: 0 }
    }

    fn end(self, run: &Arc<Final>) -> Ending {
        // A stream that has given up has nobody to hear it; its account says why.
        let _ = self.end.send(Arc::clone(run));
        Ending { name: self.name, thread: self.thread, missed: self.missed }
    }
}

/// A stream that hands over what is left.
struct Ending {
    name: String,
    thread: JoinHandle<Account>,
    missed: u64,
}

impl Ending {
    fn account(self) -> Option<String> {
        let told = match self.thread.join() {
            Ok(account) => account.in_words(self.missed),
            Err(_) => Some("it broke off: please report this as a bug".to_owned()),
        };
        told.map(|told| format!("output {}: {told}", self.name))
    }
}
