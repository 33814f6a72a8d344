//! What a user has heard in its room.

use prony_plugin::prelude::*;

use crate::{HEARD, millis};

/// What one says.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Word {
    /// Who says it.
    pub(crate) from: u32,
    /// In which round.
    pub(crate) round: u32,
    /// When, in milliseconds since the run's beginning.
    pub(crate) at: f64,
}

/// What the room tells of those who come and go.
#[derive(Deserialize)]
struct Told {
    members: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Heard {
    Word(Word),
    Told(Told),
}

/// See the module's head.
pub(crate) struct Talk {
    me: u32,
    members: u32,
    patience: Duration,
    listener: Listener<'static>,
    /// How many have spoken, in each round, and when the last one's word came.
    rounds: Vec<(u32, Duration)>,
}

impl Talk {
    pub(crate) fn new(me: u32, members: u32, rounds: u32, patience: Duration) -> Self {
        let rounds = vec![(0, Duration::ZERO); rounds as usize];
        Self { me, members, patience, listener: Listener::new().ws(), rounds }
    }

    /// Waits until all are there.
    pub(crate) async fn gather(&mut self) -> Result {
        while self.next().await? < self.members {}
        Ok(())
    }

    /// Waits until all have spoken in a round: when the last word came.
    pub(crate) async fn hear(&mut self, round: u32) -> Result<Duration> {
        loop {
            match self.rounds.get(round as usize) {
                Some((spoken, last)) if *spoken == self.members => return Ok(*last),
                _ => self.next().await?,
            };
        }
    }

    /// Whether all have said everything.
    pub(crate) fn is_over(&self) -> bool {
        self.rounds.iter().all(|(spoken, _)| *spoken == self.members)
    }

    /// Takes the next message. How many are there, where it tells that.
    async fn next(&mut self) -> Result<u32> {
        let Some(Event::Ws(message)) = self.listener.next_within(self.patience).await? else {
            return Err(Error::new("somebody is missing in the room"));
        };
        match message.json()? {
            Heard::Told(told) => Ok(told.members),
            Heard::Word(word) => {
                if word.from == self.me {
                    ws::answered(word.round, &message);
                } else {
                    HEARD.record(millis(message.at()) - word.at);
                }
                // Others may be a round ahead.
                if let Some((spoken, last)) = self.rounds.get_mut(word.round as usize) {
                    *spoken += 1;
                    *last = message.at();
                }
                Ok(0)
            }
        }
    }
}
