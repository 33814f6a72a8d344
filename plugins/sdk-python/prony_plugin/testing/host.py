"""The stand-in host: what a run has seen, and one user's way through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prony_plugin.testing import records
from prony_plugin.testing.broker import Broker
from prony_plugin.testing.calling import Calling
from prony_plugin.testing.messaging import Messaging
from prony_plugin.testing.numbers import Random
from prony_plugin.testing.server import Server
from prony_plugin.testing.socket import Socket
from prony_plugin.testing.target import Answer, NoAnswer, Sent, Target


@dataclass
class Checked:
    """A check. ``request`` is the one whose answer was checked, if any was."""

    name: str
    passed: bool
    user: int
    request: Sent | None


@dataclass
class Figure:
    """A value of a metric of the plugin's own."""

    kind: str
    name: str
    unit: str
    value: float
    user: int


@dataclass
class Line:
    """A line of the log."""

    level: str
    message: str
    user: int


@dataclass
class Passed:
    """A passage through a group; ``time`` is in seconds."""

    name: str
    failed: bool
    time: float
    user: int


@dataclass
class Host:
    """Everything that users share, and everything that they did, in order."""

    target: Target = field(default_factory=Target)
    broker: Broker = field(default_factory=Broker)
    server: Server = field(default_factory=Server)
    seed: int = 0
    scenario: str = "test"
    users: int = 1
    data: Mapping[str, list[dict[str, str]]] = field(default_factory=dict)
    wall: int | None = None
    requests: list[Sent] = field(default_factory=list)
    checks: list[Checked] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    groups: list[Passed] = field(default_factory=list)
    _positions: dict[str, int] = field(default_factory=dict)

    def now(self) -> int:
        """Simulated nanoseconds since the run's beginning."""
        try:
            return round(asyncio.get_running_loop().time() * 1e9)
        except RuntimeError:
            return 0

    async def wait(self, seconds: float) -> None:
        """Waits in simulated time."""
        await asyncio.sleep(seconds)

    def rows(self, source: str) -> list[dict[str, str]]:
        """The rows of a data source."""
        if source not in self.data:
            raise records.Err(f"there is no data source `{source}`")
        return self.data[source]

    def row(self, source: str, number: int) -> list[tuple[str, str]]:
        """A row by its number."""
        rows = self.rows(source)
        return list(rows[number % len(rows)].items())

    def next_row(self, source: str) -> list[tuple[str, str]] | None:
        """The next row, in order, and none at the end."""
        position = self._positions.get(source, 0)
        if position >= len(self.rows(source)):
            return None
        self._positions[source] = position + 1
        return self.row(source, position)


class Passage:
    """One user's way through the run."""

    def __init__(self, host: Host, user: int, vars: Mapping[str, str], sets: Iterable[str] | None = None) -> None:
        self.host = host
        self.user = user
        self.iteration = 0
        self.vars = dict(vars)
        self.random = Random(host.seed, 0, user)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.mqtt = Messaging(self)
        self.grpc = Calling(self)
        self.ws = Socket(self)
        self.wanted_until = 0.0
        """When the load wants the user no longer, in seconds."""
        self._sets = None if sets is None else set(sets)

    def set_var(self, name: str, value: str) -> None:
        """Sets a variable, if it may."""
        if self._sets is not None and name not in self._sets:
            raise records.Err(f"the plan does not name `{name}` under `sets`")
        self.vars[name] = value

    def check(self, name: str, passed: bool, request: Sent | None) -> None:
        """Counts a check."""
        self.host.checks.append(Checked(name, passed, self.user, request))
        if request is not None and not passed:
            request.failed = True

    def metric(self, kind: str, name: str, unit: str, value: float) -> None:
        """Records a figure."""
        self.host.figures.append(Figure(kind, name, unit, value, self.user))

    def log(self, level: str, message: str) -> None:
        """Writes a line."""
        self.host.lines.append(Line(level, message, self.user))

    def group(self, name: str, failed: bool, began: int) -> None:
        """Counts a passage through a group."""
        self.host.groups.append(Passed(name, failed, (self.host.now() - began) / 1e9, self.user))

    async def send(self, request: records.Request) -> FakeReply:
        """Sends a request to the target of the test."""
        name = request.name or f"{request.method} {request.url.split('?')[0]}"
        sent = Sent(
            request.method, request.url, list(request.headers), request.body, name, dict(request.options),
            self.user, self.iteration, self.host.now() / 1e9,
        )  # fmt: skip
        self.host.requests.append(sent)
        answer = self.host.target.answer(sent)
        await self.host.wait(answer.time)
        if isinstance(answer, NoAnswer):
            sent.failed = True
            raise records.Err(records.Failure(answer.kind, answer.message))
        sent.status = answer.status
        sent.failed = answer.status >= 400 and "expect" not in sent.options
        return FakeReply(answer, sent, self)


class FakeReply:
    """``exchange.reply``."""

    def __init__(self, answer: Answer, sent: Sent | None, passage: Passage, at: int | None = None) -> None:
        self._answer = answer
        self._sent = sent
        self._passage = passage
        self._at = passage.host.now() if at is None else at

    def status(self) -> int:
        """See the WIT file, as with the other methods."""
        return self._answer.status

    def field(self, kind: str, name: str) -> str | None:
        """See the WIT file."""
        for key, value in self._answer.fields.get(kind, []):
            if key == name or (kind != "cookie" and key.lower() == name.lower()):
                return value
        return None

    def fields(self, kind: str) -> list[tuple[str, str]]:
        """See the WIT file."""
        return [(key.lower(), value) for key, value in self._answer.fields.get(kind, [])]

    def body(self) -> bytes:
        """See the WIT file."""
        return self._answer.body

    def size(self) -> int:
        """See the WIT file."""
        return len(self._answer.body)

    def time(self) -> int:
        """See the WIT file."""
        return round(self._answer.time * 1e9)

    def at(self) -> int:
        """See the WIT file."""
        return self._at

    def check(self, name: str, passed: bool) -> bool:
        """See the WIT file."""
        self._passage.check(name, passed, self._sent)
        return passed


def resource(answer: Answer, passage: Passage) -> Any:
    """An answer as a function for plan steps gets it."""
    return FakeReply(answer, None, passage)
