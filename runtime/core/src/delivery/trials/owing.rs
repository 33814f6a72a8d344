//! What is owed, lost, doubled and out of order on a connection that holds.

use super::*;

/// Sends 10 to one receiver, delivers those numbered `order`, ends.
fn play(guarantee: Guarantee, order: &[usize]) -> Balance {
    let mut world = World::new(guarantee);
    let mut incoming = world.receiver("a/b", guarantee);
    let stamps = world.send_many(10);
    for at in order {
        deliver(&mut incoming, &stamps[*at..=*at]);
    }
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance), "{balance:?}");
    balance
}

#[test]
fn orders_of_arrival_give_their_figures() {
    // (what came, delivered, lost, duplicated, reordered)
    let cases: &[(&[usize], [u64; 4])] = &[
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 0, 0, 0]),
        (&[0, 1, 3, 2, 4, 5, 6, 7, 8, 9], [10, 0, 0, 1]),
        (&[0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9], [10, 0, 1, 0]),
        (&[0, 1, 3, 4, 5, 6, 7, 8, 9], [9, 1, 0, 0]),
        (&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [10, 0, 0, 9]),
        (&[0, 9, 5, 5, 9, 0], [3, 7, 3, 1]),
        (&[3], [1, 9, 0, 0]),
        (&[], [0, 10, 0, 0]),
    ];
    for (order, expected) in cases {
        let balance = play(Guarantee::ExactlyOnce, order);
        let found = [balance.delivered, balance.lost, balance.duplicated, balance.reordered];
        assert_eq!(found, *expected, "{order:?}");
        assert_eq!(balance.expected, 10, "{order:?}");
        assert_eq!(balance.duplicated_against_rules, balance.duplicated, "{order:?}");
        assert_eq!(balance.lost_against_rules, balance.lost, "{order:?}");
    }
}

#[test]
fn receipts_say_what_a_message_was() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(4);
    assert_eq!(
        deliver(&mut incoming, &[stamps[0], stamps[2], stamps[1], stamps[2]]),
        [Receipt::First, Receipt::First, Receipt::Late, Receipt::Repeated]
    );
    let foreign = Stamp { run: 8, ..stamps[3] };
    let forged = Stamp { sequence: 4, ..stamps[3] };
    let unknown = Stamp { stream: super::super::StreamId(5), ..stamps[3] };
    assert_eq!(deliver(&mut incoming, &[foreign, forged, unknown]), [Receipt::Foreign; 3]);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.foreign, balance.delivered, balance.lost), (3, 3, 1));
    assert_eq!(incoming.close(world.now()), Balance::default());
}

#[test]
fn rules_of_loss_and_repeats_are_those_of_the_lesser_guarantee() {
    use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    for (published, asked, loss_forbidden, repeat_forbidden) in [
        (AtMostOnce, ExactlyOnce, 0, 1),
        (AtLeastOnce, ExactlyOnce, 1, 0),
        (ExactlyOnce, ExactlyOnce, 1, 1),
        (ExactlyOnce, AtLeastOnce, 1, 0),
        (ExactlyOnce, AtMostOnce, 0, 1),
    ] {
        let mut world = World::new(published);
        let mut incoming = world.receiver("a/#", asked);
        let stamps = world.send_many(3);
        deliver(&mut incoming, &[stamps[0], stamps[0], stamps[2]]);
        let balance = incoming.close(world.end_settled());
        assert_eq!((balance.lost, balance.duplicated), (1, 1));
        let found = (balance.lost_against_rules, balance.duplicated_against_rules);
        assert_eq!(found, (loss_forbidden, repeat_forbidden), "{published:?} {asked:?}");
    }
}

#[test]
fn a_subscription_owes_nothing_that_was_sent_before_it() {
    // How many came of those sent before, and whether anything was sent after.
    for (early, after) in [(0, 5), (2, 5), (3, 0), (0, 0), (1, 1)] {
        let mut world = World::new(Guarantee::AtLeastOnce);
        let before = world.send_many(10);
        let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
        deliver(&mut incoming, &before[10 - early..]);
        let later = world.send_many(after);
        deliver(&mut incoming, &later[..after.min(1)]);
        let balance = incoming.close(world.end_settled());
        assert!(adds_up(&balance));
        assert_eq!(balance.expected, after as u64);
        assert_eq!(balance.unowed, early as u64);
        assert_eq!(balance.lost, after.saturating_sub(1) as u64);
        assert_eq!(balance.reordered, 0);
    }
}

#[test]
fn old_messages_in_any_order_are_judged_among_themselves() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let before = world.send_many(10);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let late = deliver(&mut incoming, &[before[5], before[3], before[3], before[4], before[9], before[6]]);
    use Receipt::{First, Late, Repeated};
    assert_eq!(late, [First, Late, Repeated, Late, First, Late]);
    let after = world.send_many(2);
    deliver(&mut incoming, &after);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.unowed, balance.lost, balance.duplicated), (2, 5, 0, 1));
}

#[test]
fn a_stream_that_began_before_or_after_its_receiver_is_owed_alike() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/#", Guarantee::AtLeastOnce);
    let mut second = world.ledger.outgoing("a/c", Guarantee::AtLeastOnce);
    let mut third = world.ledger.outgoing("b/c", Guarantee::AtLeastOnce);
    world.send_many(3);
    for _ in 0..4 {
        second.next(world.now());
        third.next(world.now());
    }
    assert_eq!(incoming.outstanding(world.now()), 7);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.lost), (7, 7));
}

