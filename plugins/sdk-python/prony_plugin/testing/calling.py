"""``grpc``, as the stand-in host answers it for one user."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from prony_plugin.testing import records
from prony_plugin.testing.target import Answer, NoAnswer, Sent

if TYPE_CHECKING:
    from prony_plugin.testing.host import Passage

CODES = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
]  # fmt: skip


def said(status: int) -> str:
    """A status in words."""
    return f"the server says {CODES[status] if status < len(CODES) else 'an unknown status'} ({status})"


class Call:
    """A call under way: written down among the other requests, its method being ``GRPC`` and its URL the method's name."""

    def __init__(self, passage: Passage, call: records.grpc.Call, body: bytes | None) -> None:
        self.passage = passage
        self.began = passage.host.now() / 1e9
        wishes = dict(call.options)
        self.method = call.method.removeprefix("/")
        name = wishes.get("name", self.method)
        self.sent = Sent(
            "GRPC", self.method, list(call.metadata), body, name, wishes, passage.user, passage.iteration, self.began,
        )  # fmt: skip
        passage.host.requests.append(self.sent)
        timeout = wishes.get("timeout", "")
        self.timeout = float(timeout.removesuffix("us")) / 1e6 if timeout.endswith("us") else float("inf")

    def fails(self, failure: records.Failure) -> records.Err:
        """There is no answer."""
        self.sent.failed = True
        return records.Err(failure)

    def is_expected(self, status: int) -> bool:
        """Whether a status is no failure."""
        words = self.sent.options.get("expect", "OK").split(",")
        return any(word.strip().upper() in (str(status), *CODES[status : status + 1]) for word in words)

    async def end(self, answer: Answer | NoAnswer) -> Any:
        """Waits for the server's answer, and gives it."""
        from prony_plugin.testing.host import FakeReply

        left = self.began + self.timeout - self.passage.host.now() / 1e9
        await self.passage.host.wait(max(0.0, min(answer.time, left)))
        if answer.time > left:
            raise self.fails(records.Failure("timeout", f"no answer came within {self.timeout:g} s"))
        if isinstance(answer, NoAnswer):
            raise self.fails(records.Failure(answer.kind, answer.message))
        self.sent.status = answer.status
        self.sent.failed = not self.is_expected(answer.status)
        return FakeReply(answer, self.sent, self.passage)


class Stream:
    """``grpc.stream``."""

    def __init__(self, call: Call, answers: Any, last: Answer | NoAnswer) -> None:
        self._call = call
        self._answers = answers
        self._last = last
        self._queue: deque[bytes] = deque()
        self._finished = False
        self._end: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._changed = asyncio.Event()
        self._asked: dict[str, deque[int]] = {}
        self._arrived = 0

    async def send(self, message: bytes) -> None:
        """See the WIT file, as with the other methods."""
        if self._cancelled or self._end is not None:
            raise records.Err(records.Failure("closed", "the stream has ended; nothing can be sent on it"))
        if self._finished:
            raise self._call.fails(records.Failure("request", "a message after the stream was finished"))
        self._queue.extend(self._answers(message))
        self._changed.set()

    async def send_json(self, message: str) -> None:
        """See the WIT file."""
        await self.send(message.encode())

    async def ask(self, key: str, message: bytes) -> None:
        """See the WIT file."""
        now = self._call.passage.host.now()
        await self.send(message)
        self._asked.setdefault(key, deque()).append(now)

    async def ask_json(self, key: str, message: str) -> None:
        """See the WIT file."""
        await self.ask(key, message.encode())

    def answered(self, key: str, at: int) -> bool:
        """See the WIT file. What is timed stands among the requests, as ``message`` and the stream's name."""
        waiting = self._asked.get(key)
        if not waiting or waiting[0] > at:
            return False
        sent, call = waiting.popleft(), self._call
        user, iteration = call.passage.user, call.passage.iteration
        timed = Sent("MESSAGE", key, [], None, f"message {call.sent.name}", {}, user, iteration, sent / 1e9, status=0)
        call.passage.host.requests.append(timed)
        return True

    def arrived(self) -> int:
        """See the WIT file."""
        return self._arrived

    async def finish(self) -> None:
        """See the WIT file."""
        self._finished = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """See the WIT file."""
        while not self._queue and not self._finished and not self._cancelled:
            self._changed.clear()
            await self._changed.wait()
        if self._queue:
            self._arrived = self._call.passage.host.now()
            return self._queue.popleft()
        reply = None if self._cancelled else await self._ended()
        if reply is not None and self._call.sent.failed:
            raise records.Err(records.Failure("status", said(reply.status())))
        return None

    async def next_json(self) -> str | None:
        """See the WIT file."""
        message = await self.next()
        return None if message is None else message.decode()

    def cancel(self) -> None:
        """See the WIT file."""
        if self._end is None and not self._cancelled:
            self._cancelled = True
            self._queue.clear()
            self._call.sent.status = 1
            self._changed.set()

    async def end(self) -> Any:
        """See the WIT file."""
        from prony_plugin.testing.host import FakeReply

        await self.finish()
        self._queue.clear()
        if self._cancelled:
            return FakeReply(Answer(1), self._call.sent, self._call.passage)
        return await self._ended()

    async def _ended(self) -> Any:
        if self._end is None:
            self._end = asyncio.ensure_future(self._call.end(self._last))
        return await asyncio.shield(self._end)


class Calling:
    """One user's gRPC."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    async def unary(self, call: records.grpc.Call, message: bytes) -> Any:
        """See the WIT file."""
        made = Call(self._passage, call, message)
        return await made.end(self._passage.host.target.call(made.sent))

    async def unary_json(self, call: records.grpc.Call, message: str) -> Any:
        """See the WIT file."""
        return await self.unary(call, message.encode())

    async def open(self, call: records.grpc.Call) -> Stream:
        """See the WIT file."""
        made = Call(self._passage, call, None)
        target = self._passage.host.target
        answers = target.streams.get(made.method)
        last = target.call(made.sent, 0 if answers else 12)
        return Stream(made, answers or (lambda _: []), last)
