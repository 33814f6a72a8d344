"""Variables, shared with the plan.

A journey's are its user's, and live on from iteration to iteration. A step's plugin sees the variables of the steps
around it, and sets those that the plan names under ``sets``.
"""

from __future__ import annotations

from typing import TypeVar, overload

from prony_plugin import _crossing, _host
from prony_plugin.errors import NotAllowed

_D = TypeVar("_D")


@overload
def get(name: str) -> str | None: ...
@overload
def get(name: str, default: _D) -> str | _D: ...
def get(name: str, default: object = None) -> object:
    """The value of a variable, or ``default``."""
    value = _host.vars.get(_crossing.text(name, "the variable's name"))
    return default if value is None else value


def set(name: str, value: object) -> None:
    """Sets a variable; its value is a text. :class:`NotAllowed` tells that the plan does not name it under ``sets``."""
    try:
        _host.vars.set(_crossing.text(name, "the variable's name"), _crossing.text(str(value), "the value"))
    except _host.Err as error:
        raise NotAllowed(error.value) from None
