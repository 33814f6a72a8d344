//! Open load: a start is given to an idle user when it is due; when there is none, it is dropped and counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use prony_core::Timestamp;
use send_wrapper::SendWrapper;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::executor::{Crew, Next};
use crate::load::{OpenLoad, Starts};
use crate::pacer::{Alarm, Schedule, Stripe};
use crate::worker::Message;

/// So many starts may be handed out before the users get their turn.
const BATCH: u32 = 64;

/// Where a user waits for its next start.
#[derive(Default)]
struct Chair {
    start: Option<Timestamp>,
    dismissed: bool,
    waker: Option<Waker>,
}

type SharedChair = SendWrapper<Rc<RefCell<Chair>>>;

/// The users of the scenario on this worker.
#[derive(Default)]
struct Pool {
    /// Who is free. The last to become so is the first to get a start: few users stay warm instead of all lukewarm.
    idle: Vec<SharedChair>,
    /// Everybody, to find the starts of those who were cut off before they began.
    chairs: Vec<SharedChair>,
    /// How many have a start and have not begun it.
    hesitant: usize,
    over: bool,
}

type SharedPool = SendWrapper<Rc<RefCell<Pool>>>;

pub(super) async fn run(crew: &Arc<Crew>, load: &OpenLoad) {
    let Seated { mut schedule, mut alarm } = match sit_down(crew, load) {
        Ok(seated) => seated,
        Err(problem) => {
            let _ = crew.messages.send(Message::Fatal(problem));
            return;
        }
    };
    let pool: SharedPool = SendWrapper::new(Rc::new(RefCell::new(Pool::default())));
    let over = Arc::new(Notify::new());
    let mut users = JoinSet::new();
    let mut numbers = crew.users(load.max_users).peekable();
    let mut orders = crew.listen();
    let mut batch = 0;
    let mut turns = 0;
    let until = crew.bell.hours.planned_end();
    loop {
        if crew.stopped() || pool.borrow().over {
            break;
        }
        if turns != crew.bell.hours.turns() {
            turns = crew.bell.hours.turns();
            schedule.follow(&crew.bell.hours.course());
        }
        let Some(due) = schedule.due() else {
            // The load ends when its plan says, not with its last start: a slow rate has its full time. Until then somebody may
            // go on with what is paused, or ask for more.
            let held = matches!(load.starts, Starts::Replay(_)) && schedule.holds_a_start();
            let end = async {
                if held {
                    std::future::pending::<()>().await;
                } else {
                    crew.until_plan(crew.bell.hours.length()).await;
                }
            };
            tokio::select! {
                () = end => break,
                Ok(()) = orders.changed() => continue,
                () = over.notified() => continue,
            }
        };
        let due = crew.bell.hours.begin() + due;
        if crew.seat.clock.now() < due {
            batch = 0;
            tokio::select! {
                biased;
                () = alarm.until(due) => {}
                Ok(()) = orders.changed() => continue,
                () = over.notified() => continue,
            }
        } else {
            batch += 1;
            if batch % BATCH == 0 {
                tokio::task::yield_now().await;
            }
        }
        // When this worker is late, starts come in a burst: whoever has one must have begun (and may have ended) before
        // the next is dropped for want of a free user.
        while numbers.peek().is_none() && pool.borrow().is_hesitant() && !crew.stopped() {
            tokio::task::yield_now().await;
        }
        // A change is known before it takes effect, so whoever looks now makes no start that it speaks against.
        if crew.stopped() || pool.borrow().over || turns != crew.bell.hours.turns() {
            continue;
        }
        schedule.take();
        let chair = pool.borrow_mut().idle.pop();
        match (chair, numbers.peek().copied()) {
            (Some(chair), _) => chair.borrow_mut().give(due),
            (None, Some(number)) => {
                numbers.next();
                let chair: SharedChair = SendWrapper::new(Rc::default());
                chair.borrow_mut().give(due);
                pool.borrow_mut().chairs.push(chair.clone());
                crew.spawn(
                    &mut users,
                    serve(Arc::clone(crew), number, until, chair, pool.clone(), Arc::clone(&over)),
                );
            }
            (None, None) => {
                crew.recorder.borrow_mut().dropped(crew.seat.scenario, due);
                continue;
            }
        }
        pool.borrow_mut().hesitant += 1;
    }
    pool.borrow_mut().over = true;
    crew.bell.ring();
    let idle = std::mem::take(&mut pool.borrow_mut().idle);
    idle.iter().for_each(|chair| chair.borrow_mut().dismiss());
    crew.wind_down(users).await;
    let chairs = std::mem::take(&mut pool.borrow_mut().chairs);
    chairs.iter().filter_map(|chair| chair.borrow_mut().start.take()).for_each(|due| crew.never_begun(due));
}

impl Pool {
    /// Whether nobody is free, but somebody may soon be: there are starts that have not begun.
    fn is_hesitant(&self) -> bool {
        self.idle.is_empty() && self.hesitant > 0 && !self.over
    }
}

struct Seated {
    schedule: Schedule,
    alarm: Alarm,
}

fn sit_down(crew: &Crew, load: &OpenLoad) -> Result<Seated, String> {
    let stripe = Stripe { slots: load.max_users, worker: crew.seat.worker, workers: crew.seat.workers };
    let schedule = Schedule::new(load, (crew.seed, crew.seat.scenario.0), stripe, crew.bell.hours.after())
        .map_err(|error| error.to_string())?;
    let alarm = Alarm::new(crew.seat.clock, crew.pacing)
        .map_err(|error| format!("a kernel timer cannot be had: {error}"))?;
    Ok(Seated { schedule, alarm })
}

/// A user's life: it sits, gets a start, performs it, and sits again.
async fn serve(
    crew: Arc<Crew>,
    number: u32,
    until: Timestamp,
    chair: SharedChair,
    pool: SharedPool,
    over: Arc<Notify>,
) {
    let mut journey = crew.user(number);
    let mut iteration = 0;
    loop {
        let Some(due) = next_start(&chair).await else {
            journey.leave().await;
            return;
        };
        pool.borrow_mut().hesitant -= 1;
        let wanted = crew.wanted(number, until);
        let next = crew.iterate(&mut *journey, due, (number, iteration), wanted).await;
        iteration += 1;
        if is_done(&pool, &chair, next, &over) {
            journey.leave().await;
            return;
        }
    }
}

/// Sits down again, unless the load is over, or this iteration has ended it.
fn is_done(pool: &SharedPool, chair: &SharedChair, next: Next, over: &Notify) -> bool {
    let mut pool = pool.borrow_mut();
    if next == Next::Over {
        pool.over = true;
        over.notify_one();
    }
    if !pool.over {
        pool.idle.push(chair.clone());
    }
    pool.over
}

async fn next_start(chair: &SharedChair) -> Option<Timestamp> {
    std::future::poll_fn(|context| {
        let mut chair = chair.borrow_mut();
        match chair.start.take() {
            Some(due) => Poll::Ready(Some(due)),
            None if chair.dismissed => Poll::Ready(None),
            None => {
                match &mut chair.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    })
    .await
}

impl Chair {
    fn give(&mut self, due: Timestamp) {
        self.start = Some(due);
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn dismiss(&mut self) {
        self.dismissed = true;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
