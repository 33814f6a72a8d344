"""Checks that belong to the scenario as a whole; those of an answer are ``reply.check``."""

from __future__ import annotations

from prony_plugin import _crossing, _host


def check(name: str, passed: bool) -> bool:
    """Counts a check, and makes no request a failed one. Returns ``passed``."""
    return _host.check.check(_crossing.text(name, "the check's name"), bool(passed))
