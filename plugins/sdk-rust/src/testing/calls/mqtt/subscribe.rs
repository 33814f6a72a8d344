//! Subscribing.

use super::{Answer, Called, Options, connection, option, wrong_filter};
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::broker::{Subscription, Verdict};
use crate::testing::calls::current;

pub(crate) async fn subscribe(filters: Vec<String>, options: Options) -> Answer {
    let state = current();
    let called = Called::new(&state, "SUBSCRIBE", filters.join(", "), None, &options);
    if let Some(mistake) = none_or_wrong(&filters) {
        return called.fails(mistake);
    }
    if let Err(failure) = connection(&state, called.user).await {
        return called.fails(failure);
    }
    let asked: u8 = option(&options, "qos").and_then(|text| text.parse().ok()).unwrap_or(0);
    if asked > 2 {
        return called.fails(Failure::new("request", format!("the QoS is {asked}, and 0 to 2 is expected")));
    }
    let mut greatest = 0;
    for filter in filters {
        let mut fields = state.borrow_mut();
        match fields.broker.verdict(&filter) {
            Some(Verdict::Failure(failure)) => {
                drop(fields);
                return called.end(Some(Verdict::Failure(failure)), Content::reason(0)).await;
            }
            Some(Verdict::Reason(reason)) if reason >= 128 => greatest = greatest.max(reason),
            verdict => {
                // The broker may grant less than was asked for.
                let Some(Verdict::Reason(granted)) = verdict.or(Some(Verdict::Reason(asked))) else {
                    continue;
                };
                let qos = granted.min(asked);
                greatest = greatest.max(qos);
                let subscription = Subscription { filter, qos, options: options.clone() };
                fields.broker.subscribe(called.user, &subscription);
            }
        }
    }
    called.end(None, Content::reason(greatest)).await
}

pub(crate) async fn unsubscribe(filters: Vec<String>, options: Options) -> Answer {
    let state = current();
    let called = Called::new(&state, "UNSUBSCRIBE", filters.join(", "), None, &options);
    if let Some(mistake) = none_or_wrong(&filters) {
        return called.fails(mistake);
    }
    if let Err(failure) = connection(&state, called.user).await {
        return called.fails(failure);
    }
    let mut fields = state.borrow_mut();
    let subscriptions = &mut fields.broker.device(called.user).subscriptions;
    let before = subscriptions.len();
    subscriptions.retain(|one| !filters.contains(&one.filter));
    // 17: no subscription existed.
    let reason = if subscriptions.len() + filters.len() == before { 0 } else { 17 };
    drop(fields);
    called.end(None, Content::reason(reason)).await
}

fn none_or_wrong(filters: &[String]) -> Option<Failure> {
    let none = filters.is_empty().then(|| Failure::new("request", "there is no topic filter"));
    none.or_else(|| wrong_filter(filters))
}
