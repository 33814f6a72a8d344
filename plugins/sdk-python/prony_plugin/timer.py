"""Waiting."""

from __future__ import annotations

from prony_plugin import _host


async def sleep(seconds: float) -> None:
    """Waits, to the millisecond, as a plan's ``think`` does. Other users go on in the meantime."""
    await _host.timer.sleep(min(max(0, round(seconds * 1e9)), 2**64 - 1))
