"""WebSocket, measured by Prony: ``await ws.send(json={"say": "hello"})``.

A user has one connection at a time, which stays from iteration to iteration unless the plan says
``connections: per_iteration``; headers, cookies, subprotocols, keep-alive, reconnecting, limits and the rest are those of the
plan's ``ws:``. Whatever needs a connection makes one when there is none, to the path of the plan's target::

    await ws.connect("/room/lobby?presence=1", headers={"authorization": f"Bearer {token}"})
    answer = await ws.request(json={"id": 7, "ask": "time"}, match="json $.id", name="ask")
    await ws.send("hello")
    async for message in ws.messages():
        log.info(message.text)
    await ws.close()

A request ends with an answer: the message, the status 101 of a handshake (or the one that refuses it, which counts as a failure),
the code of the server's CLOSE. Or with a :class:`WsFailure`. Its ``kind`` is ``closed`` or ``reset`` where the connection ended,
``goaway`` where the server said so by a CLOSE, ``timeout``, ``protocol``, ``request`` (it was not sent: it makes no sense),
``refused`` (too many under way, or the plan's target is no WebSocket), or one of making a connection: ``connect_refused``,
``dns``, ``tls``, …

Times are in seconds, or texts such as ``"200ms"``. ``options`` are further wishes by name, for what the host knows and these
functions do not. ``name`` is what results call a request; without it they call it by its function.
"""

from __future__ import annotations

import json as _json
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from prony_plugin import _crossing, _host
from prony_plugin.errors import Failed, WsFailure
from prony_plugin.http import seconds, to_json
from prony_plugin.reply import Reply

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]
_T = TypeVar("_T")
_UNSET: Any = object()


class Incoming:
    """A message that came."""

    __slots__ = ("_at", "_value")

    def __init__(self, record: Any) -> None:
        self._value: str | bytes = record.message.value
        self._at: int = record.at

    def __repr__(self) -> str:
        return f"<Incoming of {len(self._value)}>"

    @property
    def is_text(self) -> bool:
        """Whether it is a text message; otherwise it is a binary one."""
        return isinstance(self._value, str)

    @property
    def payload(self) -> bytes:
        """What it carries."""
        return self._value.encode() if isinstance(self._value, str) else self._value

    @property
    def text(self) -> str:
        """What it carries, as text; what is not UTF-8 in a binary one becomes ``�``."""
        return self._value if isinstance(self._value, str) else self._value.decode("utf-8", "replace")

    def json(self) -> Any:
        """What it carries, as JSON. :class:`Failed` tells that it is none."""
        try:
            return _json.loads(self._value)
        except ValueError:
            raise Failed("the message is no JSON") from None

    @property
    def at(self) -> float:
        """When it came: seconds since the run's beginning, as ``clock.now()`` counts, whatever the plugin was at."""
        return self._at / 1e9


