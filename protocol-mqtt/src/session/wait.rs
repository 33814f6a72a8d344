//! What a step waits for: an answer, room, a place in the window.

use std::task::Poll;
use std::time::Duration;

use prony_core::FailureKind;
use prony_transport::Deadline;

use crate::device::{Answer, Device, SharedDevice, State, Trouble};
use crate::driver::SharedPart;
use crate::step::Step;

use super::MqttSession;

impl MqttSession {
    /// Waits for the answer to the packet that was just sent.
    pub(super) async fn answer(&self) -> Box<Answer> {
        let device = self.device.clone();
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            match device.take_answer() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    device.wait(context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// How long a step waits, and for what.
    pub(super) fn patience(&mut self, step: &Step) -> Patience<'_> {
        Patience {
            part: &self.part,
            device: &self.device,
            deadline: &mut self.deadline,
            timeout: step.timeout,
        }
    }

    /// Waits until something holds of the device, at most as long as the step may take.
    pub(super) async fn until(
        &mut self,
        step: &Step,
        what: &str,
        holds: impl FnMut(&mut Device) -> bool + Send,
    ) -> Result<(), Trouble> {
        self.patience(step).until(what, holds).await
    }

    /// Waits until the connection has written so many bytes.
    pub(super) async fn written(&mut self, upto: u64) -> Result<(), Trouble> {
        let connection = self.device.borrow().connection();
        let device = self.device.clone();
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            if device.connection() != connection {
                let trouble = device.take_trouble().map(|trouble| *trouble);
                return Poll::Ready(Err(trouble.unwrap_or_else(|| {
                    Trouble::new(
                        FailureKind::Closed,
                        "the connection was lost before the message was written",
                    )
                })));
            }
            if device.written() >= upto {
                return Poll::Ready(Ok(()));
            }
            device.wait(context.waker());
            Poll::Pending
        })
        .await
    }
}

/// Waiting for a device, for so long and no longer.
pub(crate) struct Patience<'a> {
    pub(crate) part: &'a SharedPart,
    pub(crate) device: &'a SharedDevice,
    pub(crate) deadline: &'a mut Deadline,
    pub(crate) timeout: Duration,
}

impl Patience<'_> {
    /// Waits until something holds of the device.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Device) -> bool + Send,
    ) -> Result<(), Trouble> {
        let clock = self.part.clock;
        let device = self.device.clone();
        let connection = device.borrow().connection();
        self.deadline.set(clock.now() + self.timeout);
        let deadline = &mut *self.deadline;
        let timeout = self.timeout;
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            if device.connection() != connection {
                let trouble = device.take_trouble().map(|trouble| *trouble);
                return Poll::Ready(Err(trouble.unwrap_or_else(|| {
                    Trouble::new(FailureKind::Closed, "the connection was lost meanwhile")
                })));
            }
            if holds(&mut device) {
                return Poll::Ready(Ok(()));
            }
            device.wait(context.waker());
            deadline.poll_expired(context, &clock).map(|()| {
                let text = format!("{what} within {}", prony_core::units::show_duration(timeout));
                Err(Trouble::new(FailureKind::Timeout, text))
            })
        })
        .await
    }

    /// Waits until a device that is away is so no longer.
    pub(crate) async fn back(&mut self) -> Result<(), Trouble> {
        let clock = self.part.clock;
        self.deadline.set(clock.now() + self.timeout);
        let (device, deadline, timeout) = (self.device.clone(), &mut *self.deadline, self.timeout);
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            if device.state() != State::Away {
                return Poll::Ready(Ok(()));
            }
            device.wait(context.waker());
            deadline.poll_expired(context, &clock).map(|()| {
                let text = format!(
                    "the connection is lost and was not back within {}",
                    prony_core::units::show_duration(timeout)
                );
                Err(Trouble::new(FailureKind::Timeout, text))
            })
        })
        .await
    }

    /// Waits for room in the connection.
    pub(crate) async fn room(&mut self) -> Result<(), Trouble> {
        if self.device.borrow().has_room() {
            return Ok(());
        }
        self.until("the connection took no more messages", |device| device.has_room()).await
    }

    /// Waits for a place in the window, and tells that it had to: until then the load is a closed one.
    pub(crate) async fn window(&mut self) -> Result<(), Trouble> {
        {
            let device = self.device.borrow();
            if device.has_room() && device.has_window() {
                return Ok(());
            }
            if !device.has_window() {
                crate::metrics::count(&self.part.tallies.window_full, 1);
                self.part.notice("window", &|| {
                    "messages had to wait for earlier ones to be acknowledged: as many were under way as `in_flight`, or the \
                     broker's receive maximum, allows. Their response time counts the waiting, but the broker was asked less \
                     than the plan says"
                        .to_owned()
                });
            }
        }
        self.until("no earlier message was acknowledged", |device| device.has_room() && device.has_window())
            .await
    }
}
