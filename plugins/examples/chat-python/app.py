"""A chat room with presence: join, see who is there, say things, time how long until all others' words have come, leave."""

import asyncio

from prony_plugin import Failed, Scenario, check, clock, metric, random, sleep, user, ws

heard = metric.Trend("heard", "ms")
"""From another's word to when it came here."""
whole = metric.Trend("round", "ms")
"""From a user's own word to the last of the others' in the same round."""


class Chat(Scenario):
    def configure(self, config):
        config.only("room", "rounds", "think_ms", "patience_ms")
        self.room = config.whole("room", 4, low=2)
        self.rounds = config.whole("rounds", 5, low=0)
        self.think = config.whole("think_ms", 100, low=0)
        self.patience = config.whole("patience_ms", 10_000, low=1) / 1000

    async def journey(self):
        room = user.id // self.room
        # The last room may be smaller.
        members = min(self.room, user.users - room * self.room)
        # Whoever is in its next iteration already is in another room.
        hello = await ws.connect(f"/room/{user.scenario}-{room}-{user.iteration}?presence=1&user={user.id}", name="join")
        hello.check("let in", hello.status == 101)
        talk = Talk(members, self.rounds)
        await talk.until(lambda: talk.present == members)
        for round in range(self.rounds):
            await sleep(random.between(0, self.think) / 1000)
            said = clock.now()
            word = {"from": user.id, "round": round, "at": said * 1000}
            await ws.request(json=word, key=round, timeout=self.patience, name="say")
            await talk.until(lambda: talk.spoken[round] == members)
            whole.record(max(0, talk.last[round] - said) * 1000)
        check("the room was whole to the end", all(spoken == members for spoken in talk.spoken))
        await ws.close(name="leave")
        await talk.ears


class Talk:
    """What a user has heard in its room."""

    def __init__(self, members, rounds):
        self.present = 0
        self.members = members
        self.spoken = [0] * rounds
        self.last = [0.0] * rounds
        self.news = asyncio.Event()
        self.ears = asyncio.create_task(self.listen())

    async def until(self, come):
        """Waits for something that is to be heard, as long as there is anything to hear."""
        while not come():
            self.news.clear()
            news = asyncio.create_task(self.news.wait())
            await asyncio.wait({news, self.ears}, return_when=asyncio.FIRST_COMPLETED)
            if self.ears.done() and not come():
                raise Failed("somebody is missing in the room")

    async def listen(self):
        async for message in ws.messages():
            told = message.json()
            self.news.set()
            if "members" in told:
                self.present = told["members"]
                continue
            round = told["round"]
            if told["from"] == user.id:
                ws.answered(round, message)
            else:
                heard.record(message.at * 1000 - told["at"])
            # Others may be a round ahead.
            self.spoken[round] += 1
            self.last[round] = message.at
