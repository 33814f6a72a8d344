"""The exceptions of the SDK, and how an exception becomes the one line that a report shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType

from prony_plugin._crossing import clean

# Whose lines say little about a plugin's mistake: the SDK's, and in a component those of Python and its runtime.
_NOT_THE_AUTHORS = (os.path.dirname(__file__), "<", "/python/", "/bundled/", "/world/")


class Problem(Exception):
    """Something wrong with a plugin's configuration. Raise it in ``configure``; Prony shows the place in the plan.

    ``path`` leads to the value that is wrong: keys of maps and numbers of list items (from 0), as in
    ``["items", 2, "price"]``. ``help`` says what to do, if there is more to say than ``message`` does.
    """

    def __init__(self, message: str, path: Sequence[str | int] = (), help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = [str(part) for part in path]
        self.help = help


class Failed(Exception):
    """Ends an iteration, or refuses an answer, with exactly this text."""


class Failure(Exception):
    """There is no answer to a request: it timed out, was refused, … Prony has counted it already.

    ``kind`` is the word that results use: ``timeout``, ``connect_refused``, …
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class HttpFailure(Failure):
    """There is no answer to a request of ``http``."""


class MqttFailure(Failure):
    """There is no answer to a request of ``mqtt``, or the broker has refused it (``status``)."""


class GrpcFailure(Failure):
    """There is no answer to a call of ``grpc``, or its stream has ended otherwise than expected."""


class WsFailure(Failure):
    """There is no answer to a request of ``ws``."""


class DataError(Exception):
    """The plan has no such data source, or it cannot be read."""


class NotAllowed(Exception):
    """The plan does not allow this, or a plugin cannot do it at all."""


def describe(error: BaseException) -> str:
    """An exception in one line: ``Type: message (file:line)``, with the last line that is not the SDK's own.

    Reports show each different text once, so it holds nothing that differs from user to user but the message.
    """
    if isinstance(error, Failed):
        return clean(str(error)) or "failed"
    if isinstance(error, BaseExceptionGroup) and error.exceptions:
        return describe(error.exceptions[0])
    text = type(error).__name__
    message = str(error)
    if message:
        text += f": {message}"
    place = _place(error.__traceback__)
    return clean(f"{text} ({place})" if place else text)


def _place(traceback: TracebackType | None) -> str | None:
    place = None
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if not path.startswith(_NOT_THE_AUTHORS) and "/lib/python3" not in path:
            place = f"{os.path.basename(path)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
