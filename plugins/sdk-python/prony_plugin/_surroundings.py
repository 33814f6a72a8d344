"""What a component finds around it, as far as that is not what a plugin's author would expect.

Prony gives a component a small system: no files, no network, a clock that it need not tell the time of day by, random
numbers that are no user's. Here the standard library's doors to it lead to Prony instead, where it has the like. At build
time everything is there: modules may be imported, and files read, at the top of the author's module.
"""

from __future__ import annotations

import importlib
import io
import os
import random as _random
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from prony_plugin import _host, log, random
from prony_plugin.errors import NotAllowed

# What the standard library imports on first use, which is too late in a component.
_LATE = (
    "_strptime", "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8_sig", "encodings.utf_16",
    "logging", "traceback", "weakref",
)  # fmt: skip

_running = False


def install() -> None:
    """At build time: before the author's module is imported."""
    for name in _LATE:
        importlib.import_module(name)
    sys.stdout = _Lines(log.info)
    sys.stderr = _Lines(log.warn)
    seeded = _Seeded()
    for name in _random.__all__:
        if hasattr(seeded, name):
            setattr(_random, name, getattr(seeded, name))


def begin() -> None:
    """At run time: before any of the author's code."""
    global _running
    if _running:
        return
    _running = True
    _host.connect()
    sys.meta_path[:] = [_NoImports()]
    warnings.showwarning = _warning
    sys.unraisablehook = _unraisable
    time.sleep = _no_sleep
    os.urandom = _random._urandom = _urandom  # type: ignore[attr-defined]


class _Lines(io.TextIOBase):
    """Standard output, as lines of the log."""

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not _running:
            return sys.__stderr__.write(text) if sys.__stderr__ else len(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._sink(line)
        return len(text)


class _Seeded(_random.Random):
    """The standard library's ``random``, from the user's seeded numbers."""

    def random(self) -> float:
        return random.unit() if _running else super().random()

    def getrandbits(self, k: int, /) -> int:
        if not _running:
            return super().getrandbits(k)
        words = [random.bits() for _ in range((k + 63) // 64)]
        return sum(word << (64 * place) for place, word in enumerate(words)) & ((1 << k) - 1)

    def seed(self, *_: Any, **__: Any) -> None:
        """The plan has the seed."""


class _NoImports:
    """Stands for all finders: a module that is not loaded by now lies in a file, and there are none."""

    def find_spec(self, name: str, *_: Any) -> None:
        raise ModuleNotFoundError(f"import `{name}` at the top of app.py: a running plugin has no files", name=name)


def _urandom(size: int) -> bytes:
    """The user's seeded numbers, so that ``uuid4`` and the like are the same in the next run, and differ between users."""
    words = [random.bits() for _ in range((size + 7) // 8)]
    return b"".join(word.to_bytes(8, "little") for word in words)[:size]


def _no_sleep(_: Any) -> None:
    raise NotAllowed("time.sleep would hold all users: use `await sleep(seconds)`")


def _warning(message: Any, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    log.warn(f"{category.__name__}: {message} ({os.path.basename(filename)}:{lineno})")


def _unraisable(hook: Any) -> None:
    log.error(f"{hook.err_msg or 'Exception ignored'}: {type(hook.exc_value).__name__}: {hook.exc_value}")
