"""HTTP requests, measured by Prony: ``reply = await http.get("/items")``.

Paths are on the scenario's target; a whole URL may name another host that the plan allows. Give requests a ``name``
whose paths differ (``/items/1``, ``/items/2``, …), or results get a line for each.
"""

from __future__ import annotations

import json as _json
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from prony_plugin import _crossing, _host
from prony_plugin.errors import HttpFailure
from prony_plugin.reply import Reply

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_UNSET: Any = object()


async def request(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    body: bytes | str | None = None,
    json: Any = _UNSET,
    form: Mapping[str, str] | None = None,
    name: str | None = None,
    timeout: float | str | None = None,
    redirects: int | None = None,
    expect: int | str | Iterable[int | str] | None = None,
    keep_body: str | int | None = None,
    max_body: str | int | None = None,
    options: Mapping[str, str] | None = None,
) -> Reply:
    """Sends a request and waits for its answer, or raises :class:`HttpFailure` when there is none.

    - ``body`` is sent as it is; ``json`` and ``form`` are encoded and set ``content-type`` unless ``headers`` has one.
      The body's content type goes before the other headers, which keep their order.
    - ``timeout`` is in seconds, or a text such as ``"200ms"``. Without it the plan's holds.
    - ``redirects`` is how many to follow.
    - ``expect`` are the statuses that are no failure, in place of those below 400: ``404``, ``"200..299"``, a list.
    - ``keep_body`` and ``max_body`` are in bytes, or texts such as ``"64kb"``.
    - ``options`` are further wishes by name, for what the host knows and this function does not.

    An answer with a status that is not expected is counted as a failure, and returned all the same.
    """
    content, content_type = _content(body, json, form)
    pairs = _crossing.pairs(headers, "header")
    if content_type is not None and not any(key.lower() == "content-type" for key, _ in pairs):
        pairs.insert(0, ("content-type", content_type))
    wishes = [
        ("timeout", seconds(timeout)),
        ("redirects", None if redirects is None else str(redirects)),
        ("expect", statuses(expect)),
        ("keep_body", None if keep_body is None else str(keep_body)),
        ("max_body", None if max_body is None else str(max_body)),
    ]
    chosen = [(key, value) for key, value in wishes if value is not None]
    if options:
        chosen += _crossing.pairs(options, "option")
    sent = _host.http.Request(
        _crossing.text(method, "the method"),
        _crossing.text(url, "the URL"),
        pairs,
        content,
        None if name is None else _crossing.text(name, "the request's name"),
        chosen,
    )
    try:
        reply = await _host.http.send(sent)
    except _host.Err as error:
        raise HttpFailure(error.value.kind, error.value.message) from None
    return Reply(reply)


def get(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``GET``; the keywords are those of :func:`request`."""
    return request("GET", url, **more)


def head(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``HEAD``; the keywords are those of :func:`request`."""
    return request("HEAD", url, **more)


def post(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``POST``; the keywords are those of :func:`request`."""
    return request("POST", url, **more)


def put(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``PUT``; the keywords are those of :func:`request`."""
    return request("PUT", url, **more)


def patch(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``PATCH``; the keywords are those of :func:`request`."""
    return request("PATCH", url, **more)


def delete(url: str, **more: Any) -> Coroutine[Any, Any, Reply]:
    """``DELETE``; the keywords are those of :func:`request`."""
    return request("DELETE", url, **more)


def to_json(value: Any) -> bytes:
    """A value as compact JSON in UTF-8: the same bytes that Prony's other SDKs make of it."""
    return _json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _content(body: bytes | str | None, json: Any, form: Mapping[str, str] | None) -> tuple[bytes | None, str | None]:
    if (body is not None) + (json is not _UNSET) + (form is not None) > 1:
        raise TypeError("a request has one of `body`, `json` and `form`")
    if json is not _UNSET:
        return to_json(json), "application/json"
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return _crossing.content(body), None


def seconds(timeout: float | str | None) -> str | None:
    """A time in the words of a plan."""
    if timeout is None or isinstance(timeout, str):
        return timeout
    return f"{max(1, round(timeout * 1e6))}us"


def statuses(expect: int | str | Iterable[int | str] | None) -> str | None:
    """Statuses in the words of a plan."""
    if expect is None or isinstance(expect, (int, str)):
        return None if expect is None else str(expect)
    return ",".join(map(str, expect))
