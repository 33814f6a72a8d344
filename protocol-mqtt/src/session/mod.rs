//! A user's MQTT: what each step does with the user's device.

mod publish;
mod subscribe;
mod wait;

pub(crate) use wait::Patience;

use std::sync::Arc;
use std::task::{Context, Poll};

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Reply, Scope, Session, Settled, StepIndex, Timestamp,
};
use prony_transport::Deadline;

use crate::config::Policy;
use crate::device::{Device, Loss, PAUSE, PlannedEnd, SharedDevice, State, Trouble, establish};
use crate::driver::{Compiled, SharedPart};
use crate::guest::Guise;
use crate::reply::Arrived;
use crate::step::{Action, HowToLeave, LeaveStep, RenderError, Step};

/// One user's MQTT.
pub(crate) struct MqttSession {
    part: SharedPart,
    device: SharedDevice,
    kept: Arrived,
    deadline: Deadline,
    buffer: Vec<u8>,
    /// A new iteration has begun, which wants a connection of its own.
    renews: bool,
    /// Correlation data of `request`, counted.
    asked: u64,
    /// What a guest says of the device in place of the plan.
    guise: Option<Box<Guise>>,
}

/// How a step ended that has an answer.
type Ended = Result<Settled, Trouble>;

impl From<RenderError> for Trouble {
    fn from(error: RenderError) -> Self {
        Self::new(FailureKind::Request, error.to_string())
    }
}

impl MqttSession {
    pub(crate) fn new(part: SharedPart, device: SharedDevice) -> Self {
        Self {
            part,
            device,
            kept: Arrived::default(),
            deadline: Deadline::default(),
            buffer: Vec::new(),
            renews: false,
            asked: 0,
            guise: None,
        }
    }

    /// Takes a step, which need not be the plan's.
    pub(crate) async fn take_step(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        intended: Timestamp,
    ) -> Exchange {
        let compiled = Arc::clone(&self.part.compiled);
        self.part.commons.begin(intended);
        let mut outcome = Outcome::due(intended);
        self.kept = Arrived::default();
        if std::mem::take(&mut self.renews) {
            self.retire(step).await;
        }
        let ended = match &step.action {
            Action::Connect => self.connect(step, &compiled, scope, &mut outcome).await,
            Action::Publish(publish) => self.publish(step, publish, scope, &mut outcome).await,
            Action::Subscribe(subscribe) => self.subscribe(step, subscribe, scope, &mut outcome).await,
            Action::Unsubscribe(filters) => self.unsubscribe(step, filters, scope, &mut outcome).await,
            Action::Receive(receive) => self.receive(step, receive, scope, &mut outcome).await,
            Action::Request(request) => self.request(step, request, scope, &mut outcome).await,
            Action::Disconnect(leave) => self.disconnect(step, leave, scope, &mut outcome).await,
        };
        if outcome.finished <= intended {
            outcome.finished = self.part.clock.now();
        }
        match ended {
            Ok(settled) => Exchange { outcome, detail: None, settled },
            Err(trouble) => {
                outcome.status = outcome.status.or(trouble.reason.map(u16::from));
                // A check of the reason code replaces the rule that 0x80 and above fail.
                let judged = step.judges_status && trouble.kind == FailureKind::Status;
                outcome.failure = (!judged).then_some(trouble.kind);
                Exchange { outcome, detail: Some(trouble.story), settled: Settled::Now }
            }
        }
    }

    /// `connect`: a connection that stands is ended first.
    async fn connect(
        &mut self,
        step: &Step,
        compiled: &Compiled,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        self.retire(step).await;
        self.open(compiled, scope, outcome).await?;
        outcome.status = Some(0);
        Ok(Settled::Now)
    }

    /// Makes a connection.
    async fn open(
        &mut self,
        compiled: &Compiled,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let prefix = format!("prony-{:08x}-{}", self.part.commons.ledger.run(), self.part.scenario.0);
        let mut rendered = Box::new(compiled.identity.render(&compiled.settings, &prefix, scope)?);
        if let Some(guise) = &self.guise {
            guise.put_on(&mut rendered);
        }
        let rendered = self.device.borrow_mut().introduce(rendered);
        match establish(self.part.clone(), &rendered, outcome).await {
            Ok(made) => {
                Device::install(&self.device, made, rendered);
                Ok(())
            }
            Err(trouble) => {
                if compiled.settings.reconnect.is_some() {
                    Device::astray(&self.device, rendered);
                }
                Err(trouble)
            }
        }
    }

    /// Like [`Self::stand`], for what is not to be missed: a device that is on its way back is waited for.
    async fn stand_by(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        if self.device.borrow().state() == State::Away {
            self.patience(step).back().await?;
        }
        self.stand(scope, outcome).await
    }

    /// What is said of the device from now on, where it differs from the plan.
    pub(crate) fn introduce_as(&mut self, guise: Guise) {
        self.guise = Some(Box::new(guise));
    }

