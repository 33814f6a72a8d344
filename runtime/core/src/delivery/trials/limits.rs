//! What is bounded, and that its limits are never silent.

use std::mem::size_of;

use super::*;
use crate::Random;
use crate::delivery::pair::{MOST_MISSING, Pair};

#[test]
fn a_thousand_streams_and_five_receivers_fit_in_a_quarter_of_a_megabyte() {
    assert!(size_of::<Pair>() <= 48, "{}", size_of::<Pair>());
    let ledger = Arc::new(Ledger::new(1, TOPICS, SETTLE, 5_000));
    let mut streams: Vec<Outgoing> =
        (0..1_000).map(|number| ledger.outgoing(&format!("a/{number}"), Guarantee::AtMostOnce)).collect();
    let mut receivers: Vec<Incoming> = (0..5).map(|_| Incoming::new(Arc::clone(&ledger))).collect();
    receivers.iter_mut().for_each(|incoming| incoming.subscribed("a/#", Guarantee::AtMostOnce));
    let now = Timestamp::from_nanos(1);
    for _ in 0..3 {
        for stream in &mut streams {
            let stamp = stream.stamp(now, now);
            for incoming in &mut receivers {
                assert_eq!(incoming.receive(&stamp, Guarantee::AtMostOnce, Mark::Plain), Receipt::First);
            }
        }
    }
    let mut more = Incoming::new(Arc::clone(&ledger));
    more.subscribed("a/#", Guarantee::AtMostOnce);
    let stamp = streams[0].stamp(now, now);
    assert_eq!(more.receive(&stamp, Guarantee::AtMostOnce, Mark::Plain), Receipt::Beyond);
    let close = now + SETTLE * 2;
    let balance = more.close(close);
    assert_eq!((balance.unaudited, balance.unaudited_pairs, balance.lost), (1, 1_000, 0));
    let mut sum = Balance::default();
    receivers.iter_mut().for_each(|incoming| sum.add(&incoming.close(close)));
    assert_eq!((sum.expected, sum.delivered, sum.lost), (15_005, 15_000, 5));
    // What closed has given back its room.
    let mut late = Incoming::new(Arc::clone(&ledger));
    late.subscribed("a/#", Guarantee::AtMostOnce);
    let stamp = streams[0].stamp(now, now);
    assert_eq!(late.receive(&stamp, Guarantee::AtMostOnce, Mark::Plain), Receipt::First);
}

#[test]
fn dropped_receivers_give_back_their_room_and_leave_their_groups() {
    let ledger = Arc::new(Ledger::new(1, TOPICS, SETTLE, 2));
    let mut stream = ledger.outgoing("a", Guarantee::AtMostOnce);
    for _ in 0..5 {
        let mut incoming = Incoming::new(Arc::clone(&ledger));
        incoming.joined("g", "#", Guarantee::AtMostOnce);
        incoming.subscribed("a", Guarantee::AtMostOnce);
        let stamp = stream.stamp(Timestamp::default(), Timestamp::default());
        for _ in 0..2 {
            assert_eq!(incoming.receive(&stamp, Guarantee::AtMostOnce, Mark::Plain), Receipt::First);
        }
    }
    assert!(ledger.groups().is_empty());
}

#[test]
fn more_gaps_than_are_remembered_lose_nothing_but_late_arrivals() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(MOST_MISSING * 20);
    let (even, odd): (Vec<Stamp>, Vec<Stamp>) = stamps.iter().partition(|stamp| stamp.sequence % 2 == 0);
    deliver(&mut incoming, &even);
    assert_eq!(deliver(&mut incoming, &odd[..1]), [Receipt::Beyond]);
    assert_eq!(deliver(&mut incoming, &odd[odd.len() - 2..]), [Receipt::Late, Receipt::First]);
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance));
    assert_eq!((balance.lost, balance.unaudited, balance.reordered), (odd.len() as u64 - 2, 1, 1));
}

#[test]
fn many_subscriptions_during_a_stream_owe_no_more_than_they_should() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut receivers = Vec::new();
    for _ in 0..600 {
        receivers.push(world.receiver("a/b", Guarantee::AtLeastOnce));
        world.send();
    }
    let close = world.end_settled();
    let mut sum = Balance::default();
    receivers.iter_mut().for_each(|incoming| sum.add(&incoming.close(close)));
    let owed = 600 * 601 / 2;
    assert!(sum.lost <= owed && sum.lost > owed * 99 / 100, "{} of {owed}", sum.lost);
    assert!(sum.approximated > 0 && sum.approximated <= 600 - 256);
}

#[test]
fn stamps_made_up_by_a_peer_never_panic_and_accuse_nobody() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut plain = world.receiver("a/b", Guarantee::AtLeastOnce);
    let mut shared = Incoming::new(Arc::clone(&world.ledger));
    shared.joined("g", "a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(100);
    let mut random = Random::new(3, 0, 0);
    for (number, stamp) in stamps.iter().enumerate() {
        for incoming in [&mut plain, &mut shared] {
            let sequence = u32::MAX - random.below(2) as u32 * random.bits() as u32 / 2;
            let forged = Stamp { sequence: sequence.max(100), ..*stamp };
            assert_eq!(
                incoming.receive(&forged, Guarantee::AtLeastOnce, Mark::Plain),
                Receipt::Foreign,
                "{number}"
            );
            incoming.receive(stamp, Guarantee::AtLeastOnce, Mark::Plain);
        }
    }
    let now = world.end_settled();
    for balance in [plain.close(now), shared.close(now)] {
        assert_eq!((balance.delivered, balance.lost, balance.foreign), (100, 0, 100));
    }
}

#[test]
fn streams_without_room_are_unaudited() {
    let ledger = Arc::new(Ledger::new(1, TOPICS, SETTLE, 1));
    let mut streams = [(); 2].map(|()| ledger.outgoing("a", Guarantee::AtLeastOnce));
    let mut incoming = Incoming::new(Arc::clone(&ledger));
    incoming.subscribed("a", Guarantee::AtLeastOnce);
    let now = Timestamp::from_nanos(1);
    let stamps = streams.each_mut().map(|stream| stream.stamp(now, now));
    assert_eq!(deliver(&mut incoming, &stamps), [Receipt::First, Receipt::Beyond]);
    let balance = incoming.close(now + SETTLE * 2);
    assert_eq!((balance.expected, balance.unaudited, balance.lost), (1, 1, 0));
    let sendings = ledger.sendings();
    assert_eq!((sendings.sent, sendings.unaudited), (2, 1));
}

#[test]
fn all_parts_may_move_between_threads() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    moves::<Outgoing>();
    moves::<Incoming>();
    moves::<Publishing>();
    is_shared::<Ledger>();
}
