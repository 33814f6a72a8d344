//! Shared groups, on one thread and on many.

use std::thread;

use super::*;
use crate::Random;
use crate::delivery::{Absence, Resumption};

fn member(world: &World, guarantee: Guarantee) -> Incoming {
    let mut incoming = Incoming::new(Arc::clone(&world.ledger));
    incoming.joined("g", "a/#", guarantee);
    incoming
}

#[test]
fn a_group_is_owed_each_message_once_and_its_last_member_reckons() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    world.send_many(5);
    let mut members = [(); 3].map(|()| member(&world, Guarantee::AtLeastOnce));
    let stamps = world.send_many(30_000);
    for (number, stamp) in stamps.iter().enumerate().filter(|(number, _)| number % 1_000 != 999) {
        deliver(&mut members[number % 3], &[*stamp]);
    }
    deliver(&mut members[1], &stamps[29_998..29_999]);
    let now = world.end_settled();
    let mut sum = Balance::default();
    let mut shares = Vec::new();
    for incoming in &mut members {
        assert!(shares.is_empty());
        sum.add(&incoming.close(now));
        shares.extend(incoming.take_shares());
    }
    assert!(adds_up(&sum), "{sum:?}");
    assert_eq!((sum.expected, sum.delivered, sum.lost), (30_000, 29_970, 30));
    assert_eq!((sum.duplicated, sum.duplicated_against_rules, sum.lost_against_rules), (1, 0, 30));
    assert_eq!(shares.len(), 1);
    assert_eq!(shares[0].members.iter().sum::<u64>(), 29_970);
    assert!(shares[0].fairness() > 0.999);
}

#[test]
fn members_on_threads_agree_on_every_message() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let mut members = [(); 2].map(|()| member(&world, Guarantee::ExactlyOnce));
    let stamps = world.send_many(50_000);
    // Each is delivered to one of the two by chance; each 500th to both, each 700th to none.
    let mut random = Random::new(11, 0, 0);
    let mut parts = [Vec::new(), Vec::new()];
    let (mut lost, mut doubled) = (0, 0);
    for (number, stamp) in (1..).zip(&stamps) {
        if number % 700 == 0 {
            lost += 1;
        } else if number % 500 == 0 {
            doubled += 1;
            parts.iter_mut().for_each(|part| part.push(*stamp));
        } else {
            parts[random.below(2) as usize].push(*stamp);
        }
    }
    let now = world.end_settled();
    let mut sum = Balance::default();
    // In steps, as a broker would: threads run apart by some hundreds of messages, not by the whole run.
    for step in 0..100 {
        thread::scope(|scope| {
            for (incoming, part) in members.iter_mut().zip(&parts) {
                let (from, to) = (part.len() * step / 100, part.len() * (step + 1) / 100);
                scope.spawn(move || deliver(incoming, &part[from..to]));
            }
        });
    }
    members.iter_mut().for_each(|incoming| sum.add(&incoming.close(now)));
    assert!(adds_up(&sum), "{sum:?}");
    assert_eq!((sum.expected, sum.lost, sum.unaudited), (50_000, lost, 0));
    assert_eq!((sum.duplicated, sum.duplicated_against_rules, sum.reordered), (doubled, doubled, 0));
}

#[test]
fn nothing_is_owed_to_a_group_while_nobody_is_there() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = member(&world, Guarantee::AtLeastOnce);
    let stamps = world.send_many(13);
    deliver(&mut incoming, &stamps[..10]);
    incoming.disconnected(Absence::SessionEnded);
    world.send_many(4);
    incoming.reconnected(Resumption::SessionNew);
    incoming.joined("g", "a/#", Guarantee::AtLeastOnce);
    let stamps = world.send_many(10);
    deliver(&mut incoming, &stamps[..8]);
    assert_eq!(incoming.outstanding(world.now()), 9);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.lost, balance.missed_away), (20, 2, 7));
}

