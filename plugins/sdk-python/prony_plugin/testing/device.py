"""What the broker of a test knows of a user: its connection, its subscriptions, and what waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from prony_plugin.testing import records
from prony_plugin.testing.topics import matches


@dataclass
class Subscription:
    """A subscription that stands, with the quality of service that was granted."""

    filter: str
    qos: int
    options: dict[str, str]

    def has(self, wish: str) -> bool:
        """Whether it has a wish that is a flag."""
        return self.options.get(wish) == "true"


@dataclass
class Device:
    """One user's. ``link`` is ``none``, ``up``, ``left`` (the plugin has ended it) or ``lost`` (the test has cut it)."""

    link: str = "none"
    will: records.mqtt.Message | None = None
    by_hand: bool = False
    subscriptions: list[Subscription] = field(default_factory=list)
    kept: deque[records.mqtt.Incoming] = field(default_factory=lambda: deque(maxlen=1000))
    unsettled: dict[int, str] = field(default_factory=dict)
    came: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def take(self, filter: str | None) -> records.mqtt.Incoming | None:
        """The longest-kept message, on a topic that the filter matches."""
        for place, message in enumerate(self.kept):
            if filter is None or matches(filter, message.topic):
                del self.kept[place]
                return message
        return None

    def hand(self, message: records.mqtt.Message, by: Subscription, retained: bool, now: float) -> None:
        """A message comes by a subscription."""
        self.came += 1
        if by.options.get("keep") == "false":
            return
        qos = min(message.qos, by.qos)
        properties = list(message.properties)
        if "identifier" in by.options:
            properties.append(("subscription-identifier", by.options["identifier"]))
        number = self.came if self.by_hand and qos > 0 else 0
        if number:
            self.unsettled[number] = message.topic
        self.kept.append(
            records.mqtt.Incoming(
                message.topic, message.payload, qos, retained, False, properties, number, round(now * 1e9)
            )
        )
        self._wake()

    def end(self, link: str) -> records.mqtt.Message | None:
        """The connection is over. Sessions are not kept. Gives the will."""
        will, self.will = self.will, None
        self.link = link
        self.by_hand = False
        self.subscriptions.clear()
        self.unsettled.clear()
        self._wake()
        return will

    async def arrival(self, filter: str | None, seconds: float) -> records.mqtt.Incoming | None:
        """Waits for a message, so long, or until the connection is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (message := self.take(filter)) is None and self.link == "up" and loop.time() < until - 1e-9:
            woken = loop.create_future()
            self.waiting.append(woken)
            timer = loop.call_later(until - loop.time(), _set, woken)
            try:
                await woken
            finally:
                timer.cancel()
        return message

    def _wake(self) -> None:
        for woken in self.waiting:
            _set(woken)
        self.waiting.clear()


def _set(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
