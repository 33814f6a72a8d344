"""The random numbers of the real host: xoshiro256++, seeded from run, scenario and user.

A test that counts on certain numbers sees what a run with the same seed sees.
"""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


class Random:
    """One user's generator."""

    def __init__(self, seed: int, scenario: int, user: int) -> None:
        state = _mix(_mix(_mix(seed) ^ scenario) ^ user)
        self._s = []
        for _ in range(4):
            self._s.append(_mix(state))
            state = (state + _GOLDEN) & _MASK

    def bits(self) -> int:
        """64 random bits."""
        s = self._s
        result = (_rotate((s[0] + s[3]) & _MASK, 23) + s[0]) & _MASK
        moved = (s[1] << 17) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= moved
        s[3] = _rotate(s[3], 45)
        return result

    def unit(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 11) / (1 << 53)

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``; ``low`` when ``high`` is smaller."""
        span = max(1, high - low + 1)
        if span > _MASK:
            bits = self.bits()
            return bits - (1 << 64) if bits >> 63 else bits
        return low + ((self.bits() * span) >> 64)

    def exponential(self) -> float:
        """An exponential variate with mean 1."""
        return -math.log(1 - self.unit())

    def normal(self) -> float:
        """A normal variate with mean 0 and deviation 1."""
        radius = math.sqrt(2 * self.exponential())
        return radius * math.cos(2 * math.pi * self.unit())


def _mix(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _rotate(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & _MASK
