//! What is owed across a receiver's lost connection.

use super::*;
use crate::delivery::{Absence, Resumption};

/// What came of ten messages each: before the break, under way at it, in the absence, after the return.
struct Case {
    guarantee: Guarantee,
    absence: Absence,
    resumption: Resumption,
    /// Whether the broker delivers what it kept.
    redelivers: bool,
    /// Expected, lost, lost in the gap, missed away.
    figures: [u64; 4],
}

#[test]
fn sessions_decide_what_is_owed_for_an_absence() {
    use Absence::{SessionEnded, SessionKept};
    use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    use Resumption::{SessionNew, SessionPresent};
    let case = |guarantee, absence, resumption, redelivers, figures| Case {
        guarantee,
        absence,
        resumption,
        redelivers,
        figures,
    };
    for Case { guarantee, absence, resumption, redelivers, figures } in [
        case(AtLeastOnce, SessionKept, SessionPresent, true, [40, 0, 0, 0]),
        case(AtLeastOnce, SessionKept, SessionPresent, false, [40, 20, 20, 0]),
        case(ExactlyOnce, SessionKept, SessionPresent, false, [40, 20, 20, 0]),
        case(ExactlyOnce, SessionKept, SessionNew, false, [40, 20, 20, 0]),
        // Under way at the break was owed and went with it; what was sent in the absence was not owed.
        case(AtMostOnce, SessionKept, SessionPresent, false, [30, 10, 10, 10]),
        case(AtMostOnce, SessionKept, SessionNew, false, [30, 10, 10, 10]),
        case(AtLeastOnce, SessionEnded, SessionNew, false, [20, 0, 0, 20]),
        case(AtMostOnce, SessionEnded, SessionNew, false, [20, 0, 0, 20]),
    ] {
        let mut world = World::new(guarantee);
        let mut incoming = world.receiver("a/b", guarantee);
        let stamps = world.send_many(10);
        deliver(&mut incoming, &stamps);
        let mut kept = world.send_many(10);
        incoming.disconnected(absence);
        kept.extend(world.send_many(10));
        incoming.reconnected(resumption);
        if resumption == SessionNew {
            incoming.subscribed("a/b", guarantee);
        }
        let after = world.send_many(10);
        if redelivers {
            assert!(deliver(&mut incoming, &kept).iter().all(|receipt| *receipt == Receipt::First));
        }
        deliver(&mut incoming, &after);
        let balance = incoming.close(world.end_settled());
        let name = format!("{guarantee:?} {absence:?} {resumption:?}");
        assert!(adds_up(&balance), "{name}: {balance:?}");
        let found = [balance.expected, balance.lost, balance.lost_in_gap, balance.missed_away];
        assert_eq!(found, figures, "{name}");
        assert_eq!((balance.duplicated, balance.reordered), (0, 0), "{name}");
    }
}

#[test]
fn what_a_broker_keeps_for_a_receiver_that_never_returns_is_not_lost() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    let stamps = world.send_many(10);
    deliver(&mut incoming, &[stamps[0], stamps[4]]);
    incoming.disconnected(Absence::SessionKept);
    world.send_many(10);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.lost, balance.undelivered), (5, 3, 0));
}

#[test]
fn a_stream_that_begins_in_the_absence_is_owed_by_a_kept_session() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/#", Guarantee::AtLeastOnce);
    incoming.disconnected(Absence::SessionKept);
    world.send_many(5);
    incoming.reconnected(Resumption::SessionPresent);
    let after = world.send_many(1);
    deliver(&mut incoming, &after);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.lost, balance.lost_in_gap), (6, 5, 5));
}

#[test]
fn many_absences_are_kept_apart() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    for _ in 0..200 {
        let stamps = world.send_many(3);
        deliver(&mut incoming, &stamps);
        incoming.disconnected(Absence::SessionEnded);
        world.send_many(2);
        incoming.reconnected(Resumption::SessionNew);
        incoming.subscribed("a/b", Guarantee::AtLeastOnce);
    }
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.delivered, balance.lost), (600, 600, 0));
    // The last absence is followed by nothing that would tell it from the end.
    assert_eq!(balance.missed_away, 398);
}

#[test]
fn a_connection_lost_before_anything_was_owed_excuses_only_what_followed() {
    let mut world = World::new(Guarantee::AtLeastOnce);
    world.send_many(10);
    let mut incoming = world.receiver("a/b", Guarantee::AtLeastOnce);
    incoming.disconnected(Absence::SessionEnded);
    world.send_many(4);
    incoming.reconnected(Resumption::SessionNew);
    incoming.subscribed("a/b", Guarantee::AtLeastOnce);
    let after = world.send_many(2);
    deliver(&mut incoming, &after);
    let balance = incoming.close(world.end_settled());
    assert_eq!((balance.expected, balance.missed_away, balance.lost), (2, 4, 0));
}
