"""The base of a function for plan steps: it makes the next message, judges an answer, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from prony_plugin import _crossing, _host
from prony_plugin.config import Config
from prony_plugin.errors import Failed, describe
from prony_plugin.http import to_json
from prony_plugin.reply import Reply
from prony_plugin.scenario import refusal

_UNSET: Any = object()


class Message:
    """What to put into a step's request: a body, and named parts."""

    __slots__ = ("body", "fields")

    def __init__(
        self,
        body: bytes | str | None = None,
        *,
        json: Any = _UNSET,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        query: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        path: str | None = None,
        fields: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """``json`` is encoded and sets ``content-type``, unless ``headers`` has one. ``path`` stands in place of the step's
        path and query. ``fields`` are further parts as kind, name and value, for other protocols. Without a body the
        step's own is sent.
        """
        self.fields: list[tuple[str, str, str]] = []
        pairs = _crossing.pairs(headers, "header")
        if json is not _UNSET:
            if body is not None:
                raise TypeError("a message has one of `body` and `json`")
            body = to_json(json)
            if not any(name.lower() == "content-type" for name, _ in pairs):
                pairs.insert(0, ("content-type", "application/json"))
        self.body = _crossing.content(body)
        if path is not None:
            self.fields.append(("path", "", _crossing.text(path, "the path")))
        self.fields += [("header", name, value) for name, value in pairs]
        self.fields += [("query", name, value) for name, value in _crossing.pairs(query, "parameter")]
        for kind, name, value in fields:
            self.fields.append((_crossing.text(kind, "the kind"), *_crossing.pairs([(name, value)], "field")[0]))


class Function:
    """Subclass it in ``app.py`` and write ``generate``, ``validate``, or both. Each use in a plan gets an object of its own,
    which serves all users. The docstring's first line is what ``prony plugin`` shows about it.
    """

    name: str
    """Its name in plans. Without it, the class's name in snake case: ``SignedOrder`` is ``signed_order``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def configure(self, config: Config) -> None:
        """Takes the ``config:`` of this use. Called once, before any user. Raise :class:`Problem` to refuse it."""

    def generate(self) -> Message | bytes | str:
        """The next message; bytes or a text are a body. An exception fails the request, which is not sent then."""
        raise NotImplementedError(f"the function `{self.name}` generates nothing")

    def validate(self, answer: Reply) -> str | None:
        """Judges an answer: None, or what is wrong with it. A text or an exception fails the request."""
        raise NotImplementedError(f"the function `{self.name}` validates nothing")


class Uses:
    """The functions of a plugin, and their uses in a plan by number."""

    def __init__(self, functions: Iterable[type[Function]]) -> None:
        self._functions = {function.name: function for function in functions}
        self._uses: list[Function] = []

    def describe(self) -> list[Any]:
        """What there is, for the host."""
        return [
            _host.functions.Description(function.name, _kinds(function), _about(function))
            for function in self._functions.values()
        ]

    def configure(self, name: str, text: str) -> int:
        """Makes a use of a function and gives its number."""
        try:
            function = self._functions.get(name)
            if function is None:
                raise Failed(f"there is no function `{name}`; there are {', '.join(sorted(self._functions))}")
            use = function()
            use.configure(Config.parse(text))
        except Exception as error:
            raise refusal(error) from None
        self._uses.append(use)
        return len(self._uses) - 1

    def generate(self, number: int) -> Any:
        """The next message of a use."""
        try:
            message = self._uses[number].generate()
            if not isinstance(message, Message):
                message = Message(message)
            return _host.functions.Message(message.body, message.fields)
        except Exception as error:
            raise _host.Err(describe(error)) from None

    def validate(self, number: int, resource: Any) -> None:
        """Judges an answer."""
        try:
            wrong = self._uses[number].validate(Reply(resource))
        except Exception as error:
            raise _host.Err(describe(error)) from None
        if wrong is not None:
            raise _host.Err(_crossing.clean(str(wrong)))


def _kinds(function: type[Function]) -> list[str]:
    return [kind for kind in ("generate", "validate") if getattr(function, kind) is not getattr(Function, kind)]


def _about(function: type[Function]) -> str:
    lines = (function.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""
