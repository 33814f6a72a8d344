"""The user's own random numbers: the same seed gives the same ones, in every language.

In a component, the standard library's ``random`` draws from them, too; in a unit test it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from prony_plugin import _crossing, _host

_T = TypeVar("_T")


def bits() -> int:
    """64 random bits, as a number from 0 to 2**64 - 1."""
    return _host.random.bits()


def unit() -> float:
    """A number in [0, 1)."""
    return _host.random.unit()


def between(low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included; ``low`` when ``high`` is smaller."""
    return _host.random.between(_s64(low), _s64(high))


def exponential() -> float:
    """An exponential variate with mean 1."""
    return _host.random.exponential()


def normal() -> float:
    """A normal variate with mean 0 and deviation 1."""
    return _host.random.normal()


def choice(items: Sequence[_T]) -> _T:
    """One of the items, each as likely. IndexError when there is none."""
    if not items:
        raise IndexError("there is nothing to choose from")
    return items[_host.random.between(0, len(items) - 1)]


def _s64(value: int) -> int:
    return _crossing.whole(value, -(2**63), 2**63 - 1, "the bound")
