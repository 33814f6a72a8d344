"""The WebSocket server of a test: in memory, in simulated time."""

from __future__ import annotations

import asyncio
import json as _json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from prony_plugin.testing import records


@dataclass
class Said:
    """A message that a plugin has sent, by itself or as a request: a text or bytes. ``at`` is in seconds since the run's beginning."""

    value: str | bytes
    options: dict[str, str]
    user: int
    at: float

    @property
    def text(self) -> str:
        """What it carries, as text; what is not UTF-8 becomes ``�``."""
        return self.value if isinstance(self.value, str) else self.value.decode("utf-8", "replace")

    def json(self) -> Any:
        """What it carries, as JSON."""
        return _json.loads(self.value)


@dataclass
class Opened:
    """A connection that was made."""

    path: str | None
    headers: list[tuple[str, str]]
    protocols: list[str]
    options: dict[str, str]
    user: int
    at: float

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Line:
    """One user's connection. ``link`` is ``none``, ``up``, ``left`` (the plugin has closed it) or ``lost``, for ``reason``."""

    link: str = "none"
    reason: records.Failure = field(default_factory=lambda: records.Failure("closed", "there is no connection"))
    kept: deque[records.ws.Incoming] = field(default_factory=deque)
    asks: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    """Requests whose answers the plugin knows: their numbers, and when they were sent."""
    answers: dict[int, int] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def wake(self) -> None:
        """Something has changed."""
        for woken in self.waiting:
            if not woken.done():
                woken.set_result(None)
        self.waiting.clear()

    def end(self, link: str, reason: records.Failure | None = None) -> None:
        """The connection is over."""
        if link != "lost":
            self.kept.clear()
        self.link = link
        self.reason = reason or records.Failure("closed", "there is no connection any more")
        self.asks.clear()
        self.wake()


Respond = Callable[[Said], Iterable[str | bytes]]


@dataclass
class Server:
    """A server that takes every connection and says nothing, unless it is told otherwise.

    Which message answers a request without a ``key`` it does not look for: it is the first that the test responds with. Nothing comes
    back by itself. ``time`` is how many seconds it takes for an answer.
    """

    time: float = 0.0
    said: list[Said] = field(default_factory=list)
    """What plugins have sent, in its order."""
    connections: list[Opened] = field(default_factory=list)
    _lines: dict[int, Line] = field(default_factory=dict)
    _feeds: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _later: Callable[[float, Callable[[], None]], Any] | None = None
    _now: Callable[[], float] = lambda: 0.0
    _gate: int | records.Failure | None = None
    _responders: list[Respond] = field(default_factory=list)

    # What a test says.

    def feed(self, message: str | bytes, *, user: int = 0, after: float = 0) -> Server:
        """A message comes to a user, so many seconds from now, or from the run's beginning."""
        return self._do(after, lambda: self.hand(message, user))

    def respond(self, respond: Respond) -> Server:
        """Has the server answer every message of plugins, by any number of messages. The first answers a request that has no key;
        all others are for whoever receives them.
        """
        self._responders.append(respond)
        return self

    def refuse_connections(self, status: int) -> Server:
        """Refuses connections by this status of HTTP, such as 401."""
        self._gate = status
        return self

    def fail_connections(self, kind: str, message: str = "as the test wants it") -> Server:
        """Lets connections fail with this kind: ``connect_refused``, ``timeout``, …"""
        self._gate = records.Failure(kind, message)
        return self

    def close(self, code: int, reason: str = "", *, user: int = 0, after: float = 0) -> Server:
        """The server closes a user's connection, so many seconds from now."""
        story = f"the server closed the connection with code {code} (`{reason}`)"
        return self._do(after, lambda: self._lose(user, records.Failure("goaway", story)))

    def cut(self, user: int = 0, *, after: float = 0) -> Server:
        """A user's connection is lost, so many seconds from now."""
        return self._do(after, lambda: self._lose(user, records.Failure("closed", "the connection was lost")))

    # What the stand-in host says.

    def begin(self, now: Callable[[], float], later: Callable[[float, Callable[[], None]], Any]) -> None:
        """The run begins: ``later`` calls a function so many seconds from now."""
        self._now, self._later = now, later
        for after, act in self._feeds:
            self._do(after, act)
        self._feeds.clear()

    def line(self, user: int) -> Line:
        """A user's connection."""
        return self._lines.setdefault(user, Line())

    def gate(self) -> int | records.Failure | None:
        """What the server has against connections."""
        return self._gate

    def answers(self, said: Said) -> list[str | bytes]:
        """Writes a message down. What the server says to it."""
        self.said.append(said)
        return [answer for respond in self._responders for answer in respond(said)]

    def hand(self, message: str | bytes, user: int) -> None:
        """A message comes to a user."""
        line = self.line(user)
        carried = records.ws.Message_Text(message) if isinstance(message, str) else records.ws.Message_Binary(message)
        line.kept.append(records.ws.Incoming(carried, round(self._now() * 1e9)))
        line.wake()

    def later(self, messages: Iterable[str | bytes], user: int) -> None:
        """Messages come to a user when the server has had its time."""
        for message in messages:
            self.feed(message, user=user, after=self.time)

    def _lose(self, user: int, reason: records.Failure) -> None:
        line = self.line(user)
        if line.link == "up":
            line.end("lost", reason)

    def _do(self, after: float, act: Callable[[], None]) -> Server:
        if self._later is None:
            self._feeds.append((after, act))
        elif after > 0:
            self._later(after, act)
        else:
            act()
        return self
