"""What the generated bindings are in a component, over the stand-in host: one name for each WIT interface.

Each call goes to the host of the user whose code is running.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prony_plugin.testing import records

if TYPE_CHECKING:
    from prony_plugin.testing.host import Passage

_passage: ContextVar[Passage] = ContextVar("passage")


def enter(passage: Passage) -> None:
    """From here on, what this asyncio context calls is that user's."""
    _passage.set(passage)


def current() -> Passage | None:
    """Whose code is running, if it is a user's."""
    return _passage.get(None)


def _now() -> Passage:
    try:
        return _passage.get()
    except LookupError:
        raise RuntimeError(
            "this needs a host: run it by `prony_plugin.testing`, and not at the top of a module"
        ) from None


class types:
    """``types``."""

    Problem = records.Problem


class user:
    """``user``."""

    id = staticmethod(lambda: _now().user)
    iteration = staticmethod(lambda: _now().iteration)
    scenario = staticmethod(lambda: _now().host.scenario)
    users = staticmethod(lambda: _now().host.users)
    wanted = staticmethod(lambda: _now().host.now() / 1e9 < _now().wanted_until)


class check:
    """``check``."""

    @staticmethod
    def check(name: str, passed: bool) -> bool:
        _now().check(name, passed, None)
        return passed


class metric:
    """``metric``."""

    add = staticmethod(lambda name, unit, amount: _now().metric("counter", name, unit, amount))
    set = staticmethod(lambda name, unit, value: _now().metric("gauge", name, unit, value))
    trend = staticmethod(lambda name, unit, value: _now().metric("trend", name, unit, value))


class log:
    """``log``."""

    Level = records.Level

    @staticmethod
    def log(level: records.Level, message: str) -> None:
        _now().log(level.name.lower(), message)


class random:
    """``random``."""

    bits = staticmethod(lambda: _now().random.bits())
    unit = staticmethod(lambda: _now().random.unit())
    between = staticmethod(lambda low, high: _now().random.between(low, high))
    exponential = staticmethod(lambda: _now().random.exponential())
    normal = staticmethod(lambda: _now().random.normal())


class data:
    """``data``."""

    next = staticmethod(lambda source: _now().host.next_row(source))
    at = staticmethod(lambda source, number: _now().host.row(source, number))
    rows = staticmethod(lambda source: len(_now().host.rows(source)))


class vars:
    """``vars``."""

    get = staticmethod(lambda name: _now().vars.get(name))

    @staticmethod
    def set(name: str, value: str) -> None:
        _now().set_var(name, value)


class clock:
    """``clock``."""

    now = staticmethod(lambda: _now().host.now())
    wall = staticmethod(lambda: _now().host.wall)


class timer:
    """``timer``."""

    @staticmethod
    async def sleep(nanoseconds: int) -> None:
        await _now().host.wait(nanoseconds / 1e9)


class http:
    """``http``."""

    Request = records.Request

    @staticmethod
    async def send(request: records.Request) -> Any:
        return await _now().send(request)


class grpc:
    """``grpc``."""

    Call = records.grpc.Call

    unary = staticmethod(lambda call, message: _now().grpc.unary(call, message))
    unary_json = staticmethod(lambda call, message: _now().grpc.unary_json(call, message))
    open = staticmethod(lambda call: _now().grpc.open(call))


class mqtt:
    """``mqtt``."""

    Message = records.mqtt.Message
    Identity = records.mqtt.Identity

    connect = staticmethod(lambda identity: _now().mqtt.connect(identity))
    connected = staticmethod(lambda: _now().mqtt.connected())
    publish = staticmethod(lambda message: _now().mqtt.publish(message))
    send = staticmethod(lambda message: _now().mqtt.send(message))
    subscribe = staticmethod(lambda filters, options: _now().mqtt.subscribe(filters, options))
    unsubscribe = staticmethod(lambda filters, options: _now().mqtt.unsubscribe(filters, options))
    receive = staticmethod(lambda filter, options: _now().mqtt.receive(filter, options))
    next = staticmethod(lambda filter: _now().mqtt.next(filter))
    settle = staticmethod(lambda number: _now().mqtt.settle(number))
    disconnect = staticmethod(lambda options: _now().mqtt.disconnect(options))


class ws:
    """``ws``."""

    Message_Text = records.ws.Message_Text
    Message_Binary = records.ws.Message_Binary
    Opening = records.ws.Opening

    connect = staticmethod(lambda opening: _now().ws.connect(opening))
    connected = staticmethod(lambda: _now().ws.connected())
    send = staticmethod(lambda message, options: _now().ws.send(message, options))
    request = staticmethod(lambda message, options: _now().ws.request(message, options))
    answered = staticmethod(lambda key, at: _now().ws.answered(key, at))
    receive = staticmethod(lambda options: _now().ws.receive(options))
    next = staticmethod(lambda: _now().ws.next())
    ping = staticmethod(lambda options: _now().ws.ping(options))
    close = staticmethod(lambda code, reason, options: _now().ws.close(code, reason, options))


class group:
    """``group``."""

    class Group:
        """A passage through a group."""

        def __init__(self, name: str) -> None:
            self._name = name
            self._passage = _now()
            self._began = self._passage.host.now()
            self._done = False

        def finish(self, failed: bool) -> None:
            self._done = True
            self._passage.group(self._name, failed, self._began)

        def __enter__(self) -> group.Group:
            return self

        def __exit__(self, *_: object) -> None:
            if not self._done:
                self.finish(True)
