//! A walk through every call of `ws`, each held to what the interface promises by a check. Tests run it on servers that send back what
//! they are sent.

use std::time::Duration;

use prony_plugin::prelude::*;

struct Tour {
    config: Config,
}

/// What the plan may say.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// A path that the server refuses.
    refused: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { refused: Some("/nowhere".to_owned()) }
    }
}

const SOON: Duration = Duration::from_secs(10);

impl Scenario for Tour {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self { config })
    }

    async fn journey(&self, _user: &User) -> Result {
        check("nobody is connected at first", !ws::connected());
        check("who is not connected hears nothing", ws::next().await?.is_none());
        if let Some(path) = &self.config.refused {
            let refused = ws::connect().path(path).name("refused").await?;
            check("a refusal is an answer", refused.status() == 404 && !ws::connected());
        }
        let hello = ws::connect().header("x-tour", 1).timeout(SOON).name("introduce").await?;
        hello.check("a handshake has a status", hello.status() == 101);
        check("and headers", hello.header("Upgrade").is_some());
        check("a connection stands", ws::connected());

        self.messages().await?;
        self.requests().await?;
        self.answers().await?;
        self.mistakes().await?;

        let pong = ws::ping().await?;
        check("a PONG has come after its PING", pong.time() > Duration::ZERO);
        ws::text("left behind").send().await?;
        let goodbye = ws::close().code(3001).reason("seen all").await?;
        check("the server's CLOSE has a code", matches!(goodbye.status(), 1000..=4999));
        check("a connection that was closed is gone", !ws::connected());
        check("and nothing comes any more", ws::next().await?.is_none());
        Ok(())
    }
}

impl Tour {
    /// What is sent comes back, as what it was, and says when it came.
    async fn messages(&self) -> Result {
        let before = clock::now();
        ws::text("päck").send().await?;
        let text = ws::receive().timeout(SOON).name("text").await?;
        check(
            "a text is a text",
            text.text() == "päck" && text.field("message", "type").as_deref() == Some("text"),
        );
        check("a reply says when it came", before <= text.at() && text.at() <= clock::now());
        ws::binary([0, 159, 146, 150]).fragments(3).send().await?;
        let bytes = ws::receive().timeout(SOON).name("bytes").await?;
        check("bytes are bytes", bytes.body() == [0, 159, 146, 150]);
        check("and say so", bytes.field("message", "type").as_deref() == Some("binary"));

        ws::json(&json!({"n": 7})).name("while asleep").send().await?;
        ws::binary([1]).send().await?;
        sleep(Duration::from_millis(50)).await;
        let woke = clock::now();
        let Some(first) = ws::next().await? else { return Err(Error::new("no message came")) };
        let Some(second) = ws::next().await? else { return Err(Error::new("no second message came")) };
        check("a stream has messages in their order", first.is_text() && second.bytes() == [1]);
        check("each with its moment", before < first.at() && first.at() <= second.at());
        check("which was when it came", first.at() <= clock::now().max(woke));
        let value: serde_json::Value = first.json()?;
        check("and as JSON", value["n"] == 7);
        Ok(())
    }

    /// Prony finds the answers.
    async fn requests(&self) -> Result {
        let next = ws::text("any").name("by order").request().await?;
        check("by order, the next message is the answer", next.text() == "any");
        let asked = json!({"id": "a-1", "what": [1, 2]});
        let answer = ws::json(&asked).matching("json $.id").name("by JSON").request().await?;
        let found: serde_json::Value = answer.json()?;
        check("by JSON, the message with the same key", found == asked);
        let answer = ws::text("id=7 x")
            .matching_in(r"regex /id=(\d+)/", r"regex /^id=(\d+)/")
            .name("by regex")
            .request()
            .await?;
        check("by a regular expression, too", answer.text() == "id=7 x");
        check(
            "an answer is no message of the stream",
            Listener::new().ws().next_within(Duration::from_millis(30)).await?.is_none(),
        );
        Ok(())
    }

    /// The plugin finds the answers: many at a time, in any order.
    async fn answers(&self) -> Result {
        let requests = (0..20).map(|number| {
            let message = ws::text(format!("{number} please")).key(number).timeout(SOON).name("by key");
            message.request()
        });
        let (replies, ended) = join(join_all(requests), hear(20)).await;
        ended?;
        for reply in replies {
            let reply = reply?;
            reply.check("an answer that the plugin knows has a time and no body", reply.body().is_empty());
        }
        Ok(())
    }

    /// What goes wrong is told.
    async fn mistakes(&self) -> Result {
        let kind = |failure: Failure| failure.kind().to_owned();
        let none = ws::receive().timeout(Duration::from_millis(50)).name("silence").await;
        check("what does not come in time is told", none.map_err(kind).is_err_and(|kind| kind == "timeout"));
        let both = ws::text("x").key("k").matching("order").name("both").request().await;
        check("an answer is known in one way", both.map_err(kind).is_err_and(|kind| kind == "request"));
        let unheard =
            ws::text("x").key("k").timeout(Duration::from_millis(50)).name("unheard").request().await;
        check(
            "an answer that nobody knows is none",
            unheard.map_err(kind).is_err_and(|kind| kind == "timeout"),
        );
        let Some(late) = ws::next().await? else { return Err(Error::new("no message came")) };
        check("and it is too late for it then", !ws::answered("k", &late));
        let wrong = ws::close().code(1005).name("bad code").await;
        check(
            "a code that may not be sent is told",
            wrong.map_err(kind).is_err_and(|kind| kind == "request"),
        );
        Ok(())
    }
}

/// Reads what comes until so many answers are among it.
async fn hear(answers: usize) -> Result {
    let mut heard = 0;
    let mut listener = Listener::new().ws();
    while heard < answers {
        let Some(Event::Ws(message)) = listener.next_within(SOON).await? else {
            return Err(Error::new("an answer did not come"));
        };
        let text = message.text();
        let number = text.split(' ').next().unwrap_or_default();
        heard += usize::from(check("the plugin knows an answer by its key", ws::answered(number, &message)));
    }
    Ok(())
}

prony_plugin::scenario!(Tour);
