//! A stream's thread: takes seconds in, makes payloads of them, and carries these one after the other.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use prony_core::Catalog;
use prony_engine::clock::wall_clock;
use prony_engine::event::Interval;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::carrier::{Payload, Refusal, Taken};
use super::tally::{Counts, Final, Tally};
use super::{Carrier, Encode};

/// Payloads that wait for a receiver; further ones are lost.
const WAITING: usize = 32;
/// How often a payload is tried.
const TRIES: u32 = 3;
/// The pause before the second try; it doubles, and a receiver may ask for another.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A stream before it runs.
pub(super) struct Worker {
    /// As people know it: `influxdb http://127.0.0.1:8086`.
    pub(super) name: String,
    /// How much time a payload covers.
    pub(super) period: Duration,
    /// How long a try may take. At the end of the run there is twice as much for all that is left.
    pub(super) timeout: Duration,
    pub(super) encode: Box<dyn Encode>,
    /// Connections are a thread's own, so the carrier is made on it.
    pub(super) carrier: Box<dyn FnOnce() -> Carrier + Send>,
}

impl Worker {
    /// Until the run has ended and all is handed over, or the time for it is up.
    pub(super) fn run(
        self,
        catalog: &Catalog,
        seconds: mpsc::Receiver<Arc<Interval>>,
        end: oneshot::Receiver<Arc<Final>>,
    ) -> Account {
        let account = RefCell::new(Account::default());
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.work(catalog, seconds, end, &account)),
            Err(error) => {
                account.borrow_mut().made = 1;
                account.borrow_mut().lose(&format!("its thread could not be set up: {error}"));
            }
        }
        account.into_inner()
    }

    async fn work(
        self,
        catalog: &Catalog,
        seconds: mpsc::Receiver<Arc<Interval>>,
        end: oneshot::Receiver<Arc<Final>>,
        account: &RefCell<Account>,
    ) {
        let Self { period, timeout: limit, encode, carrier, .. } = self;
        let (queue, waiting) = mpsc::channel(WAITING);
        let tally = Tally::new(encode.counts(), catalog);
        let collector = Collector { tally, encode, period, queue, account };
        let rest = 2 * limit;
        let mut carrier = carrier();
        let collecting = async {
            collector.collect(seconds, end, rest).await;
            // All is told; so long carrying may go on.
            sleep(rest).await;
        };
        let is_done = tokio::select! {
            () = carry_all(&mut carrier, waiting, limit, account) => true,
            () = collecting => false,
        };
        // Handed over, but for what there was no time to hand over at all.
        account.borrow_mut().lose_the_rest();
        if is_done {
            let remark = carrier.close().await;
            account.borrow_mut().remark = remark;
        }
    }
}

/// The half that takes seconds in. It never waits for a receiver.
struct Collector<'a> {
    tally: Tally,
    encode: Box<dyn Encode>,
    period: Duration,
    queue: mpsc::Sender<Payload>,
    account: &'a RefCell<Account>,
}

impl Collector<'_> {
    async fn collect(
        mut self,
        mut seconds: mpsc::Receiver<Arc<Interval>>,
        end: oneshot::Receiver<Arc<Final>>,
        rest: Duration,
    ) {
        while let Some(interval) = seconds.recv().await {
            self.take(&interval);
        }
        // A run that could not be carried out has no end to tell.
        let Ok(run) = end.await else { return };
        self.tally.begin(run.lasted(), wall_clock());
        let encode = &mut self.encode;
        let payloads = self.tally.finish(&run, |report| encode.encode(report));
        self.account.borrow_mut().made += payloads.len() as u64;
        let hand_over = async {
            for payload in payloads {
                if self.queue.send(payload).await.is_err() {
                    return;
                }
            }
        };
        // What does not fit in that time is lost with all the rest.
        let _ = timeout(rest, hand_over).await;
    }

    fn take(&mut self, interval: &Interval) {
        let spans = self.encode.spans(interval);
        self.queue(spans);
        if self.encode.counts() == Counts::Nothing {
            return;
        }
        if self.tally.is_new() {
            self.tally.begin(interval.to, wall_clock());
            if self.encode.counts() == Counts::FromTheBeginning {
                // Series begin at 0, or a system cannot tell what their first value has grown by.
                self.report();
            }
        }
        self.tally.take(interval);
        // A second may be a little short: waiting for the next would make every other period too long.
        if self.tally.period() + Duration::from_millis(100) >= self.period {
            self.report();
        }
    }

    fn report(&mut self) {
        let encode = &mut self.encode;
        let payloads = self.tally.report(|report| encode.encode(report));
        self.queue(payloads);
    }

    fn queue(&self, payloads: Vec<Payload>) {
        for payload in payloads {
            let mut account = self.account.borrow_mut();
            account.made += 1;
            account.spans.made += payload.spans;
            if self.queue.try_send(payload).is_err() {
                account.lose("its receiver was too slow");
            }
        }
    }
}

/// Carries what comes until nothing more does.
async fn carry_all(
    carrier: &mut Carrier,
    mut waiting: mpsc::Receiver<Payload>,
    limit: Duration,
    account: &RefCell<Account>,
) {
    while let Some(payload) = waiting.recv().await {
        match carry(carrier, &payload, limit, account).await {
            Ok(taken) => {
                let mut account = account.borrow_mut();
                account.arrived += 1;
                account.spans.arrived += payload.spans;
                if taken.rejected > 0 {
                    account.reject(taken.rejected, &taken.why);
                }
            }
            Err(refusal) => account.borrow_mut().lose(&refusal.why),
        }
    }
}

/// Tries a payload as often as there is hope.
async fn carry(
    carrier: &mut Carrier,
    payload: &Payload,
    limit: Duration,
    account: &RefCell<Account>,
) -> Result<Taken, Refusal> {
    let mut tried = 0;
    loop {
        let outcome = timeout(limit, carrier.carry(payload)).await.unwrap_or_else(|_| {
            carrier.drop_connection();
            let limit = prony_core::units::show_duration(limit);
            Err(Refusal::passing(format!("no answer within {limit}")))
        });
        let refusal = match outcome {
            Ok(taken) => return Ok(taken),
            Err(refusal) => refusal,
        };
        tried += 1;
        account.borrow_mut().stumble(&refusal.why);
        if !refusal.passes || tried >= TRIES {
            return Err(refusal);
        }
        let pause = refusal.pause.unwrap_or(PAUSE * 2_u32.pow(tried - 1));
        sleep(pause.min(LONGEST_PAUSE)).await;
    }
}
