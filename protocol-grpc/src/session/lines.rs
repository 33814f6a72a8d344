//! Which connection a call goes over: the user's own or one of a pool, to the backend whose turn it is.

use std::time::Duration;

use prony_transport::h2::H2Connection;

use super::channel::{Way, is_usable, open, within};
use super::failure::Failure;
use super::pool::{Lease, Taken};
use crate::config::{Balance, Policy};
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::wire::Code;

/// The least pause between two looks at servers that a call waits for.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// A user's way to the backends.
#[derive(Default)]
pub(crate) struct Lines {
    /// The user's own connections, by backend.
    own: Vec<Option<H2Connection>>,
    /// How many calls were begun, and where the first one went.
    turn: usize,
}

/// A connection for one call, and the number of its backend.
pub(crate) enum Line {
    /// The user's own, which nothing else uses meanwhile.
    Own(usize),
    /// The user's own, on which other calls of the user may be under way.
    Common(usize, H2Connection),
    /// A stream of one that others use as well.
    Shared(usize, Lease),
}

impl Line {
    /// The number of its backend.
    pub(crate) const fn backend(&self) -> usize {
        let (Self::Own(number) | Self::Common(number, _) | Self::Shared(number, _)) = self;
        *number
    }
}

/// How a call gets at its user's lines.
pub(crate) enum Lent<'a> {
    /// A step's call has them alone.
    Alone(&'a mut Lines),
    /// A guest's calls go side by side.
    Together(&'a tokio::sync::Mutex<Lines>),
}

impl Lent<'_> {
    /// A connection as [`Self::next`] has it, on which other calls go beside this one.
    pub(crate) async fn next_shared(&mut self, way: &mut Way<'_>) -> Result<Line, Failure> {
        let line = self.next(way).await?;
        match (line, self) {
            (Line::Own(number), Self::Alone(lines)) => match lines.own(number) {
                Some(connection) => Ok(Line::Common(number, connection.clone())),
                None => Err(Failure::no_connection()),
            },
            (line, _) => Ok(line),
        }
    }

    /// A connection for the next call; opened, and waited for, as the settings say.
    pub(crate) async fn next(&mut self, way: &mut Way<'_>) -> Result<Line, Failure> {
        let lines = match self {
            Self::Alone(lines) => return lines.next(way).await,
            Self::Together(lines) => *lines,
        };
        let clock = way.part.clock;
        // Whoever comes while a connection is being opened waits for that one.
        let held = within(way.deadline, &clock, lines.lock()).await;
        let mut held = held.ok_or_else(|| Failure::timeout("no connection came about"))?;
        Ok(match held.next(way).await? {
            Line::Own(number) => match held.own(number) {
                Some(connection) => Line::Common(number, connection.clone()),
                None => return Err(Failure::no_connection()),
            },
            other => other,
        })
    }
}

impl Lines {
    /// The first call of user number `user` goes to the backend of that number, so that backends get equal shares of many
    /// users' first calls.
    pub(crate) fn new(user: u32) -> Self {
        Self { own: Vec::new(), turn: user as usize }
    }

    /// Lets go of the user's own connections.
    pub(crate) fn let_go(&mut self) {
        self.own.clear();
    }

    /// The user's own connection to the backend of that number.
    pub(super) fn own(&mut self, backend: usize) -> Option<&mut H2Connection> {
        self.own.get_mut(backend).and_then(Option::as_mut)
    }

    async fn next(&mut self, way: &mut Way<'_>) -> Result<Line, Failure> {
        let part = way.part;
        let settings = &part.compiled.settings;
        let many = part.compiled.backends.len();
        self.own.resize_with(many.max(self.own.len()), || None);
        let takes_turns = settings.balance == Balance::RoundRobin && many > 1;
        let start = if takes_turns { self.turn % many } else { 0 };
        self.turn = self.turn.wrapping_add(1);
        if !takes_turns
            && !matches!(settings.policy, Policy::Shared { .. })
            && let Some(at) = self.standing(part)
        {
            return Ok(Line::Own(at));
        }
        loop {
            let mut last = None;
            for step in 0..many {
                match self.of((start + step) % many, way).await {
                    Ok(line) => return Ok(line),
                    // The call's own time is over.
                    Err(failure) if failure.shows_code => return Err(failure),
                    Err(failure) => last = Some(failure),
                }
            }
            let Some(last) = last.filter(|_| many > 0) else {
                return Err(Failure::request("there is no server to call"));
            };
            if !settings.wait_for_ready {
                return Err(last);
            }
            let clock = part.clock;
            let pause = (part.backoff.next_try() - clock.now()).max(LEAST_PAUSE);
            if within(way.deadline, &clock, tokio::time::sleep(pause)).await.is_none() {
                return Err(Failure::timeout(&format!("no server became ready (last: {})", last.detail)));
            }
        }
    }

    /// The number of a backend that the user has a connection to.
    fn standing(&mut self, part: &WorkerPart) -> Option<usize> {
        let usable = |line: &mut Option<H2Connection>| {
            line.as_mut().is_some_and(|connection| is_usable(connection, part))
        };
        self.own.iter_mut().position(usable)
    }

    /// A connection to the backend of that number.
    async fn of(&mut self, number: usize, way: &mut Way<'_>) -> Result<Line, Failure> {
        let part = way.part;
        let Some(pool) = part.pools.get(number) else {
            if let Some(connection) = &mut self.own[number]
                && is_usable(connection, part)
            {
                return Ok(Line::Own(number));
            }
            self.own[number] = None;
            self.own[number] = Some(Box::pin(connect(number, way)).await?);
            return Ok(Line::Own(number));
        };
        match pool.take(way).await? {
            Taken::Stream(lease) => Ok(Line::Shared(number, lease)),
            Taken::Leave(leave) => match Box::pin(connect(number, way)).await {
                Ok(connection) => Ok(Line::Shared(number, leave.opened(connection))),
                Err(failure) => {
                    leave.failed(&failure);
                    Err(failure)
                }
            },
        }
    }
}

/// Opens a connection to the backend of that number, unless that failed a moment ago and the settings say to pause.
async fn connect(number: usize, way: &mut Way<'_>) -> Result<H2Connection, Failure> {
    let part = way.part;
    let clock = part.clock;
    if let Some((kind, detail)) = part.backoff.pauses(number, clock.now()) {
        return Err(Failure::new(kind, Code::Unavailable, detail));
    }
    match open(&part.compiled.backends[number], way).await {
        Ok(connection) => {
            part.backoff.is_up(number);
            Ok(connection)
        }
        Err(failure) => {
            count(&part.tallies.connect_failures, 1);
            // Neither what this machine lacks nor a call's own hurry says anything about the server.
            if !failure.kind.is_generators() && !failure.shows_code {
                part.backoff.is_down(number, clock.now(), failure.kind, &failure.detail);
            }
            Err(failure)
        }
    }
}
