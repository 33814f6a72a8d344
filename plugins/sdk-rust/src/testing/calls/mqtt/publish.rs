//! Publishing.

use super::{Message, connection};
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::broker::{Verdict, published};
use crate::testing::calls::called::{Answer, Called};
use crate::testing::calls::current;
use crate::testing::executor::Wait;

pub(crate) async fn publish(message: Message) -> Answer {
    send(message).await?.settled().await
}

pub(crate) async fn send(message: Message) -> Result<Publication, Failure> {
    let state = current();
    let called = Called::new(
        &state,
        "PUBLISH",
        message.topic.clone(),
        Some(message.payload.clone()),
        &message.options,
    );
    if let Some(told) = mistake(&message) {
        return called.fails(Failure::new("request", told));
    }
    if let Err(failure) = connection(&state, called.user).await {
        return called.fails(failure);
    }
    let mut fields = state.borrow_mut();
    let (now, takes) = (fields.now, fields.broker.takes);
    // A reason code below 128 is no refusal.
    let (reason, verdict) = match fields.broker.verdict(&message.topic) {
        Some(Verdict::Reason(reason)) if reason < 128 => (reason, None),
        verdict => (0, verdict),
    };
    if verdict.is_none() {
        let kept = published(&message, called.user, now, false);
        fields.broker.published.push(kept.clone());
        fields.broker.route(&message, Some(called.user), now);
        let responders = fields.broker.responders(&message.topic);
        // A test's closure may look at the host, too.
        drop(fields);
        for answer in responders.iter().flat_map(|respond| respond(&kept)) {
            let answer = answer.ready()?;
            state.borrow_mut().broker.feed(answer, None, now);
        }
        state.borrow_mut().broker.take_feeds(now);
    }
    Ok(Publication { called, reason, verdict, due: now.saturating_add(takes) })
}

fn mistake(message: &Message) -> Option<String> {
    let Message { topic, qos, .. } = message;
    if *qos > 2 {
        return Some(format!("the QoS is {qos}, and 0 to 2 is expected"));
    }
    let wrong = topic.is_empty() || topic.contains(['+', '#', '\0']);
    wrong.then(|| format!("`{topic}` is no topic to publish on: it is empty, or has a wildcard"))
}

/// A message under way.
pub(crate) struct Publication {
    called: Called,
    reason: u8,
    verdict: Option<Verdict>,
    /// When the broker answers.
    due: u64,
}

impl Publication {
    pub(crate) async fn settled(&self) -> Answer {
        let called = &self.called;
        let end = called.timeout.map_or(u64::MAX, |limit| called.began.saturating_add(limit));
        let now = called.state.borrow().now;
        Wait::new(&called.state, self.due.min(end).saturating_sub(now)).await;
        if self.due > end {
            return called.late();
        }
        match &self.verdict {
            None => Ok(called.answered(Content::reason(self.reason))),
            Some(verdict) => called.refused(verdict),
        }
    }
}
