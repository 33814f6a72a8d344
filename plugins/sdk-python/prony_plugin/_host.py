"""The one door to the host.

In a component it leads to the bindings that componentize-py generates from the WIT files, and is shut while the component
is built. Anywhere else, say in a unit test, it leads to the stand-in of ``prony_plugin.testing``, which has the same names.
Nothing else in the SDK asks where it runs.
"""

from __future__ import annotations

import importlib
from typing import Any

try:
    importlib.import_module("componentize_py_runtime")  # only a component has it
    INSIDE = True
except ModuleNotFoundError:
    INSIDE = False

_INTERFACES = (
    "check", "clock", "data", "group", "grpc", "http", "log", "metric", "mqtt", "random", "timer", "types", "user", "vars", "ws",
)  # fmt: skip


class _Shut:
    """Stands for an interface that is not there."""

    def __init__(self, name: str, why: str) -> None:
        self._name = name
        self._why = why

    def __getattr__(self, item: str) -> Any:
        raise RuntimeError(f"`{self._name}.{item}` {self._why}")


def _interface(name: str) -> Any:
    if not INSIDE:
        return getattr(importlib.import_module("prony_plugin.testing.bindings"), name)
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ModuleNotFoundError:
        return _Shut(name, "is for scenarios, and not for functions of plan steps")


def _records(name: str) -> Any:
    if not INSIDE:
        return getattr(importlib.import_module("prony_plugin.testing.records"), name)
    if name == "Err":
        return importlib.import_module("componentize_py_types").Err
    try:
        return importlib.import_module("wit_world.exports.functions")
    except ModuleNotFoundError:
        return None


# What is behind the door. Modules are found at build time, for there are no files later.
_found = {name: _interface(name) for name in _INTERFACES}
_building = "needs a host, and there is none while the plugin is built: use it inside of functions"

check: Any
clock: Any
data: Any
group: Any
grpc: Any
http: Any
log: Any
metric: Any
mqtt: Any
random: Any
timer: Any
types: Any
user: Any
vars: Any
ws: Any

Err: Any = _records("Err")
"""The error side of a WIT result: an exception with a `value`."""

functions: Any = _records("functions")
"""The records of the interface that a plugin of the world `request` exports."""


def connect() -> None:
    """Opens the door: from here on there is a host."""
    globals().update(_found)


if INSIDE:
    globals().update({name: _Shut(name, _building) for name in _INTERFACES})
else:
    connect()
