"""What may cross to the host. A value of the wrong type would not raise there but end the instance with all its users,
so it is looked at here first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def text(value: object, what: str) -> str:
    """A text that UTF-8 can carry."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is {value!r}, and a text is expected")
    if not value.isascii():
        value.encode()  # raises UnicodeEncodeError for half a surrogate pair
    return value


def clean(value: str) -> str:
    """A text for people: what UTF-8 cannot carry becomes ``?``."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def whole(value: object, low: int, high: int, what: str) -> int:
    """A whole number from ``low`` to ``high``."""
    if not isinstance(value, int):
        raise TypeError(f"{what} is {value!r}, and a whole number is expected")
    if not low <= value <= high:
        raise ValueError(f"{what} is {value}, and {low} to {high} is expected")
    return value


def content(value: object) -> bytes | None:
    """A body."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"the body is {type(value).__name__}, and bytes or a text are expected")


def given(wishes: Iterable[tuple[str, str | None]], what: str) -> list[tuple[str, str]]:
    """Those that were said."""
    return pairs([(key, value) for key, value in wishes if value is not None], what)


def pairs(given: Mapping[str, str] | Iterable[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    """Names and values, in their order."""
    items = given.items() if isinstance(given, Mapping) else given
    return [(text(name, f"the name of a {what}"), text(value, f"the {what} `{name}`")) for name, value in items]
