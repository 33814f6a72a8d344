//! A chat room with presence: join, see who is there, say things, time how long until all others' words have come, leave.

mod talk;
#[cfg(test)]
mod tests;

use prony_plugin::prelude::*;
use talk::{Talk, Word};

/// From another's word to when it came here.
static HEARD: Trend = Trend::new("heard", "ms");
/// From a user's own word to the last of the others' in the same round.
static ROUND: Trend = Trend::new("round", "ms");

/// What the plan may say.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    room: u32,
    rounds: u32,
    think_ms: u64,
    patience_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { room: 4, rounds: 5, think_ms: 100, patience_ms: 10_000 }
    }
}

struct Chat {
    config: Config,
}

impl Scenario for Chat {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        if config.room < 2 {
            return Err(Problem::new("a room has at least 2 users").at(["room"]));
        }
        Ok(Self { config })
    }

    async fn journey(&self, user: &User) -> Result {
        let room = user.id() / self.config.room;
        // The last room may be smaller.
        let members = self.config.room.min(user.users() - room * self.config.room);
        // Whoever is in its next iteration already is in another room.
        let path =
            format!("/room/{}-{room}-{}?presence=1&user={}", user.scenario(), user.iteration(), user.id());
        let hello = ws::connect().path(path).name("join").await?;
        hello.check("let in", hello.status() == 101);

        let patience = Duration::from_millis(self.config.patience_ms);
        let mut talk = Talk::new(user.id(), members, self.config.rounds, patience);
        talk.gather().await?;
        for round in 0..self.config.rounds {
            sleep(Duration::from_millis(
                random::between(0, self.config.think_ms.cast_signed()).unsigned_abs(),
            ))
            .await;
            let said = clock::now();
            let word = Word { from: user.id(), round, at: millis(said) };
            let say = ws::json(&word).key(round).timeout(patience).name("say").request();
            let (_, last) = try_join(async { Ok(say.await?) }, talk.hear(round)).await?;
            ROUND.record(millis(last.saturating_sub(said)));
        }
        check("the room was whole to the end", talk.is_over());
        ws::close().name("leave").await?;
        Ok(())
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

prony_plugin::scenario!(Chat);
