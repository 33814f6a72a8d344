"""Reading clocks."""

from __future__ import annotations

from prony_plugin import _host


def now() -> float:
    """Seconds since the run's beginning. It never goes back."""
    return _host.clock.now() / 1e9


def now_ns() -> int:
    """Nanoseconds since the run's beginning."""
    return _host.clock.now()


def wall() -> float | None:
    """The time of day: seconds since 1970-01-01T00:00:00Z. None unless the plan says ``allow: {clock: true}``."""
    time = _host.clock.wall()
    return None if time is None else time / 1e9
