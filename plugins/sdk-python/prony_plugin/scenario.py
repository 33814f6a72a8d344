"""The base of a scenario: what a user does, iteration after iteration."""

from __future__ import annotations

from typing import Any

from prony_plugin import _host
from prony_plugin._crossing import clean
from prony_plugin.config import Config
from prony_plugin.errors import Problem, describe


class Scenario:
    """Subclass it in ``app.py``. There is one object for all users of an instance: what belongs to one user belongs into
    local variables, or into ``vars``.
    """

    def configure(self, config: Config) -> None:
        """Takes the plan's ``config:``. Called once, before any user. Raise :class:`Problem` to refuse it."""

    async def journey(self) -> None:
        """One iteration of one user. An exception that leaves it ends the iteration as a failed one."""
        raise NotImplementedError(f"{type(self).__name__} has no `async def journey(self)`")


def configure(scenario: Scenario, text: str) -> None:
    """Hands over the configuration, and a refusal the way the host expects it."""
    try:
        scenario.configure(Config.parse(text))
    except Exception as error:
        raise refusal(error) from None


def refusal(error: Exception) -> Any:
    """Why a configuration was refused, as the host's error. What is no :class:`Problem` is told in one line."""
    if not isinstance(error, Problem):
        error = Problem(describe(error))
    help = None if error.help is None else clean(str(error.help))
    return _host.Err(_host.types.Problem([clean(part) for part in error.path], clean(str(error.message)), help))


async def iterate(scenario: Scenario) -> str | None:
    """Runs one iteration. The error's text, if it failed: an exception must not leave the component, for that would end
    all users of the instance.
    """
    try:
        await scenario.journey()
    except BaseException as error:
        # SystemExit and a stray cancellation would end them all, too.
        return describe(error)
    return None
