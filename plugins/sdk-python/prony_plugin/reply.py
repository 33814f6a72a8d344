"""What came back: the answer to a request, whatever the protocol."""

from __future__ import annotations

import json
from typing import Any

from prony_plugin import _crossing
from prony_plugin.errors import Failed


class Reply:
    """An answer. Its parts cross from the host when they are asked for, and then once."""

    __slots__ = ("_body", "_resource", "_status")

    def __init__(self, resource: Any) -> None:
        self._resource = resource
        self._status: int | None = None
        self._body: bytes | None = None

    def __repr__(self) -> str:
        return f"<Reply {self.status}>"

    @property
    def status(self) -> int:
        """HTTP's status, gRPC's code, MQTT's reason code, the code of WebSocket's CLOSE."""
        if self._status is None:
            self._status = self._resource.status()
        return self._status

    @property
    def body(self) -> bytes:
        """The decoded body, as far as it was kept (``keep_body``)."""
        if self._body is None:
            self._body = self._resource.body()
        return self._body

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not UTF-8 becomes ``�``."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. :class:`Failed` tells that it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed(f"the answer (status {self.status}) is no JSON") from None

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return self._resource.field("header", _crossing.text(name, "the header's name"))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in the order they came, names in lower case."""
        return self._resource.fields("header")

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that the answer sets."""
        return self._resource.field("cookie", _crossing.text(name, "the cookie's name"))

    def metadata(self, name: str) -> str | None:
        """The first value of the answer's metadata, gRPC's; in base64 where the name ends in ``-bin``."""
        return self._resource.field("metadata", _crossing.text(name, "the name"))

    def trailer(self, name: str) -> str | None:
        """The first value of a trailer; the server's words to a status of gRPC's are ``grpc-message``."""
        return self._resource.field("trailer", _crossing.text(name, "the name"))

    @property
    def topic(self) -> str | None:
        """The topic of a message that ``mqtt.receive`` got."""
        return self._resource.field("topic", "")

    def field(self, kind: str, name: str) -> str | None:
        """The first value of a named part of the answer; for HTTP the kinds are ``header``, ``cookie``, ``trailer``, for
        gRPC ``metadata`` and ``trailer``, for MQTT ``topic`` (with an empty name) and ``property``.
        """
        return self._resource.field(_crossing.text(kind, "the kind"), _crossing.text(name, "the name"))

    def fields(self, kind: str) -> list[tuple[str, str]]:
        """All named parts of a kind, in the order they came."""
        return self._resource.fields(_crossing.text(kind, "the kind"))

    @property
    def size(self) -> int:
        """The size of the body as it was received, in bytes."""
        return self._resource.size()

    @property
    def time(self) -> float:
        """The service time, from the actual send to the end of the answer, in seconds."""
        return self._resource.time() / 1e9

    @property
    def at(self) -> float:
        """When the end of the answer was there: seconds since the run's beginning, as ``clock.now()`` counts; of a message that was
        received, when it came. It was sent ``time`` before that.
        """
        return self._resource.at() / 1e9

    def property(self, name: str) -> str | None:
        """A property of a message that ``mqtt.receive`` got, whatever its case. MQTT 5."""
        return self._resource.field("property", _crossing.text(name, "the property's name"))

    def check(self, name: str, passed: bool) -> bool:
        """Counts a check of this answer. One that does not hold makes its request a failed one. Returns ``passed``."""
        return self._resource.check(_crossing.text(name, "the check's name"), bool(passed))
