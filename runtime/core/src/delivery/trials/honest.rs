//! A broker that keeps its promises is never accused, whatever its clients do.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::*;
use crate::Random;
use crate::delivery::{Absence, Resumption};

/// What one receiver's session at the broker is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Connected,
    Kept,
    Ended,
}

#[test]
fn clients_that_come_and_go_by_chance_never_make_an_honest_broker_guilty() {
    for seed in 0..400 {
        let mut random = Random::new(seed, 4, 4);
        let guarantee = if seed % 2 == 0 { Guarantee::ExactlyOnce } else { Guarantee::AtMostOnce };
        let mut world = World::new(guarantee);
        let mut second = world.ledger.outgoing("a/c", guarantee);
        let mut incoming = Incoming::new(Arc::clone(&world.ledger));
        let (mut state, mut is_subscribed) = (State::Connected, false);
        let mut queue = VecDeque::new();
        let mut came = 0_u64;
        for _ in 0..600 {
            match (random.below(20), state) {
                (0..=8, _) => {
                    let stamp = match random.below(3) {
                        0 => second.stamp(world.now(), world.now()),
                        _ => world.send(),
                    };
                    let is_kept =
                        state == State::Connected || state == State::Kept && guarantee.forbids_loss();
                    if is_subscribed && is_kept {
                        queue.push_back(stamp);
                    } else if stamp.stream == world.out.stream() && random.below(9) == 0 {
                        world.out.unconfirmed(stamp.sequence);
                    }
                }
                (9..=15, State::Connected) => {
                    if let Some(stamp) = queue.pop_front() {
                        assert_eq!(deliver(&mut incoming, &[stamp]), [Receipt::First], "seed {seed}");
                        came += 1;
                    }
                }
                (16, State::Connected) => {
                    incoming.subscribed("a/#", guarantee);
                    is_subscribed = true;
                }
                (17, State::Connected) if random.below(4) == 0 => {
                    incoming.unsubscribed("a/#");
                    is_subscribed = false;
                }
                (18, State::Connected) => {
                    state = State::Kept;
                    incoming.disconnected(Absence::SessionKept);
                    if !guarantee.forbids_loss() {
                        queue.clear();
                    }
                }
                (19, State::Connected) => {
                    state = State::Ended;
                    incoming.disconnected(Absence::SessionEnded);
                    queue.clear();
                    is_subscribed = false;
                }
                (16..=19, State::Kept | State::Ended) => {
                    let present = state == State::Kept;
                    let resumption =
                        if present { Resumption::SessionPresent } else { Resumption::SessionNew };
                    incoming.reconnected(resumption);
                    state = State::Connected;
                }
                _ => {}
            }
            let outstanding = incoming.outstanding(world.now());
            if state == State::Connected && is_subscribed {
                assert!(outstanding <= queue.len() as u64 || !guarantee.forbids_loss(), "seed {seed}");
            }
        }
        if state == State::Connected {
            came += queue.len() as u64;
            deliver(&mut incoming, queue.make_contiguous());
        }
        let balance = incoming.close(world.end_settled());
        assert!(adds_up(&balance), "seed {seed}: {balance:?}");
        assert_eq!(balance.delivered, came, "seed {seed}");
        assert_eq!((balance.lost_against_rules, balance.duplicated, balance.reordered), (0, 0, 0));
        assert_eq!((balance.lost - balance.lost_in_gap, balance.undelivered), (0, 0), "seed {seed}");
        assert_eq!((balance.unaudited, balance.foreign), (0, 0), "seed {seed}");
        if guarantee.forbids_loss() {
            assert_eq!(balance.lost, 0, "seed {seed}");
        }
    }
}

#[test]
fn subscribing_while_others_send_owes_exactly_what_the_broker_owes() {
    for _ in 0..30 {
        let ledger = Arc::new(Ledger::new(1, TOPICS, SETTLE, 1_000));
        let queues = Mutex::new(Vec::<mpsc::Sender<Stamp>>::new());
        let publishing: Vec<Publishing> = (0..2).map(|_| ledger.publishing()).collect();
        let mut sum = Balance::default();
        thread::scope(|scope| {
            for (number, publishing) in publishing.into_iter().enumerate() {
                let mut out = ledger.outgoing(&format!("a/{number}"), Guarantee::ExactlyOnce);
                let queues = &queues;
                scope.spawn(move || {
                    for nanos in 0..5_000 {
                        let now = Timestamp::from_nanos(nanos);
                        let stamp = out.stamp(now, now);
                        let queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
                        queues.iter().for_each(|queue| queue.send(stamp).unwrap());
                    }
                    drop(publishing);
                });
            }
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let (ledger, queues) = (&ledger, &queues);
                    scope.spawn(move || {
                        let (sender, receiver) = mpsc::channel();
                        queues.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
                        let mut incoming = Incoming::new(Arc::clone(ledger));
                        incoming.subscribed("a/#", Guarantee::ExactlyOnce);
                        loop {
                            let is_over = ledger.publishers_active() == 0;
                            for stamp in receiver.try_iter() {
                                assert_eq!(deliver(&mut incoming, &[stamp]), [Receipt::First]);
                            }
                            if is_over && incoming.outstanding(Timestamp::from_nanos(5_000)) == 0 {
                                return incoming.close(Timestamp::from_nanos(5_000) + SETTLE * 2);
                            }
                        }
                    })
                })
                .collect();
            receivers.into_iter().for_each(|receiver| sum.add(&receiver.join().unwrap()));
        });
        assert!(adds_up(&sum), "{sum:?}");
        assert_eq!((sum.lost, sum.undelivered, sum.duplicated, sum.reordered, sum.foreign), (0, 0, 0, 0, 0));
    }
}