async def connect(
    path: str | None = None,
    *,
    headers: Pairs = (),
    protocols: Iterable[str] = (),
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Connects. A connection that stands is closed first. What is not said is as the plan's target and its ``ws:`` say.

    ``path`` stands in place of the target's, ``headers`` win over the plan's, ``protocols`` stand in place of its subprotocols; the
    server's choice is the reply's header ``sec-websocket-protocol``.
    """
    opening = _host.ws.Opening(
        None if path is None else _crossing.text(path, "the path"),
        _crossing.pairs(headers, "header"),
        [_crossing.text(one, "a subprotocol") for one in protocols],
        _wishes(options, name=name, timeout=seconds(timeout)),
    )
    return Reply(await _answered(_host.ws.connect(opening)))


def connected() -> bool:
    """Whether there is a connection."""
    return _host.ws.connected()


async def send(
    message: str | bytes = "",
    *,
    json: Any = _UNSET,
    fragments: int | None = None,
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> None:
    """Sends a message, and waits until all of it is handed to the system. A text is a text message, bytes a binary one; ``json``
    stands in its place. ``fragments`` sends it in so many frames.
    """
    wishes = _wishes(options, name=name, timeout=seconds(timeout), fragments=_number(fragments))
    await _answered(_host.ws.send(_message(message, json), wishes))


async def request(
    message: str | bytes = "",
    *,
    json: Any = _UNSET,
    match: str | None = None,
    match_sent: str | None = None,
    match_received: str | None = None,
    key: object | None = None,
    fragments: int | None = None,
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Sends a message, and waits for its answer, which is the reply's body.

    The answer is the next message that comes, or the one with the same key: ``match`` says where both have it, in the words of a
    plan (``"json $.id"``, ``"regex /id=(.+)/"``), ``match_sent`` and ``match_received`` where each has it. Or the plugin knows it
    by a ``key`` of its own: it reads what comes meanwhile, and says which message it is by :func:`answered`. The reply has no body
    then.
    """
    wishes = _wishes(
        options, name=name, timeout=seconds(timeout), fragments=_number(fragments),
        match=match, match_sent=match_sent, match_received=match_received, key=None if key is None else str(key),
    )  # fmt: skip
    return Reply(await _answered(_host.ws.request(_message(message, json), wishes)))


def answered(key: object, answer: Incoming) -> bool:
    """This message answers the oldest request under way with this ``key``. True when there was one that was sent before it came."""
    return _host.ws.answered(_crossing.text(str(key), "the key"), answer._at)


async def receive(
    *, name: str | None = None, timeout: float | str | None = None, options: Pairs = ()
) -> Reply:
    """Waits for a message that answers no request, as a plan's ``receive``: how long it takes is measured, and that none comes in
    time is a failure (``timeout``). The reply's body is the message. Messages that came before are taken first.
    """
    return Reply(await _answered(_host.ws.receive(_wishes(options, name=name, timeout=seconds(timeout)))))


async def next() -> Incoming | None:
    """The next message that answers no request. It is no request itself.

    None when the load wants the user no longer, or there is no connection because the plugin has closed it or not made it. The
    longest-kept message comes first; the plan's ``inbox`` says how many are kept. :class:`WsFailure` tells, once, that the
    connection was lost and will not come back by itself.
    """
    record = await _answered(_host.ws.next())
    return None if record is None else Incoming(record)


async def messages() -> AsyncIterator[Incoming]:
    """All messages that come, until :func:`next` has none."""
    while (incoming := await next()) is not None:
        yield incoming


async def ping(*, name: str | None = None, timeout: float | str | None = None, options: Pairs = ()) -> Reply:
    """Sends a PING and waits for its PONG. The reply's ``time`` is the round trip."""
    return Reply(await _answered(_host.ws.ping(_wishes(options, name=name, timeout=seconds(timeout)))))


async def close(
    code: int = 1000,
    reason: str = "",
    *,
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Closes the connection: sends CLOSE and waits for the server's, whose code is the reply's status. Codes are 1000 to 1003, 1007
    to 1014, and 3000 to 4999.
    """
    number = _crossing.whole(code, 0, 2**16 - 1, "the code")
    wishes = _wishes(options, name=name, timeout=seconds(timeout))
    return Reply(await _answered(_host.ws.close(number, _crossing.text(reason, "the reason"), wishes)))


def _message(message: str | bytes, json: Any) -> Any:
    if json is not _UNSET:
        if message:
            raise TypeError("a message is `json`, or a text or bytes")
        return _host.ws.Message_Text(to_json(json).decode())
    if isinstance(message, str):
        return _host.ws.Message_Text(_crossing.text(message, "the message"))
    return _host.ws.Message_Binary(_crossing.content(message) or b"")


def _wishes(options: Pairs, **wishes: str | None) -> list[tuple[str, str]]:
    return _crossing.given(wishes.items(), "wish") + _crossing.pairs(options, "option")


def _number(number: int | None) -> str | None:
    return None if number is None else str(_crossing.whole(number, 1, 10_000, "the number of fragments"))


async def _answered(call: Awaitable[_T]) -> _T:
    """What the host answers, its failure as an exception."""
    try:
        return await call
    except _host.Err as error:
        raise WsFailure(error.value.kind, error.value.message) from None
