"""MQTT 3.1.1 and 5, measured by Prony: ``await mqtt.publish("site/1/t", "21.5", qos=1)``.

A user is one device. It has one connection at a time, which stays from iteration to iteration unless the plan says
``connections: per_iteration``; version, keep-alive, reconnecting, certificates and the rest are those of the plan's ``mqtt:``.
Whatever needs a connection makes one when there is none. All that is sent is measured, and what comes is held against what
was sent, as for a plan's steps::

    await mqtt.connect(client_id=f"meter-{user.id}", will=mqtt.message("meters/gone", f"{user.id}", qos=1))
    await mqtt.publish(f"meters/{user.id}/reading", json={"kwh": 12.5}, qos=1, name="reading")
    await mqtt.subscribe(f"meters/{user.id}/set", qos=1)
    async for message in mqtt.messages():
        log.info(f"{message.text} on {message.topic}")
    await mqtt.disconnect()

A request ends with an answer, whose ``status`` is the broker's reason code, below 128 (0 where there is none to be had), or
with an :class:`MqttFailure`. Its ``kind`` is ``status`` where the broker refuses, ``closed`` or ``reset`` where the connection
ended, ``timeout``, ``protocol``, ``goaway`` (a DISCONNECT of the broker), ``request`` (it was not sent: it makes no sense, or
the broker does not take the like), ``refused`` (too many under way), or one of making a connection: ``connect_refused``,
``dns``, ``tls``, …

Times are in seconds, or texts such as ``"200ms"``. ``options`` are further wishes by name, for what the host knows and these
functions do not. ``name`` is what results call a request; without it they call it by its function.
"""

from __future__ import annotations

import json as _json
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from prony_plugin import _crossing, _host
from prony_plugin.errors import Failed, MqttFailure
from prony_plugin.http import seconds, to_json
from prony_plugin.reply import Reply

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]
_T = TypeVar("_T")
_UNSET: Any = object()


class Message:
    """A message, made by :func:`message`: to publish, or to be a will."""

    __slots__ = ("_record",)

    def __init__(self, record: Any) -> None:
        self._record = record

    def __repr__(self) -> str:
        return f"<Message on {self._record.topic}>"

    async def publish(self) -> Reply:
        """Publishes it and waits until it is settled: acknowledged by the broker (QoS 1 and 2), or written (QoS 0)."""
        return Reply(await _answered(_host.mqtt.publish(self._record)))

    async def send(self) -> Publication:
        """Hands it to the connection and goes on. It waits only while as many messages are under way as the plan's
        ``in_flight``, or the broker, allows.
        """
        return Publication(await _answered(_host.mqtt.send(self._record)))


class Publication:
    """A message that has been handed to the connection. It is measured whether anybody waits for it or not."""

    __slots__ = ("_resource",)

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    async def settled(self) -> Reply:
        """Waits until the broker has acknowledged it (QoS 1 and 2), or it is written (QoS 0). It may be asked again."""
        return Reply(await _answered(self._resource.settled()))


class Incoming:
    """A message that came."""

    __slots__ = ("_record",)

    def __init__(self, record: Any) -> None:
        self._record = record

    def __repr__(self) -> str:
        return f"<Incoming on {self.topic}>"

    @property
    def topic(self) -> str:
        """Its topic."""
        return self._record.topic

    @property
    def payload(self) -> bytes:
        """What it carries."""
        return self._record.payload

    @property
    def text(self) -> str:
        """What it carries, as UTF-8; what is not UTF-8 becomes ``�``."""
        return self.payload.decode("utf-8", "replace")

    def json(self) -> Any:
        """What it carries, as JSON. :class:`Failed` tells that it is none."""
        try:
            return _json.loads(self.payload)
        except ValueError:
            raise Failed("the message is no JSON") from None

    @property
    def qos(self) -> int:
        """The quality of service it came with: 0, 1 or 2."""
        return self._record.qos

    @property
    def retained(self) -> bool:
        """Whether the broker had kept it from before the subscription."""
        return self._record.retained

    @property
    def repeated(self) -> bool:
        """Whether the broker says that it may have come before."""
        return self._record.repeated

    @property
    def properties(self) -> list[tuple[str, str]]:
        """All its properties, in the order they came."""
        return list(self._record.properties)

    @property
    def at(self) -> float:
        """When it came: seconds since the run's beginning, as ``clock.now()`` counts, whatever the plugin was at."""
        return self._record.at / 1e9

    def property(self, name: str) -> str | None:
        """The first property of this name: those of :func:`message`, and ``subscription-identifier``. MQTT 5."""
        for key, value in self._record.properties:
            if key == name:
                return value
        return None

    def settle(self) -> None:
        """Acknowledges it, where the connection was made with ``settle_by_hand``; otherwise it has been. One whose
        connection is gone is not acknowledged any more: the broker may send it again.
        """
        if self._record.number:
            _host.mqtt.settle(self._record.number)


