"""The broker of a test: MQTT in memory, in simulated time."""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prony_plugin.testing import records
from prony_plugin.testing.device import Device, Subscription
from prony_plugin.testing.topics import matches, shared


@dataclass
class Published:
    """A message that a plugin has published and the broker has taken, or a will that the broker has published. ``at`` is in
    seconds since the run's beginning.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: list[tuple[str, str]]
    options: dict[str, str]
    will: bool
    user: int
    at: float

    @property
    def text(self) -> str:
        """The payload as UTF-8; what is not UTF-8 becomes ``�``."""
        return self.payload.decode("utf-8", "replace")

    def json(self) -> Any:
        """The payload as JSON."""
        return _json.loads(self.payload)

    def property(self, name: str) -> str | None:
        """The first property of this name."""
        return next((value for key, value in self.properties if key == name), None)


@dataclass
class Connection:
    """A connection that was made. ``will`` is what the plugin gave as one, as it would be published."""

    client_id: str | None
    username: str | None
    password: bytes | None
    will: Published | None
    options: dict[str, str]
    user: int
    at: float


Respond = Callable[[Published], Iterable[tuple[str, bytes | str]]]


@dataclass
class Broker:
    """A broker that takes everything at once, unless it is told otherwise.

    It keeps retained messages, knows wildcards, shared subscriptions and wills. It keeps no sessions, and nothing comes back by
    itself: both are the plan's. Properties are those of MQTT 5. ``time`` is how many seconds it takes for an answer.
    """

    time: float = 0.0
    published: list[Published] = field(default_factory=list)
    """What plugins have published, and wills, in their order. What the test has fed is not among it."""
    connections: list[Connection] = field(default_factory=list)
    retained: dict[str, records.mqtt.Message] = field(default_factory=dict)
    """What the broker keeps for later subscribers, by topic."""
    _devices: dict[int, Device] = field(default_factory=dict)
    _feeds: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _later: Callable[[float, Callable[[], None]], Any] | None = None
    _now: Callable[[], float] = lambda: 0.0
    _gate: int | records.Failure | None = None
    _verdicts: list[tuple[str, int | records.Failure | None]] = field(default_factory=list)
    _responders: list[tuple[str, Respond]] = field(default_factory=list)

    # What a test says.

    def feed(
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        after: float = 0,
        qos: int = 0,
        retain: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> Broker:
        """A message comes from somebody else, so many seconds from now, or from the run's beginning."""
        body = payload.encode() if isinstance(payload, str) else payload
        message = records.mqtt.Message(topic, body, qos, retain, list((properties or {}).items()), [])
        return self._do(after, lambda: self.route(message, None))

    def respond(self, filter: str, respond: Respond) -> Broker:
        """Has somebody answer what plugins publish on topics that the filter matches, by any number of topics and payloads."""
        self._responders.append((filter, respond))
        return self

    def refuse_connections(self, reason: int) -> Broker:
        """Refuses connections by this reason code, such as 135 (not authorised): they fail (``status``)."""
        self._gate = reason
        return self

    def fail_connections(self, kind: str, message: str = "as the test wants it") -> Broker:
        """Lets connections fail with this kind: ``connect_refused``, ``timeout``, …"""
        self._gate = records.Failure(kind, message)
        return self

    def refuse(self, filter: str, reason: int) -> Broker:
        """Answers what is published on topics that the filter matches, and subscriptions to the like, by this reason code. One
        of 128 and more fails them (``status``); 16 tells a publisher that nobody has subscribed, 0 to 2 are a QoS granted.
        """
        self._verdicts.append((filter, reason))
        return self

    def fail(self, filter: str, kind: str, message: str = "as the test wants it") -> Broker:
        """Lets what is published on topics that the filter matches, and subscriptions to the like, fail with this kind."""
        self._verdicts.append((filter, records.Failure(kind, message)))
        return self

    def accept(self, filter: str) -> Broker:
        """Takes it again."""
        self._verdicts.append((filter, None))
        return self

    def cut(self, user: int = 0, *, after: float = 0) -> Broker:
        """Cuts a user's connection, so many seconds from now: its will is published, and it does not come back by itself."""
        return self._do(after, lambda: self.end(user, "lost", True))

    # What a test sees.

    def published_on(self, filter: str) -> list[Published]:
        """What was published on topics that the filter matches."""
        return [message for message in self.published if matches(filter, message.topic)]

    def subscriptions(self, user: int = 0) -> list[Subscription]:
        """A user's subscriptions, in their order."""
        return list(self.device(user).subscriptions)

    def unsettled(self, user: int = 0) -> list[str]:
        """The topics of what a user got and has not settled, of what it is to settle by hand."""
        return list(self.device(user).unsettled.values())

    # What the stand-in host says.

    def begin(self, now: Callable[[], float], later: Callable[[float, Callable[[], None]], Any]) -> None:
        """The run begins: ``later`` calls a function so many seconds from now."""
        self._now, self._later = now, later
        for after, act in self._feeds:
            self._do(after, act)
        self._feeds.clear()

    def device(self, user: int) -> Device:
        """What the broker knows of a user."""
        return self._devices.setdefault(user, Device())

    def gate(self) -> int | records.Failure | None:
        """What the broker has against connections."""
        return self._gate

    def verdict(self, topic: str) -> int | records.Failure | None:
        """What the broker has against a topic, or a filter. What the test said last wins."""
        for filter, verdict in reversed(self._verdicts):
            if filter == topic or matches(filter, topic):
                return verdict
        return None

    def publish(self, message: records.mqtt.Message, user: int, will: bool = False) -> None:
        """Takes a message of a user."""
        kept = self.kept(message, user, will)
        self.published.append(kept)
        self.route(message, None if will else user)
        for filter, respond in self._responders:
            if not will and matches(filter, message.topic):
                for topic, payload in respond(kept):
                    self.feed(topic, payload)

    def kept(self, message: records.mqtt.Message, user: int, will: bool) -> Published:
        """A message for the record."""
        return Published(
            message.topic, message.payload, message.qos, message.retain, list(message.properties),
            dict(message.options), will, user, self._now(),
        )  # fmt: skip

    def subscribe(self, user: int, subscription: Subscription) -> None:
        """Subscribes a user, and hands it what is kept."""
        device = self.device(user)
        known = any(one.filter == subscription.filter for one in device.subscriptions)
        device.subscriptions[:] = [one for one in device.subscriptions if one.filter != subscription.filter]
        device.subscriptions.append(subscription)
        retained = subscription.options.get("retained", "always")
        if shared(subscription.filter) or retained == "never" or (retained == "new" and known):
            return
        for message in self.retained.values():
            if matches(subscription.filter, message.topic):
                device.hand(message, subscription, True, self._now())

    def end(self, user: int, link: str, with_will: bool) -> None:
        """A user's connection is over."""
        device = self.device(user)
        if device.link != "up":
            return
        will = device.end(link)
        if will is not None and with_will:
            delay = dict(will.options).get("delay", "0s").removesuffix("s")
            self._do(float(delay), lambda: self.publish(will, user, True))

    def route(self, message: records.mqtt.Message, source: int | None) -> None:
        """Keeps a message if it is to be kept, and hands it to all that have subscribed to it."""
        if message.retain:
            self.retained.pop(message.topic, None)
            if message.payload:
                self.retained[message.topic] = message
        groups: dict[str, Device] = {}
        for user, device in sorted(self._devices.items()):
            fits = [
                one
                for one in device.subscriptions
                if matches(one.filter, message.topic) and not (source == user and one.has("no_local"))
            ]
            if fits:
                by = max(fits, key=lambda one: one.qos)
                device.hand(message, by, message.retain and by.has("retain_as_published"), self._now())
            for one in device.subscriptions:
                group = shared(one.filter)
                if group and matches(group[1], message.topic):
                    rival = groups.setdefault(one.filter, device)
                    if device.came < rival.came:
                        groups[one.filter] = device
        for filter, device in groups.items():
            by = next(one for one in device.subscriptions if one.filter == filter)
            device.hand(message, by, message.retain and by.has("retain_as_published"), self._now())

    def _do(self, after: float, act: Callable[[], None]) -> Broker:
        if self._later is None:
            self._feeds.append((after, act))
        elif after > 0:
            self._later(after, act)
        else:
            act()
        return self
