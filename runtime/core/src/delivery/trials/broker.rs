//! A broker that loses, doubles and swaps by plan, and one that does so by chance, held against exact counts.

use std::collections::HashSet;

use super::*;
use crate::Random;

#[test]
fn a_broker_that_fails_by_plan_is_found_out_exactly() {
    let mut world = World::new(Guarantee::ExactlyOnce);
    let mut incoming = world.receiver("a/#", Guarantee::ExactlyOnce);
    let stamps = world.send_many(300_000);
    let (mut lost, mut doubled, mut swapped) = (0, 0, 0);
    let mut number = 0;
    while number < stamps.len() {
        let stamp = stamps[number];
        number += 1;
        if number % 1_000 == 999 {
            lost += 1;
        } else if number % 500 == 0 {
            deliver(&mut incoming, &[stamp, stamp]);
            doubled += 1;
        } else if number % 333 == 0 && number % 1_000 != 998 && (number + 1) % 500 != 0 {
            deliver(&mut incoming, &[stamps[number], stamp]);
            number += 1;
            swapped += 1;
        } else {
            deliver(&mut incoming, &[stamp]);
        }
    }
    // A last one, or a loss at the end would be one of the tail.
    let last = world.send();
    deliver(&mut incoming, &[last]);
    let balance = incoming.close(world.end_settled());
    assert!(adds_up(&balance));
    assert_eq!(balance.expected, 300_001);
    assert_eq!((balance.lost, balance.duplicated, balance.reordered), (lost, doubled, swapped));
    assert_eq!((lost, doubled, balance.unaudited), (300, 600, 0));
    assert!(swapped > 800);
}

#[test]
fn brokers_that_fail_by_chance_are_found_out_exactly() {
    for seed in 0..60 {
        let mut random = Random::new(seed, 9, 9);
        let mut world = World::new(Guarantee::ExactlyOnce);
        let early = random.below(50) as usize;
        world.send_many(early);
        let mut incoming = world.receiver("a/b", Guarantee::ExactlyOnce);
        let stamps = world.send_many(3_000);
        // A message is lost, doubled, or delayed by up to 20 others, each with a chance of its own. Losses are rare
        // enough for all gaps to be remembered: what is not is the limit's trial.
        let (loss, repeat, delay) = (random.below(15), random.below(100), random.below(100));
        let mut arrivals = Vec::new();
        for (number, stamp) in (0_u64..).zip(&stamps) {
            if random.below(1_000) < loss {
                continue;
            }
            for _ in 0..1 + u64::from(random.below(1_000) < repeat) {
                let late = if random.below(1_000) < delay { random.below(20) } else { 0 };
                arrivals.push((number + late, *stamp));
            }
        }
        arrivals.sort_by_key(|(at, _)| *at);
        let mut seen = HashSet::new();
        let mut highest = None;
        let mut expected = Balance { expected: 3_000, ..Balance::default() };
        for (_, stamp) in &arrivals {
            let receipt = incoming.receive(stamp, Guarantee::ExactlyOnce, Mark::Plain);
            let truth = if !seen.insert(stamp.sequence) {
                expected.duplicated += 1;
                Receipt::Repeated
            } else if Some(stamp.sequence) < highest {
                expected.reordered += 1;
                Receipt::Late
            } else {
                Receipt::First
            };
            highest = highest.max(Some(stamp.sequence));
            assert_eq!(receipt, truth, "seed {seed}, {stamp:?}");
        }
        expected.delivered = seen.len() as u64;
        expected.lost = 3_000 - expected.delivered;
        expected.lost_against_rules = expected.lost;
        expected.duplicated_against_rules = expected.duplicated;
        assert_eq!(incoming.close(world.end_settled()), expected, "seed {seed}");
    }
}
