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


class mqtt:
    """The records of the interface ``mqtt``."""

    @dataclass
    class Message:
        """``mqtt.message``."""

        topic: str
        payload: bytes
        qos: int
        retain: bool
        properties: list[tuple[str, str]]
        options: list[tuple[str, str]]

    @dataclass
    class Incoming:
        """``mqtt.incoming``."""

        topic: str
        payload: bytes
        qos: int
        retained: bool
        repeated: bool
        properties: list[tuple[str, str]]
        number: int
        at: int

    @dataclass
    class Identity:
        """``mqtt.identity``."""

        client_id: str | None
        username: str | None
        password: bytes | None
        will: mqtt.Message | None
        options: list[tuple[str, str]]


class grpc:
    """The records of the interface ``grpc``."""

    @dataclass
    class Call:
        """``grpc.call``."""

        method: str
        metadata: list[tuple[str, str]]
        options: list[tuple[str, str]]


class ws:
    """The records of the interface ``ws``."""

    @dataclass
    class Message_Text:
        """``ws.message.text``."""

        value: str

    @dataclass
    class Message_Binary:
        """``ws.message.binary``."""

        value: bytes

    @dataclass
    class Incoming:
        """``ws.incoming``."""

        message: ws.Message_Text | ws.Message_Binary
        at: int

    @dataclass
    class Opening:
        """``ws.opening``."""

        path: str | None
        headers: list[tuple[str, str]]
        protocols: list[str]
        options: list[tuple[str, str]]


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
