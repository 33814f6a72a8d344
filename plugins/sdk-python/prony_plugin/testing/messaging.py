"""``mqtt``, as the stand-in host answers it for one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prony_plugin.testing import records
from prony_plugin.testing.broker import Connection
from prony_plugin.testing.device import Subscription
from prony_plugin.testing.target import Answer, Sent
from prony_plugin.testing.topics import mistake

if TYPE_CHECKING:
    from prony_plugin.testing.host import Passage

Options = list[tuple[str, str]]

_NOBODY = records.mqtt.Identity(None, None, None, None, [])


class Publication:
    """``mqtt.publication``."""

    def __init__(self, call: Call, reason: int, verdict: int | records.Failure | None, due: float) -> None:
        self._call = call
        self._reason = reason
        self._verdict = verdict
        self._due = due

    async def settled(self) -> Any:
        """See the WIT file."""
        call = self._call
        left = min(self._due, call.began + call.timeout) - call.now()
        await call.passage.host.wait(max(0.0, left))
        if self._due > call.began + call.timeout:
            raise call.late()
        if self._verdict is not None:
            raise call.refused(self._verdict)
        return call.answered(self._reason)


class Call:
    """A request under way: written down among the others. Those of MQTT have the name of their packet for a method."""

    def __init__(
        self,
        passage: Passage,
        method: str,
        place: str,
        body: bytes | None,
        options: Options,
        name: str | None = None,
    ) -> None:
        self.passage = passage
        self.began = passage.host.now() / 1e9
        wishes = dict(options)
        name = wishes.get("name", name or method.lower())
        user, iteration = passage.user, passage.iteration
        self.sent = Sent(method, place, [], body, name, wishes, user, iteration, self.began)
        passage.host.requests.append(self.sent)
        timeout = wishes.get("timeout", "")
        self.timeout = float(timeout.removesuffix("us")) / 1e6 if timeout.endswith("us") else float("inf")

    def now(self) -> float:
        """Simulated seconds."""
        return self.passage.host.now() / 1e9

    async def end(self, verdict: int | records.Failure | None, reason: int = 0) -> Any:
        """Waits for the broker's answer, and gives it."""
        takes = self.passage.host.broker.time
        await self.passage.host.wait(min(takes, self.timeout))
        if takes > self.timeout:
            raise self.late()
        if verdict is not None:
            raise self.refused(verdict)
        return self.answered(reason)

    def answered(self, reason: int, answer: Answer | None = None, at: int | None = None) -> Any:
        """The answer; ``at`` is when it came, in nanoseconds, if that was not just now."""
        from prony_plugin.testing.host import FakeReply

        answer = answer or Answer(reason)
        answer.time = max(0.0, (self.now() if at is None else at / 1e9) - self.began)
        self.sent.status = answer.status
        return FakeReply(answer, self.sent, self.passage, at)

    def refused(self, verdict: int | records.Failure) -> records.Err:
        """The broker does not take it."""
        if isinstance(verdict, int):
            self.sent.status = verdict
            return self.fails("status", f"the broker says no, reason code {verdict}")
        return self.fails(verdict.kind, verdict.message)

    def late(self) -> records.Err:
        """It took too long."""
        return self.fails("timeout", f"no answer within {self.timeout:g} s")

    def fails(self, kind: str, message: str) -> records.Err:
        """There is no answer."""
        self.sent.failed = True
        return records.Err(records.Failure(kind, message))