def message(
    topic: str,
    payload: bytes | str = b"",
    *,
    json: Any = _UNSET,
    qos: int = 0,
    retain: bool = False,
    properties: Pairs = (),
    content_type: str | None = None,
    response_topic: str | None = None,
    correlation: str | None = None,
    expiry: int | None = None,
    name: str | None = None,
    timeout: float | str | None = None,
    stamp: str | None = None,
    delay: int | None = None,
    options: Pairs = (),
) -> Message:
    """A message.

    - ``payload`` is bytes or a text; ``json`` stands in its place.
    - ``qos`` is 0, 1 or 2. With ``retain`` the broker keeps it for later subscribers.
    - ``properties`` are user properties; ``content_type``, ``response_topic``, ``correlation`` and ``expiry`` (how long the
      broker may hold it, in whole seconds) are those of the standard. All of them are MQTT 5, left out in 3.1.1.
    - ``timeout`` is the longest that it may take until it is settled.
    - ``stamp`` says where the stamp travels by which Prony finds a message again: ``"off"``, ``"payload"`` or ``"property"``.
    - ``delay`` is for a will: how many whole seconds the broker waits before it publishes it. MQTT 5.
    """
    if json is not _UNSET:
        if payload:
            raise TypeError("a message has one of `payload` and `json`")
        payload = to_json(json)
    standard = [
        ("content-type", content_type),
        ("response-topic", response_topic),
        ("correlation-data", correlation),
        ("message-expiry", None if expiry is None else str(_crossing.whole(expiry, 0, 2**32 - 1, "the expiry"))),
    ]
    wishes = [
        ("name", name),
        ("timeout", seconds(timeout)),
        ("stamp", stamp),
        ("delay", None if delay is None else f"{_crossing.whole(delay, 0, 2**32 - 1, 'the delay')}s"),
    ]
    return Message(
        _host.mqtt.Message(
            _crossing.text(topic, "the topic"),
            _crossing.content(payload) or b"",
            _crossing.whole(qos, 0, 2, "the QoS"),
            bool(retain),
            _crossing.given(standard, "property") + _crossing.pairs(properties, "property"),
            _crossing.given(wishes, "wish") + _crossing.pairs(options, "option"),
        )
    )


async def publish(topic: str, payload: bytes | str = b"", **more: Any) -> Reply:
    """Publishes a message and waits until it is settled; the keywords are those of :func:`message`."""
    return await message(topic, payload, **more).publish()


async def send(topic: str, payload: bytes | str = b"", **more: Any) -> Publication:
    """Hands a message to the connection and goes on; the keywords are those of :func:`message`."""
    return await message(topic, payload, **more).send()


async def connect(
    *,
    client_id: str | None = None,
    username: str | None = None,
    password: bytes | str | None = None,
    will: Message | None = None,
    settle_by_hand: bool = False,
    name: str | None = None,
    options: Pairs = (),
) -> Reply:
    """Connects. A connection that stands is ended first, by a DISCONNECT. What is not said is as the plan's ``mqtt:`` says.

    ``will`` is what the broker publishes when the connection is lost, or aborted. With ``settle_by_hand`` what comes is
    acknowledged by ``settle`` of the message, and not at once.
    """
    wishes = [("name", name), ("settle", "manual" if settle_by_hand else None)]
    identity = _host.mqtt.Identity(
        None if client_id is None else _crossing.text(client_id, "the client identifier"),
        None if username is None else _crossing.text(username, "the user name"),
        _crossing.content(password),
        None if will is None else will._record,
        _crossing.given(wishes, "wish") + _crossing.pairs(options, "option"),
    )
    return Reply(await _answered(_host.mqtt.connect(identity)))


def connected() -> bool:
    """Whether there is a connection."""
    return _host.mqtt.connected()


