//! Running plugins on a fake host.

use serde::Serialize;

use super::calls::Reply;
use super::{Answer, Host, executor, state};
use crate::{Error, Generate, Message, Problem, Result, Scenario, User, Validate, config};

impl Host {
    /// Configures a scenario and runs one iteration of the present user.
    ///
    /// # Errors
    /// What the journey ends with, or the [`Problem`] of the configuration.
    pub fn run<S: Scenario>(&mut self, config: impl Serialize) -> Result {
        let scenario = self.configure::<S>(config)?;
        self.iterate(&scenario)
    }

    /// Configures a scenario.
    ///
    /// # Errors
    /// The problem of the configuration.
    pub fn configure<S: Scenario>(&mut self, config: impl Serialize) -> Result<S, Problem> {
        let config = config::parse(&json(config)?)?;
        self.within(|| S::configure(config))
    }

    /// Runs one iteration of the present user.
    ///
    /// # Errors
    /// What the journey ends with.
    pub fn iterate<S: Scenario>(&mut self, scenario: &S) -> Result {
        self.iteration(scenario.journey(&User::current()))
    }

    /// Runs one iteration of a journey that is a plain function.
    ///
    /// # Errors
    /// What the journey ends with.
    #[expect(clippy::needless_pass_by_value, reason = "a function is given by its name alone")]
    pub fn run_journey(&mut self, journey: impl AsyncFn(&User) -> Result) -> Result {
        self.iteration(journey(&User::current()))
    }

    /// Configures a generator and makes one message.
    ///
    /// # Errors
    /// What the generator ends with, or the [`Problem`] of its configuration.
    pub fn generate<G: Generate>(&mut self, config: impl Serialize) -> Result<Message> {
        let mut generator = self.configure_generator::<G>(config)?;
        self.next_message(&mut generator)
    }

    /// Configures a generator.
    ///
    /// # Errors
    /// The problem of the configuration.
    pub fn configure_generator<G: Generate>(&mut self, config: impl Serialize) -> Result<G, Problem> {
        let config = config::parse(&json(config)?)?;
        self.within(|| G::configure(config))
    }

    /// Makes the next message for the present user.
    ///
    /// # Errors
    /// What the generator ends with.
    pub fn next_message<G: Generate>(&mut self, generator: &mut G) -> Result<Message> {
        self.step(|_| generator.generate(&User::current()))
    }

    /// Configures a validator and lets it judge an answer.
    ///
    /// # Errors
    /// What the validator says, or the [`Problem`] of its configuration.
    pub fn validate<V: Validate>(&mut self, config: impl Serialize, answer: Answer) -> Result {
        let mut validator = self.configure_validator::<V>(config)?;
        self.judge(&mut validator, answer)
    }

    /// Configures a validator.
    ///
    /// # Errors
    /// The problem of the configuration.
    pub fn configure_validator<V: Validate>(&mut self, config: impl Serialize) -> Result<V, Problem> {
        let config = config::parse(&json(config)?)?;
        self.within(|| V::configure(config))
    }

    /// Lets a validator judge an answer.
    ///
    /// # Errors
    /// What the validator says.
    pub fn judge<V: Validate>(&mut self, validator: &mut V, answer: Answer) -> Result {
        let content = answer.result?;
        self.step(|host| {
            let reply = Reply::judged(&host.state, content, answer.time);
            validator.validate(&crate::Reply::new(reply))
        })
    }

    /// Runs any code that makes Prony's calls: parts of a plugin.
    pub fn within<T>(&mut self, work: impl FnOnce() -> T) -> T {
        state::with(&self.state, work)
    }

    /// Runs any future that makes Prony's calls: parts of a journey.
    ///
    /// # Panics
    /// When it waits for something that never comes.
    #[expect(clippy::panic, reason = "a test is told so")]
    pub fn wait_for<F: Future>(&mut self, work: F) -> F::Output {
        self.begin();
        let result = state::with(&self.state, || executor::run(&self.state, work));
        result.unwrap_or_else(|told| panic!("the plugin does not go on: {told}"))
    }

    fn iteration(&mut self, journey: impl Future<Output = Result>) -> Result {
        self.begin();
        let result = state::with(&self.state, || executor::run(&self.state, journey));
        self.state.borrow_mut().own().iteration += 1;
        result.unwrap_or_else(|told| Err(Error::new(format!("the journey does not go on: {told}"))))
    }

    /// From here on the load wants the user for some time.
    fn begin(&self) {
        let mut state = self.state.borrow_mut();
        state.began = state.now;
    }

    /// Runs a step's plugin, which may set less than a journey.
    fn step<T>(&mut self, work: impl FnOnce(&Self) -> T) -> T {
        self.state.borrow_mut().step = true;
        let result = state::with(&self.state, || work(self));
        self.state.borrow_mut().step = false;
        result
    }
}

fn json(config: impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(&config)
        .map_err(|error| Problem::new(format!("the test's configuration is no JSON: {error}")))
}
