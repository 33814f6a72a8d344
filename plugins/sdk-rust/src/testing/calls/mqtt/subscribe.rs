//! Subscribing.

use std::cell::RefCell;
use std::rc::Rc;

use super::{connection, wrong_filter};
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::broker::{Subscription, Verdict};
use crate::testing::calls::called::{Answer, Called, Options, option};
use crate::testing::calls::current;
use crate::testing::state::State;

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
    match grant(&state, &called, filters, asked, &options) {
        Ok(greatest) => called.end(None, Content::reason(greatest)).await,
        Err(verdict) => called.end(Some(verdict), Content::reason(0)).await,
    }
}

/// Subscribes to one filter after the other, until one is refused. Gives the greatest QoS granted.
fn grant(
    state: &Rc<RefCell<State>>,
    called: &Called,
    filters: Vec<String>,
    asked: u8,
    options: &Options,
) -> Result<u8, Verdict> {
    let mut greatest = 0;
    for filter in filters {
        let mut fields = state.borrow_mut();
        // The broker may grant less than was asked for.
        let qos = match fields.broker.verdict(&filter) {
            None => asked,
            Some(Verdict::Reason(granted)) if granted < 128 => granted.min(asked),
            Some(verdict) => return Err(verdict),
        };
        greatest = greatest.max(qos);
        let subscription = Subscription { filter, qos, options: options.clone() };
        let now = fields.now;
        fields.broker.subscribe(called.user, &subscription, now);
    }
    Ok(greatest)
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
    let existed = drop_all(&mut state.borrow_mut(), called.user, &filters);
    // 17: no subscription existed.
    called.end(None, Content::reason(if existed { 0 } else { 17 })).await
}

/// Ends subscriptions. False when one of them did not exist.
fn drop_all(state: &mut State, user: u32, filters: &[String]) -> bool {
    let subscriptions = &mut state.broker.device(user).subscriptions;
    let before = subscriptions.len();
    subscriptions.retain(|one| !filters.contains(&one.filter));
    subscriptions.len() + filters.len() == before
}

fn none_or_wrong(filters: &[String]) -> Option<Failure> {
    let none = filters.is_empty().then(|| Failure::new("request", "there is no topic filter"));
    none.or_else(|| wrong_filter(filters))
}
