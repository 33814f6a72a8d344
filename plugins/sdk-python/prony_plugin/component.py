"""What a component exports: the module that the build names.

It finds the author's classes in ``app.py`` and stands between them and the host. Nothing that the author's code raises
may leave it, for an exception that does ends the instance with all its users.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

# Before the author's module, so that what it imports from the standard library is the mended one.
from prony_plugin import _surroundings, _tasks

_surroundings.install()
_tasks.install()

import app  # noqa: E402

from prony_plugin import _host  # noqa: E402
from prony_plugin.function import Function, Uses  # noqa: E402
from prony_plugin.scenario import Scenario, configure, iterate  # noqa: E402


def _own(base: type) -> list[type]:
    """The classes of ``app.py`` that extend the base, without those that others extend."""
    found = [
        value
        for value in vars(app).values()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    ]
    return [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]


_scenarios = _own(Scenario)
_scenario: Any = _scenarios[0]() if len(_scenarios) == 1 else None
_uses = Uses(_own(Function))

# The generated base classes, of which a world has one: what is asynchronous begins in them.
_exports = importlib.import_module("wit_world.exports")
_Journey: Any = getattr(_exports, "Journey", object)
_Functions: Any = getattr(_exports, "Functions", object)


class Journey(_Journey):
    """The world ``scenario``. It holds nothing: the host's side makes one object for each export."""

    def __init__(self) -> None:
        if _scenario is None:
            raise TypeError(f"app.py has {len(_scenarios)} classes that extend Scenario, and one is expected")

    def configure(self, config: str) -> None:
        """See the WIT file."""
        _surroundings.begin()
        configure(_scenario, config)

    async def iterate(self) -> None:
        """See the WIT file."""
        _surroundings.begin()
        error = await iterate(_scenario)
        await _tasks.settle()
        if error is not None:
            raise _host.Err(error)


class Functions(_Functions):
    """The world ``request``."""

    def describe(self) -> list[Any]:
        """See the WIT file."""
        _surroundings.begin()
        return _uses.describe()

    def configure(self, function: str, config: str) -> int:
        """See the WIT file."""
        _surroundings.begin()
        return _uses.configure(function, config)

    def generate(self, use_number: int) -> Any:
        """See the WIT file."""
        return _uses.generate(use_number)

    def validate(self, use_number: int, answer: Any) -> None:
        """See the WIT file."""
        _uses.validate(use_number, answer)
