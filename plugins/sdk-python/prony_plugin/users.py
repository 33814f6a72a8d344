"""Whose journey it is."""

from __future__ import annotations

from prony_plugin import _host


class User:
    """The user whose code is running."""

    __slots__ = ()

    @property
    def id(self) -> int:
        """The user's number in its scenario, from 0, unique over all workers."""
        return _host.user.id()

    @property
    def iteration(self) -> int:
        """The number of the user's iteration, from 0."""
        return _host.user.iteration()

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return _host.user.scenario()

    @property
    def users(self) -> int:
        """The most users the scenario can have."""
        return _host.user.users()

    @property
    def wanted(self) -> bool:
        """Whether the load still wants this user. An iteration that goes on until told otherwise asks it now and then; one that
        is under way when it turns false has the plan's ``graceful_stop`` to come to its end.
        """
        return _host.user.wanted()


user = User()
