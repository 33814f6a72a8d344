"""gRPC, measured by Prony: ``reply = await grpc.unary("shop.v1.Cart/AddItem", json={"sku": "A-1"})``.

Connections, several servers, metadata of every call, compression, limits and TLS are those of the plan's ``grpc:``. Messages are
bytes, or JSON (proto3's mapping). JSON needs the services' schema: from the plan's ``proto`` or ``descriptors``, or else the server is
asked for it before the load (reflection). Bytes need none::

    added = await grpc.unary("shop.v1.Cart/AddItem", json={"sku": "A-1"}, metadata={"x-user": str(user.id)}, timeout=2)
    added.check("added", added.status == 0)

    async with await grpc.open("shop.v1.Cart/Watch") as stream:
        await stream.send_json({"cart": "7"})
        await stream.finish()
        async for event in stream.json_messages():
            log.info(event["state"])

A call ends with an answer, whose ``status`` is gRPC's code: also one that is not OK, which counts as a failure unless ``expect`` has it.
The server's words to it are ``reply.trailer("grpc-message")``. Or with a :class:`GrpcFailure`, which has been counted: its ``kind`` is
``timeout``, ``reset``, ``goaway``, ``protocol``, …; ``request`` where a call or a message makes no sense; ``refused`` where too many are
under way, or the plan's target is no gRPC server; or one of making a connection: ``connect_refused``, ``dns``, ``tls``, …

The keywords of :func:`unary` and :func:`open`:

- ``metadata`` are names and values, those of names that end in ``-bin`` in base64. They win over the plan's.
- ``timeout`` is the longest that the call may take, in seconds, or a text such as ``"200ms"``; the server is told of it as the deadline.
- ``expect`` are the status codes that are no failure, in place of OK: ``"NOT_FOUND"``, ``5``, a list.
- ``name`` is what results call it; without it they call it by its method.
- ``options`` are further wishes by name, for what the host knows and these functions do not.
"""

from __future__ import annotations

import json as _json
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from prony_plugin import _crossing, _host
from prony_plugin.errors import GrpcFailure
from prony_plugin.http import statuses, seconds, to_json
from prony_plugin.reply import Reply

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]
_T = TypeVar("_T")
_UNSET: Any = object()


async def unary(method: str, message: bytes = b"", *, json: Any = _UNSET, **more: Any) -> Reply:
    """Makes a unary call with a message in bytes, or in ``json``; the answer's body is the same."""
    if json is _UNSET:
        return Reply(await _answered(_host.grpc.unary(_call(method, **more), _bytes(message))))
    if message:
        raise TypeError("a call has one of a message in bytes and `json`")
    return Reply(await _answered(_host.grpc.unary_json(_call(method, **more), to_json(json).decode())))


async def open(method: str, **more: Any) -> Stream:
    """Begins a call of any kind, to send and read messages as one likes. One that takes a single message is sent it, and finished."""
    return Stream(await _answered(_host.grpc.open(_call(method, **more))))


class Stream:
    """A stream, made by :func:`open`. The whole of it is one request, which ends with its status. It is cancelled when it is let go
    before; ``async with`` says when that is.

    Sending and reading go on side by side: ``asyncio.gather`` does both at a time.
    """

    __slots__ = ("_resource",)

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    async def send(self, message: bytes) -> None:
        """Sends a message in bytes; waits while the server's flow control says so."""
        await _answered(self._resource.send(_bytes(message)))

    async def send_json(self, message: Any) -> None:
        """Sends a message in JSON. One that does not fit ends the stream (``request``)."""
        await _answered(self._resource.send_json(to_json(message).decode()))

    async def ask(self, key: object, message: bytes) -> None:
        """Sends a message in bytes that asks for an answer. The plugin knows the answer when it comes, and says so by :meth:`answered`;
        results have the times in between as ``message`` and the stream's name. A key is what request and answer have in common.
        """
        await _answered(self._resource.ask(_crossing.text(str(key), "the key"), _bytes(message)))

    async def ask_json(self, key: object, message: Any) -> None:
        """The same in JSON."""
        await _answered(self._resource.ask_json(_crossing.text(str(key), "the key"), to_json(message).decode()))

    def answered(self, key: object) -> bool:
        """The message that was read last answers the oldest that was asked under this key. True when there was one."""
        return self._resource.answered(_crossing.text(str(key), "the key"), self._resource.arrived())

    @property
    def arrived(self) -> float:
        """When the message came that was read last, in seconds since the run's beginning, as ``clock.now()``; 0 when none has."""
        return self._resource.arrived() / 1e9

    async def finish(self) -> None:
        """Tells the server that no more messages come."""
        await self._resource.finish()

    async def next(self) -> bytes | None:
        """The next message in bytes; None when the stream has ended as expected, or was cancelled."""
        return await _answered(self._resource.next())

    async def next_json(self) -> Any:
        """The next message as JSON; None when the stream has ended as expected, or was cancelled."""
        text = await _answered(self._resource.next_json())
        return None if text is None else _json.loads(text)

    async def messages(self) -> AsyncIterator[bytes]:
        """All messages that come, in bytes."""
        while (message := await self.next()) is not None:
            yield message

    async def json_messages(self) -> AsyncIterator[Any]:
        """All messages that come, as JSON."""
        while (message := await self.next_json()) is not None:
            yield message

    def cancel(self) -> None:
        """Wants no more of it: it is reset, and counts as no failure. After its end it does nothing."""
        self._resource.cancel()

    async def end(self) -> Reply:
        """Waits for the stream's end: sends no more, and lets go of messages that still come. The reply has the status, metadata and
        trailers, and no body. It may be asked again.
        """
        return Reply(await _answered(self._resource.end()))


def _call(
    method: str,
    *,
    metadata: Pairs = (),
    timeout: float | str | None = None,
    expect: int | str | Iterable[int | str] | None = None,
    name: str | None = None,
    options: Pairs = (),
) -> Any:
    wishes = [("name", name), ("timeout", seconds(timeout)), ("expect", statuses(expect))]
    chosen = _crossing.pairs([(key, value) for key, value in wishes if value is not None], "wish")
    return _host.grpc.Call(
        _crossing.text(method, "the method"),
        _crossing.pairs(metadata, "metadata entry"),
        chosen + _crossing.pairs(options, "option"),
    )


def _bytes(message: bytes) -> bytes:
    """A message in bytes; a text would be taken for JSON that is not."""
    if isinstance(message, str):
        raise TypeError("the message is a text, and bytes are expected; JSON goes by `json`")
    return _crossing.content(message) or b""


async def _answered(call: Awaitable[_T]) -> _T:
    """What the host answers, its failure as an exception."""
    try:
        return await call
    except _host.Err as error:
        raise GrpcFailure(error.value.kind, error.value.message) from None