    /// Sees to it that there is a connection: steps but `connect` make one when there was none yet.
    pub(crate) async fn stand(
        &mut self,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let state = self.device.borrow().state();
        match state {
            State::Up => Ok(()),
            State::Away => {
                outcome.untried = true;
                let text = "the connection is lost; it comes back by itself, as `reconnect` says";
                Err(Trouble::new(FailureKind::Closed, text))
            }
            State::Idle => {
                let trouble = self.device.borrow_mut().take_trouble();
                if let Some(trouble) = trouble {
                    outcome.untried = true;
                    return Err(*trouble);
                }
                let compiled = Arc::clone(&self.part.compiled);
                self.open(&compiled, scope, outcome).await
            }
        }
    }

    async fn disconnect(
        &mut self,
        step: &Step,
        leave: &LeaveStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        // Drawn in any case, so that the share does not change what comes after.
        let drawn = scope.random.unit() < leave.share;
        outcome.sent = Some(self.part.clock.now());
        outcome.status = Some(0);
        if let Some(at) = leave.at {
            if drawn {
                let at = self.part.commons.begin(outcome.intended) + at;
                Device::plan_end(&self.device, PlannedEnd { at, how: leave.how, step: step.id });
            }
            outcome.finished = self.part.clock.now();
            return Ok(Settled::Later);
        }
        if drawn && self.device.borrow().state() == State::Up {
            if leave.how == HowToLeave::Clean {
                self.settle(step).await?;
            }
            self.end(leave.how);
        }
        Ok(Settled::Now)
    }

    /// Waits until all is written and acknowledged.
    async fn settle(&mut self, step: &Step) -> Result<(), Trouble> {
        if self.device.borrow().is_settled() {
            return Ok(());
        }
        self.until(step, "not all messages were acknowledged", |device| device.is_settled()).await
    }

    /// Lets go of a connection that stands, once all on it is written and acknowledged or has had its time.
    async fn retire(&mut self, step: &Step) {
        let state = self.device.borrow().state();
        if state == State::Up {
            // What was not answered in time has been recorded as that.
            let _ = self.settle(step).await;
        }
        if self.device.borrow().state() != State::Idle {
            self.end(HowToLeave::Clean);
        }
    }

    /// Ends the connection for good.
    fn end(&mut self, how: HowToLeave) {
        if how == HowToLeave::Clean {
            self.device.borrow_mut().say_goodbye();
        }
        let trouble = Trouble::new(FailureKind::Closed, "the user disconnected");
        let loss = if how == HowToLeave::Clean { Loss::Left } else { Loss::Ours(how) };
        Device::lost(&self.device, trouble, loss);
    }

    /// Sees everything through that is under way, then goes.
    async fn go(&mut self) {
        let settle = self.part.compiled.settings.settle;
        let pause = || tokio::time::sleep(PAUSE);
        // What was published is acknowledged, times out, or goes down with its connection.
        while self.device.borrow().state() == State::Up && !self.device.borrow().is_settled() {
            pause().await;
        }
        self.device.borrow_mut().ends_publishing();
        if self.device.borrow().has_subscriptions() {
            // Publishers of other users end at about the same time.
            let clock = self.part.clock;
            let mut until = clock.now() + settle;
            let mut publishing = true;
            while clock.now() < until {
                if publishing && self.part.commons.ledger.publishers_active() == 0 {
                    publishing = false;
                    until = clock.now() + settle;
                }
                if !publishing && self.device.borrow_mut().outstanding(clock.now()) == 0 {
                    break;
                }
                pause().await;
            }
        }
        self.device.borrow_mut().reckon();
        if self.device.borrow().state() != State::Idle {
            self.end(HowToLeave::Clean);
        }
    }
}

impl Session for MqttSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        let compiled = Arc::clone(&self.part.compiled);
        Box::pin(async move {
            let step = &compiled.steps[step.0 as usize];
            self.take_step(step, scope, intended).await
        })
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {
        self.renews = self.part.compiled.settings.policy == Policy::PerIteration;
    }

    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<Exchange> {
        self.device.borrow_mut().poll_lost(context).map(|trouble| {
            let status = trouble.reason.map(u16::from);
            Exchange {
                outcome: Outcome::lost_before(self.part.clock.now(), trouble.kind, status),
                detail: Some(trouble.story),
                settled: Settled::Now,
            }
        })
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.go())
    }
}

impl Drop for MqttSession {
    fn drop(&mut self) {
        // The pump and the heart hold the device as well; it must not outlive its user.
        let (kind, text) = (FailureKind::Cut, "the run ended");
        if self.device.borrow().state() != State::Idle {
            Device::lost(&self.device, Trouble::new(kind, text), Loss::Left);
        }
        self.device.borrow_mut().reckon();
    }
}
