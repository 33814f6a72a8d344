"""``ws``, as the stand-in host answers it for one user."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from prony_plugin.testing import records
from prony_plugin.testing.messaging import Call, Options
from prony_plugin.testing.server import Line, Opened, Said, Server
from prony_plugin.testing.target import Answer

if TYPE_CHECKING:
    from prony_plugin.testing.host import Passage

_T = TypeVar("_T")
_PATIENCE = 30.0  # a plan's default
_PLAIN = records.ws.Opening(None, [], [], [])
Message = records.ws.Message_Text | records.ws.Message_Binary


class Socket:
    """One user's WebSocket."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._asked = 0

    @property
    def _server(self) -> Server:
        return self._passage.host.server

    @property
    def _line(self) -> Line:
        return self._server.line(self._passage.user)

    def _call(self, what: str, options: Options, body: bytes | None = None) -> Call:
        return Call(self._passage, "WS", what, body, options, what)

    async def _takes(self, call: Call) -> None:
        takes = self._server.time
        await self._passage.host.wait(min(takes, call.timeout))
        if takes > call.timeout:
            raise call.late()

    def connected(self) -> bool:
        """See the WIT file, as with the other methods."""
        return self._line.link == "up"

    async def connect(self, opening: records.ws.Opening) -> Any:
        """See the WIT file."""
        call = self._call("connect", opening.options)
        verdict = self._connect(opening)
        await self._takes(call)
        if isinstance(verdict, records.Failure):
            raise call.fails(verdict.kind, verdict.message)
        if verdict is not None:
            call.sent.failed = True
        return call.answered(101 if verdict is None else verdict)

    def _connect(self, opening: records.ws.Opening) -> int | records.Failure | None:
        server, line = self._server, self._line
        line.link = "none"
        verdict = server.gate()
        if verdict is None:
            line.link = "up"
            at = self._passage.host.now() / 1e9
            made = Opened(
                opening.path, opening.headers, opening.protocols, dict(opening.options), self._passage.user, at
            )
            server.connections.append(made)
        return verdict

    async def _stand(self, call: Call) -> None:
        """Makes a connection where there is none, as the plan says."""
        if self.connected():
            return
        verdict = self._connect(_PLAIN)
        await self._takes(call)
        if isinstance(verdict, records.Failure):
            raise call.fails(verdict.kind, verdict.message)
        if verdict is not None:
            kind = "status_4xx" if verdict < 500 else "status_5xx"
            raise call.fails(kind, f"the server refuses the handshake, status {verdict}")

    def _say(self, message: Message, options: Options) -> list[str | bytes]:
        at = self._passage.host.now() / 1e9
        return self._server.answers(Said(message.value, dict(options), self._passage.user, at))

    async def send(self, message: Message, options: Options) -> None:
        """See the WIT file."""
        call = self._call("send", options, _bytes(message.value))
        await self._stand(call)
        self._server.later(self._say(message, options), self._passage.user)
        call.answered(0)

    async def request(self, message: Message, options: Options) -> Any:
        """See the WIT file."""
        call = self._call("request", options, _bytes(message.value))
        await self._stand(call)
        key, user = call.sent.options.get("key"), self._passage.user
        if key is None:
            answer, *others = self._say(message, options) or [None]
            self._server.later(others, user)
            if answer is None:
                await self._found(call, lambda line: None)
            await self._takes(call)
            return call.answered(0, _answer(answer))
        self._asked += 1
        number = self._asked
        self._line.asks.setdefault(key, deque()).append((number, self._passage.host.now()))
        self._server.later(self._say(message, options), user)
        try:
            at = await self._found(call, lambda line: line.answers.pop(number, None))
        finally:
            for asks in self._line.asks.values():
                if asks and asks[0][0] == number:
                    asks.popleft()
        return call.answered(0, at=at)

    def answered(self, key: str, at: int) -> bool:
        """See the WIT file."""
        line = self._line
        asks = line.asks.get(key)
        if not asks or asks[0][1] > at:
            return False
        line.answers[asks.popleft()[0]] = at
        line.wake()
        return True

    async def receive(self, options: Options) -> Any:
        """See the WIT file."""
        call = self._call("receive", options)
        await self._stand(call)
        incoming = await self._found(call, lambda line: line.kept.popleft() if line.kept else None)
        return call.answered(0, _answer(incoming.message.value), incoming.at)

    async def next(self) -> records.ws.Incoming | None:
        """See the WIT file."""
        line = self._line
        left = self._passage.wanted_until - self._passage.host.now() / 1e9
        incoming = await self._wait(lambda line: line.kept.popleft() if line.kept else None, left)
        if incoming is None and line.link == "lost":
            line.link = "none"  # it is told once
            raise records.Err(line.reason)
        return incoming

    async def ping(self, options: Options) -> Any:
        """See the WIT file."""
        call = self._call("ping", options)
        await self._stand(call)
        await self._takes(call)
        return call.answered(0)

    async def close(self, code: int, reason: str, options: Options) -> Any:
        """See the WIT file."""
        call = self._call("close", options)
        await self._stand(call)
        await self._takes(call)
        self._line.end("left")
        answer = Answer(code)
        answer.fields = {"close": [("code", str(code)), ("reason", reason)]}
        return call.answered(code, answer)

    async def _found(self, call: Call, look: Callable[[Line], _T | None]) -> _T:
        seconds = min(call.timeout, _PATIENCE)
        found = await self._wait(look, call.began + seconds - call.now())
        if found is not None:
            return found
        if self.connected():
            raise call.fails("timeout", f"nothing came within {seconds:g} s")
        raise call.fails(self._line.reason.kind, self._line.reason.message)

    async def _wait(self, look: Callable[[Line], _T | None], seconds: float) -> _T | None:
        """Waits until the connection has something, so long, or until it is over."""
        loop = asyncio.get_running_loop()
        until, line = loop.time() + seconds, self._line
        while (found := look(line)) is None and line.link == "up" and loop.time() < until - 1e-9:
            woken = loop.create_future()
            line.waiting.append(woken)
            timer = loop.call_later(until - loop.time(), lambda woken=woken: woken.done() or woken.set_result(None))
            try:
                await woken
            finally:
                timer.cancel()
        return found


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _answer(value: str | bytes) -> Answer:
    answer = Answer(0, _bytes(value))
    answer.fields = {"message": [("type", "text" if isinstance(value, str) else "binary")]}
    return answer
