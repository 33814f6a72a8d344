"""The configuration of a plugin: a dict, with readers that refuse what makes no sense at the place where it stands."""

from __future__ import annotations

import json
from typing import Any

from prony_plugin.errors import Problem


class Config(dict[str, Any]):
    """What the plan says under ``config:``. ``config["key"]`` and ``config.get("key", default)`` work as in any dict."""

    @classmethod
    def parse(cls, text: str) -> Config:
        """Reads the JSON that the host hands over; ``null``, which is no configuration, becomes an empty one."""
        value = json.loads(text)
        if value is None:
            return cls()
        if not isinstance(value, dict):
            raise Problem(f"the configuration is {_kind(value)}, and a map is expected")
        return cls(value)

    def number(self, key: str, default: float, low: float | None = None, high: float | None = None) -> float:
        """A number, from ``low`` to ``high``."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Problem(f"`{key}` is {_kind(value)}, and a number is expected", [key])
        return self._within(key, value, low, high)

    def whole(self, key: str, default: int, low: int | None = None, high: int | None = None) -> int:
        """A whole number, from ``low`` to ``high``."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem(f"`{key}` is {_kind(value)}, and a whole number is expected", [key])
        return self._within(key, value, low, high)

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self.get(key, default)
        if not isinstance(value, str):
            raise Problem(f"`{key}` is {_kind(value)}, and a text is expected", [key])
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise Problem(f"`{key}` is {_kind(value)}, and true or false is expected", [key])
        return value

    def only(self, *keys: str) -> None:
        """Refuses any other key, so that a slip of the pen does not pass for the default."""
        for key in self:
            if key not in keys:
                raise Problem(
                    f"there is no `{key}`", [key], help="Known are " + ", ".join(f"`{k}`" for k in keys) + "."
                )

    def _within(self, key: str, value: Any, low: Any, high: Any) -> Any:
        if (low is not None and value < low) or (high is not None and value > high):
            if high is None:
                expected = f"{low} or more"
            elif low is None:
                expected = f"{high} or less"
            else:
                expected = f"{low} to {high}"
            raise Problem(f"`{key}` is {value}, and {expected} is expected", [key])
        return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case _:
            return "a map"
