"""Running scenarios and functions without a component."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prony_plugin import scenario as _scenario
from prony_plugin.errors import Problem
from prony_plugin.function import Function, Message, Uses
from prony_plugin.reply import Reply
from prony_plugin.scenario import Scenario
from prony_plugin.testing import bindings
from prony_plugin.testing.broker import Broker
from prony_plugin.testing.host import Checked, Figure, Host, Line, Passage, Passed, resource
from prony_plugin.testing.records import Err
from prony_plugin.testing.server import Server
from prony_plugin.testing.simulation import SimulatedLoop
from prony_plugin.testing.target import Answer, Sent, Target


@dataclass
class Result:
    """What a run has seen, in order, over all users."""

    requests: list[Sent]
    checks: list[Checked]
    figures: list[Figure]
    lines: list[Line]
    groups: list[Passed]
    errors: list[str]
    """The texts of the iterations that failed."""
    vars: list[dict[str, str]]
    """The variables of each user at the end."""
    time: float
    """How long it took, in simulated seconds."""

    def values(self, name: str) -> list[float]:
        """The values of one metric."""
        return [figure.value for figure in self.figures if figure.name == name]

    def checked(self, name: str) -> list[bool]:
        """What came of one check."""
        return [checked.passed for checked in self.checks if checked.name == name]


def run(
    scenario: type[Scenario],
    target: Target | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    users: int = 1,
    iterations: int = 1,
    seed: int = 0,
    data: Mapping[str, list[dict[str, str]]] | None = None,
    vars: Mapping[str, str] | None = None,
    wall: float | None = None,
    broker: Broker | None = None,
    server: Server | None = None,
    wanted: float = 60,
) -> Result:
    """Runs a scenario: all users at the same time, each its iterations one after another, in simulated time.

    A refused ``config`` raises :class:`Problem`. ``data`` are the plan's data sources, ``vars`` its variables, ``wall`` the
    time of day in seconds since 1970, if the plan allows to read it. ``broker`` is what plugins speak MQTT to; its requests stand
    among the others by their packets: the method is ``PUBLISH``, ``SUBSCRIBE``, …, and the URL the topic or the filters.
    ``server`` is what plugins have their WebSocket with; its requests have the method ``WS``, and for a URL ``connect``, ``send``, …
    ``wanted`` is how many seconds the load wants a user, counted from when its iteration begins.
    """
    time_of_day = None if wall is None else round(wall * 1e9)
    host = Host(target or Target(), broker or Broker(), server or Server(), seed, users=users, data=data or {}, wall=time_of_day)
    plugin = scenario()
    _configure(lambda text: _scenario.configure(plugin, text), config)
    passages = [Passage(host, user, vars or {}) for user in range(users)]
    errors: list[str] = []

    async def live(passage: Passage) -> None:
        bindings.enter(passage)
        loop = asyncio.get_running_loop()
        for passage.iteration in range(iterations):
            passage.wanted_until = loop.time() + wanted
            error = await _scenario.iterate(plugin)
            # As in a component, nothing outlives the iteration that began it.
            while passage.tasks:
                for task in tuple(passage.tasks):
                    task.cancel()
                await asyncio.gather(*passage.tasks, return_exceptions=True)
            if error is not None:
                errors.append(error)

    async def everyone() -> float:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_task)
        host.broker.begin(loop.time, loop.call_later)
        host.server.begin(loop.time, loop.call_later)
        await asyncio.gather(*map(live, passages))
        return loop.time()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        time = runner.run(everyone())
    return Result(
        host.requests, host.checks, host.figures, host.lines, host.groups, errors, [p.vars for p in passages], time
    )


class Use:
    """One use of a function in a plan, and one user to call it. A refused ``config`` raises :class:`Problem`.

    ``sets`` are the variables that the plan lets it set; ``vars`` those that it sees.
    """

    def __init__(
        self,
        function: type[Function],
        config: Mapping[str, Any] | None = None,
        *,
        user: int = 0,
        iteration: int = 0,
        seed: int = 0,
        data: Mapping[str, list[dict[str, str]]] | None = None,
        vars: Mapping[str, str] | None = None,
        sets: Iterable[str] = (),
    ) -> None:
        self.host = Host(seed=seed, users=user + 1, data=data or {})
        self.passage = Passage(self.host, user, vars or {}, sets)
        self.passage.iteration = iteration
        self._uses = Uses([function])
        self._number = _configure(lambda text: self._uses.configure(function.name, text), config)

    def generate(self) -> Message:
        """The next message. AssertionError has the error's text, if there is one."""
        made = self._call(self._uses.generate, self._number)
        return Message(made.body, fields=made.fields)

    def validate(self, answer: Answer) -> str | None:
        """What is wrong with an answer: the error's text, or None."""
        try:
            self._call(self._uses.validate, self._number, resource(answer, self.passage))
        except AssertionError as error:
            return str(error)
        return None

    def _call(self, function: Any, *arguments: Any) -> Any:
        def inside() -> Any:
            bindings.enter(self.passage)
            return function(*arguments)

        try:
            return contextvars.copy_context().run(inside)
        except Err as error:
            raise AssertionError(error.value) from None


def reply(answer: Answer) -> Reply:
    """A reply by hand, for testing what looks at one."""
    return Reply(resource(answer, Passage(Host(), 0, {})))


def _task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **more)
    passage = bindings.current()
    if passage is not None:
        passage.tasks.add(task)
        task.add_done_callback(passage.tasks.discard)
    return task


def _configure(hand_over: Any, config: Mapping[str, Any] | None) -> Any:
    try:
        return hand_over(json.dumps(config))
    except Err as error:
        problem = error.value
        raise Problem(problem.message, problem.path, problem.help) from None