class Messaging:
    """One user's MQTT."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    @property
    def _broker(self) -> Any:
        return self._passage.host.broker

    @property
    def _device(self) -> Any:
        return self._broker.device(self._passage.user)

    def _call(self, packet: str, place: str, options: Options, body: bytes | None = None) -> Call:
        return Call(self._passage, packet, place, body, options)

    def connected(self) -> bool:
        """See the WIT file, as with the other methods."""
        return self._device.link == "up"

    async def connect(self, identity: records.mqtt.Identity) -> Any:
        """See the WIT file."""
        call = self._call("CONNECT", "", identity.options)
        return await call.end(self._connect(identity))

    def _connect(self, identity: records.mqtt.Identity) -> int | records.Failure | None:
        user, broker, device = self._passage.user, self._broker, self._device
        broker.end(user, "none", False)
        verdict = broker.gate()
        device.link = "none" if verdict is not None else "up"
        if verdict is None:
            options = dict(identity.options)
            device.by_hand = options.get("settle") == "manual"
            device.will = identity.will
            will = None if identity.will is None else broker.kept(identity.will, user, True)
            at = self._passage.host.now() / 1e9
            made = Connection(identity.client_id, identity.username, identity.password, will, options, user, at)
            broker.connections.append(made)
        return verdict

    async def _stand(self, call: Call) -> None:
        """Makes a connection where there is none, as the plan says."""
        if self.connected():
            return
        verdict = self._connect(_NOBODY)
        await self._passage.host.wait(self._broker.time)
        if verdict is not None:
            raise call.refused(verdict)

    async def send(self, message: records.mqtt.Message) -> Publication:
        """See the WIT file."""
        call = self._call("PUBLISH", message.topic, message.options, message.payload)
        if not message.topic or "+" in message.topic or "#" in message.topic:
            raise call.fails("request", f"`{message.topic}` is no topic to publish on: it is empty, or has a wildcard")
        await self._stand(call)
        verdict = self._broker.verdict(message.topic)
        due = call.now() + self._broker.time
        # A reason code below 128 is no refusal.
        reason, verdict = (verdict, None) if isinstance(verdict, int) and verdict < 128 else (0, verdict)
        if verdict is None:
            self._broker.publish(message, self._passage.user)
        else:
            call.sent.failed = True
        return Publication(call, reason, verdict, due)

    async def publish(self, message: records.mqtt.Message) -> Any:
        """See the WIT file."""
        return await (await self.send(message)).settled()

    async def subscribe(self, filters: list[str], options: Options) -> Any:
        """See the WIT file."""
        call = self._call("SUBSCRIBE", ", ".join(filters), options)
        self._check(call, filters)
        await self._stand(call)
        asked, greatest = int(call.sent.options.get("qos", "0")), 0
        for filter in filters:
            verdict = self._broker.verdict(filter)
            if isinstance(verdict, int) and verdict < 128:
                qos = min(asked, verdict)
            elif verdict is not None:
                return await call.end(verdict)
            else:
                qos = asked
            greatest = max(greatest, qos)
            self._broker.subscribe(self._passage.user, Subscription(filter, qos, call.sent.options))
        return await call.end(None, greatest)

    async def unsubscribe(self, filters: list[str], options: Options) -> Any:
        """See the WIT file."""
        call = self._call("UNSUBSCRIBE", ", ".join(filters), options)
        self._check(call, filters)
        await self._stand(call)
        subscriptions = self._device.subscriptions
        left = [one for one in subscriptions if one.filter not in filters]
        existed = len(left) + len(filters) == len(subscriptions)
        subscriptions[:] = left
        return await call.end(None, 0 if existed else 17)  # 17: no subscription existed

    async def receive(self, filter: str | None, options: Options) -> Any:
        """See the WIT file."""
        call = self._call("RECEIVE", filter or "#", options)
        self._check(call, [filter or "#"])
        await self._stand(call)
        seconds = min(call.timeout, 30)
        message = await self._device.arrival(filter, seconds)
        if message is None and self.connected():
            raise call.fails("timeout", f"no message within {seconds:g} s")
        if message is None:
            raise call.fails("closed", "the connection was lost")
        answer = Answer(0, message.payload)
        answer.fields = {"topic": [("", message.topic)], "property": list(message.properties)}
        return call.answered(0, answer, message.at)

    async def next(self, filter: str | None) -> records.mqtt.Incoming | None:
        """See the WIT file."""
        told = None if filter is None else mistake(filter)
        if told is not None:
            raise records.Err(records.Failure("request", told))
        device = self._device
        message = await device.arrival(filter, self._passage.wanted_until - self._passage.host.now() / 1e9)
        if message is None and device.link == "lost":
            device.link = "none"  # it is told once
            raise records.Err(records.Failure("closed", "the connection was lost"))
        return message

    def settle(self, number: int) -> None:
        """See the WIT file."""
        self._device.unsettled.pop(number, None)

    async def disconnect(self, options: Options) -> None:
        """See the WIT file."""
        call = self._call("DISCONNECT", "", options)
        self._broker.end(self._passage.user, "left", call.sent.options.get("how") == "abort")
        call.answered(0)

    def _check(self, call: Call, filters: list[str]) -> None:
        told = "there is no topic filter" if not filters else next(filter(None, map(mistake, filters)), None)
        if told is not None:
            raise call.fails("request", told)