#[test]
fn the_tail_is_lost_when_older_than_settle_and_undelivered_when_younger() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(3);
    deliver(&mut incoming, &stamps[..1]);
    world.pass(SETTLE * 2);
    world.send_many(5);
    world.end();
    world.pass(SETTLE / 2);
    assert_eq!(incoming.outstanding(world.now()), 5);
    let balance = incoming.close(world.now());
    assert_eq!((balance.expected, balance.lost, balance.undelivered), (8, 2, 5));
}

#[test]
fn a_receiver_that_closes_early_is_not_owed_what_is_under_way() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(9);
    deliver(&mut incoming, &[stamps[0], stamps[2]]);
    let balance = incoming.close(world.now());
    assert_eq!((balance.expected, balance.delivered, balance.lost, balance.undelivered), (3, 2, 1, 0));
}

#[test]
fn an_ended_subscription_is_owed_up_to_the_highest_that_came() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(9);
    deliver(&mut incoming, &[stamps[0], stamps[2]]);
    incoming.unsubscribed("a/b");
    let more = world.send_many(5);
    deliver(&mut incoming, &stamps[5..6]);
    incoming.subscribed("a/b", Guarantee::AtLeastOnce);
    let again = world.send_many(3);
    deliver(&mut incoming, &[more[4], again[0], again[2]]);
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance));
    assert_eq!((balance.expected, balance.delivered, balance.unowed, balance.lost), (6, 6, 2, 2));
    assert_eq!(balance.missed_away, 0);
}

#[test]
fn messages_given_up_or_refused_are_not_lost() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(10);
    for sequence in [2, 3, 9] {
        world.out.unconfirmed(sequence);
    }
    world.out.refused(5);
    deliver(&mut incoming, &[stamps[0], stamps[3], stamps[7]]);
    assert_eq!(incoming.outstanding(world.now()), 4);
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance));
    assert_eq!((balance.expected, balance.delivered, balance.lost), (7, 3, 4));
    assert_eq!(balance.unconfirmed_missing, 3);
    let sendings = world.ledger.sendings();
    assert_eq!((sendings.sent, sendings.unconfirmed, sendings.refused), (10, 3, 1));
}

#[test]
fn losses_right_before_the_publishers_connection_broke_are_in_its_gap() {
    let mut world = World::new(Guarantee::AtMostOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtMostOnce);
    let before = world.send_many(10);
    world.out.broken();
    let after = world.send_many(5);
    // 2 and 3 are lost before, 8 and 9 right before the break, 10 right after it.
    for came in [&before[..2], &before[4..8], &after[1..]] {
        deliver(&mut incoming, came);
    }
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.lost, balance.lost_in_gap, balance.lost_against_rules), (5, 2, 0));
}

#[test]
fn overlapping_filters_allow_a_copy_each() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let mut incoming = world.receiver("a/#", Guarantee::ExactlyOnce);
    incoming.subscribed("a/b", Guarantee::AtMostOnce);
    let stamps = world.send_many(10);
    for stamp in &stamps {
        deliver(&mut incoming, &[*stamp, *stamp]);
    }
    deliver(&mut incoming, &stamps[4..5]);
    incoming.unsubscribed("a/#");
    let last = world.send_many(1);
    deliver(&mut incoming, &[last[0], last[0]]);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.delivered, balance.duplicated, balance.lost), (11, 2, 0));
}

#[test]
fn a_delivery_under_less_than_was_promised_is_downgraded() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(2);
    incoming.receive(&stamps[0], Guarantee::AtLeastOnce, Mark::Plain);
    incoming.receive(&stamps[1], Guarantee::AtMostOnce, Mark::Plain);
    incoming.receive(&stamps[1], Guarantee::AtLeastOnce, Mark::Repeated);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.downgraded, balance.marked_repeated), (1, 1));
}

#[test]
fn outstanding_falls_to_nothing_when_all_came_or_time_has_passed() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(10);
    deliver(&mut incoming, &stamps[..6]);
    deliver(&mut incoming, &stamps[7..8]);
    assert_eq!(incoming.outstanding(world.now()), 3);
    world.end();
    assert_eq!(incoming.outstanding(world.now()), 3);
    deliver(&mut incoming, &stamps[6..7]);
    assert_eq!(incoming.outstanding(world.now()), 2);
    world.pass(SETTLE * 2);
    assert_eq!(incoming.outstanding(world.now()), 0);
    // A publisher that begins once more is waited for again.
    let publishing = world.ledger.publishing();
    world.send();
    drop(publishing);
    assert_eq!(incoming.outstanding(world.now()), 1);
}

#[test]
fn retained_messages_are_neither_doubled_nor_out_of_order() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let old = world.send_many(3);
    let mut incoming = world.receiver("a/b", Guarantee::ExactlyOnce);
    let stamps = world.send_many(3);
    deliver(&mut incoming, &stamps[..2]);
    for stamp in [old[2], stamps[1]] {
        incoming.receive(&stamp, Guarantee::ExactlyOnce, Mark::Retained);
    }
    deliver(&mut incoming, &stamps[2..]);
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance));
    assert_eq!((balance.expected, balance.delivered, balance.unowed, balance.retained), (3, 4, 1, 2));
    assert_eq!((balance.duplicated, balance.reordered, balance.lost), (0, 0, 0));
}
