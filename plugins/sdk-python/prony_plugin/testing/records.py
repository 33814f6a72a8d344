"""The records and the error of the WIT interface, for where the generated ones are not: the same names and fields."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


@dataclass
class Err(Exception):
    """The error side of a WIT result, as componentize-py raises it."""

    value: Any


@dataclass
class Request:
    """``http.request``."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    name: str | None
    options: list[tuple[str, str]]


@dataclass
class Problem:
    """``types.problem``."""

    path: list[str]
    message: str
    help: str | None


@dataclass
class Failure:
    """``types.failure``."""

    kind: str
    message: str


class Level(enum.Enum):
    """``log.level``."""

    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


class functions:
    """The records of the interface ``functions``."""

    @dataclass
    class Description:
        """``functions.description``."""

        name: str
        kinds: list[str]
        about: str

    @dataclass
    class Message:
        """``functions.message``."""

        body: bytes | None
        fields: list[tuple[str, str, str]]
