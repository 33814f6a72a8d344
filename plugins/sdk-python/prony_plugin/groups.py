"""Timing a named part of a journey: ``with group("checkout"):``, or ``async with``, which means the same."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from prony_plugin import _crossing, _host


class group:
    """A named part of a journey. It fails when an exception leaves it. One object may be entered again and again."""

    __slots__ = ("_name", "_passage")

    def __init__(self, name: str) -> None:
        self._name = _crossing.text(name, "the group's name")
        self._passage: Any = None

    def __enter__(self) -> group:
        self._passage = _host.group.Group(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The handle is let go of here and not by the collector, so that the passage ends where its user is.
        with self._passage as passage:
            passage.finish(kind is not None)
        self._passage = None

    async def __aenter__(self) -> group:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)