async def subscribe(
    filters: str | Iterable[str],
    *,
    qos: int = 0,
    no_local: bool = False,
    retain_as_published: bool = False,
    retained: str | None = None,
    identifier: int | None = None,
    keep: bool = True,
    name: str | None = None,
    deliver: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Subscribes to a topic filter, or a list of them. The reply's status is the greatest reason code: the QoS granted.

    - ``qos`` is the highest that messages may come with.
    - ``no_local`` leaves out one's own messages, ``retain_as_published`` keeps their retain flag, ``retained`` says which
      retained messages come (``"always"``, ``"new"``, ``"never"``), ``identifier`` is a number that messages carry. MQTT 5.
    - Without ``keep`` messages are timed and audited, and none of them is handed to the plugin.
    - ``deliver`` is what results call its messages; otherwise ``deliver`` and the filter. Say it where filters differ from
      user to user.
    """
    wishes = [
        ("qos", str(_crossing.whole(qos, 0, 2, "the QoS"))),
        ("no_local", "true" if no_local else None),
        ("retain_as_published", "true" if retain_as_published else None),
        ("retained", retained),
        ("identifier", None if identifier is None else str(identifier)),
        ("keep", None if keep else "false"),
        ("name", name),
        ("deliver", deliver),
        ("timeout", seconds(timeout)),
    ]
    chosen = _crossing.given(wishes, "wish") + _crossing.pairs(options, "option")
    return Reply(await _answered(_host.mqtt.subscribe(_filters(filters), chosen)))


async def unsubscribe(
    filters: str | Iterable[str],
    *,
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Ends subscriptions."""
    chosen = _crossing.given([("name", name), ("timeout", seconds(timeout))], "wish") + _crossing.pairs(options, "option")
    return Reply(await _answered(_host.mqtt.unsubscribe(_filters(filters), chosen)))


async def receive(
    filter: str | None = None,
    *,
    name: str | None = None,
    timeout: float | str | None = None,
    options: Pairs = (),
) -> Reply:
    """Waits for a message, on any topic or on one that the filter matches, as a plan's ``receive``: how long it takes is
    measured, and that none comes in time is a failure (``timeout``). The reply has its ``topic``, each ``property(name)``, and
    the payload as its body. Messages that came before are taken first.
    """
    chosen = _crossing.given([("name", name), ("timeout", seconds(timeout))], "wish") + _crossing.pairs(options, "option")
    return Reply(await _answered(_host.mqtt.receive(_filter(filter), chosen)))


async def next(filter: str | None = None) -> Incoming | None:
    """The next message, on any topic or on one that the filter matches; others are kept. It is no request.

    None when the load wants the user no longer, or there is no connection because the plugin has ended it or not made it. The
    longest-kept message comes first; the 1,000 latest are kept. :class:`MqttFailure` tells, once, that the connection was lost
    and will not come back by itself.
    """
    record = await _answered(_host.mqtt.next(_filter(filter)))
    return None if record is None else Incoming(record)


async def messages(filter: str | None = None) -> AsyncIterator[Incoming]:
    """All messages that come, on any topic or on those that the filter matches, until :func:`next` has none."""
    while (incoming := await next(filter)) is not None:
        yield incoming


async def disconnect(*, name: str | None = None, options: Pairs = ()) -> None:
    """Ends the connection: what is under way is waited for, then comes DISCONNECT, and no will."""
    await _leave("clean", name, options)


async def abort(*, name: str | None = None, options: Pairs = ()) -> None:
    """Cuts the connection: a TCP reset, after which the broker publishes the will. Messages under way fail (``closed``)."""
    await _leave("abort", name, options)


async def _leave(how: str, name: str | None, options: Pairs) -> None:
    chosen = _crossing.given([("how", how), ("name", name)], "wish") + _crossing.pairs(options, "option")
    await _answered(_host.mqtt.disconnect(chosen))


async def _answered(call: Awaitable[_T]) -> _T:
    """What the host answers, its failure as an exception."""
    try:
        return await call
    except _host.Err as error:
        raise MqttFailure(error.value.kind, error.value.message) from None


def _filters(filters: str | Iterable[str]) -> list[str]:
    given = [filters] if isinstance(filters, str) else filters
    return [_crossing.text(one, "a topic filter") for one in given]


def _filter(filter: str | None) -> str | None:
    return None if filter is None else _crossing.text(filter, "the topic filter")