#[test]
fn a_kept_session_is_owed_what_was_sent_while_the_group_was_away() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = member(&world, Guarantee::AtLeastOnce);
    incoming.disconnected(Absence::SessionKept);
    let stamps = world.send_many(7);
    incoming.reconnected(Resumption::SessionPresent);
    deliver(&mut incoming, &stamps[..3]);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.lost, balance.missed_away), (7, 4, 0));
}

#[test]
fn a_receiver_with_a_plain_filter_and_a_group_accounts_for_both() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let mut incoming = world.receiver("a/b", Guarantee::ExactlyOnce);
    incoming.joined("g", "a/#", Guarantee::ExactlyOnce);
    let stamps = world.send_many(10);
    for stamp in &stamps {
        deliver(&mut incoming, &[*stamp, *stamp]);
    }
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.delivered, balance.lost, balance.duplicated), (20, 20, 0, 0));
}

#[test]
fn a_group_that_lost_all_its_members_begins_again() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    for _ in 0..2 {
        let mut incoming = member(&world, Guarantee::AtLeastOnce);
        let stamps = world.send_many(4);
        deliver(&mut incoming, &stamps[..3]);
        incoming.left("g", "a/#");
        world.send_many(4);
        let balance = incoming.close(world.now());
        assert_eq!((balance.expected, balance.delivered, balance.lost), (3, 3, 0));
        assert_eq!(incoming.take_shares().len(), 1);
    }
}

#[test]
fn members_wait_for_what_any_of_them_may_get() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut members = [(); 2].map(|()| member(&world, Guarantee::AtLeastOnce));
    let stamps = world.send_many(4);
    world.end();
    deliver(&mut members[0], &stamps[..1]);
    assert_eq!(members[1].outstanding(world.now()), 3);
    deliver(&mut members[0], &stamps[1..]);
    world.pass(Duration::from_millis(50));
    assert_eq!(members[1].outstanding(world.now()), 0);
}

#[test]
fn members_that_come_and_go_by_chance_never_make_an_honest_broker_guilty() {
    for seed in 0..200 {
        let mut random = Random::new(seed, 5, 5);
        let mut world = World::new(Guarantee::AtLeastOnce);
        let mut members = [(); 3].map(|()| Incoming::new(Arc::clone(&world.ledger)));
        let mut is_there = [false; 3];
        let mut queue = Vec::new();
        let mut sum = Balance::default();
        for _ in 0..2_000 {
            let at = random.below(3) as usize;
            match random.below(20) {
                0..=8 => {
                    let stamp = world.send();
                    if is_there.contains(&true) {
                        queue.push(stamp);
                    }
                }
                // Any of the oldest: members are served side by side.
                9..=18 if is_there[at] && !queue.is_empty() => {
                    let stamp = queue.remove(random.below(queue.len().min(5) as u64) as usize);
                    let receipt = deliver(&mut members[at], &[stamp]);
                    assert!(receipt == [Receipt::First] || receipt == [Receipt::Late], "seed {seed}");
                }
                19 if !is_there[at] => {
                    members[at].joined("g", "a/#", Guarantee::AtLeastOnce);
                    is_there[at] = true;
                }
                19 if queue.is_empty() || is_there.iter().filter(|there| **there).count() > 1 => {
                    is_there[at] = false;
                    match random.below(2) {
                        0 => members[at].left("g", "a/#"),
                        _ => {
                            members[at].disconnected(Absence::SessionEnded);
                            members[at].reconnected(Resumption::SessionNew);
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(at) = is_there.iter().position(|there| *there) {
            deliver(&mut members[at], &queue);
        }
        let now = world.end_settled();
        members.iter_mut().for_each(|incoming| sum.add(&incoming.close(now)));
        assert!(adds_up(&sum), "seed {seed}: {sum:?}");
        assert_eq!((sum.lost, sum.undelivered, sum.duplicated, sum.foreign), (0, 0, 0, 0), "seed {seed}");
        assert!(sum.delivered > 100 && world.ledger.groups().is_empty(), "seed {seed}");
    }
}
