"""The target of a test: answers by method and path."""

from __future__ import annotations

import fnmatch
import json as _json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_UNSET: Any = object()


@dataclass
class Sent:
    """A request as the plugin sent it, and who sent it when (in seconds since the run's beginning)."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    name: str
    options: dict[str, str]
    user: int
    iteration: int
    at: float
    status: int | None = None
    failed: bool = False

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of several with one name the last."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body or b"null")


class Answer:
    """What the target answers. ``json`` stands in place of ``body``. It takes ``time`` seconds. The status is HTTP's, or gRPC's code, and
    ``metadata`` gRPC's.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes | str = b"",
        *,
        json: Any = _UNSET,
        headers: Iterable[tuple[str, str]] = (),
        cookies: Iterable[tuple[str, str]] = (),
        trailers: Iterable[tuple[str, str]] = (),
        metadata: Iterable[tuple[str, str]] = (),
        time: float = 0.001,
    ) -> None:
        self.status = status
        self.fields = {"header": list(headers), "cookie": list(cookies), "trailer": list(trailers)}
        if metadata:
            self.fields["metadata"] = list(metadata)
        self.time = time
        if json is not _UNSET:
            body = _json.dumps(json)
            self.fields["header"].append(("content-type", "application/json"))
        self.body = body.encode() if isinstance(body, str) else body


@dataclass
class NoAnswer:
    """That there is no answer: ``kind`` is ``timeout``, ``connect_refused``, … It takes ``time`` seconds."""

    kind: str
    message: str = "as the test wants it"
    time: float = 0.001


Answers = Answer | NoAnswer | Callable[[Sent], Answer | NoAnswer]


@dataclass
class Target:
    """Answers by method and path; the first rule that fits answers, and without one it is 404."""

    rules: list[tuple[str, str, Answers]] = field(default_factory=list)
    streams: dict[str, Callable[[bytes], Iterable[bytes]]] = field(default_factory=dict)

    def on(self, method: str, path: str, answer: Answers | None = None, **more: Any) -> Target:
        """Adds a rule. The path may have ``*`` for anything. The answer is an :class:`Answer`, a :class:`NoAnswer`, a
        function from a :class:`Sent` to either, or an Answer's own arguments: ``on("GET", "/items", json=[])``.
        """
        self.rules.append((method, path, Answer(**more) if answer is None else answer))
        return self

    def on_call(self, method: str, answer: Answers | None = None, **more: Any) -> Target:
        """Adds a rule for calls of gRPC: ``on_call("shop.v1.Cart/AddItem", json={"total": 2})``. Without a status the answer is OK;
        for a stream it is how the server ends it. Calls without a rule are UNIMPLEMENTED (12).
        """
        self.rules.append(("GRPC", method, Answer(**{"status": 0, **more}) if answer is None else answer))
        return self

    def on_stream(self, method: str, answers: Callable[[bytes], Iterable[bytes | Any]]) -> Target:
        """Takes streams of this method: ``answers`` is called with each message that the plugin sends, and gives those that the server
        answers it with, in bytes or in what becomes JSON. It ends with OK unless :meth:`on_call` says otherwise.
        """

        def in_bytes(message: bytes) -> Iterable[bytes]:
            for answer in answers(message):
                yield answer if isinstance(answer, bytes) else _json.dumps(answer).encode()

        self.streams[method] = in_bytes
        return self

    def call(self, sent: Sent, otherwise: int = 12) -> Answer | NoAnswer:
        """The answer to a call of gRPC."""
        known = any(rule == "GRPC" and fnmatch.fnmatchcase(sent.path, path) for rule, path, _ in self.rules)
        return self.answer(sent) if known else Answer(otherwise)

    def answer(self, sent: Sent) -> Answer | NoAnswer:
        """The answer to a request."""
        for method, path, answer in self.rules:
            if method == sent.method and fnmatch.fnmatchcase(sent.path, path):
                return answer(sent) if callable(answer) else answer
        return Answer(404)
