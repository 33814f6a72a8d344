"""Keeps one user's asyncio tasks from harming the others.

componentize-py 0.25.1 drives asyncio, but leaves holes through which one user's ordinary code ends the whole instance:
a task that is cancelled while its request is under way, a task that nobody awaited when the iteration ended, an
exception that nobody fetched. Here each of them stays with its user:

- A cancelled request goes on, and its answer is dropped when it comes: there is no way to take a request back.
- When an iteration ends, its tasks are cancelled, and the end waits for the requests that are still under way.
- An exception that nobody fetched becomes a line in the log.
- A user may wait for another one, at an ``asyncio.Lock`` say.

This file alone knows componentize-py's inside, so it changes with the version that the build command names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import componentize_py_async_support as support
import componentize_py_runtime as runtime
from componentize_py_types import Ok

from prony_plugin import clock, log
from prony_plugin.timer import sleep

_NO_TIMERS = "asyncio has no timers in a plugin: wait with `await sleep(seconds)`, and limit requests with `timeout=`"


def install() -> None:
    """Mends the event loop. Once, at build time."""
    loop: Any = support._loop
    support.await_result = _await_result
    support._poll = _poll
    loop.create_task = _create_task
    loop.call_exception_handler = _report
    loop.call_later = loop.call_at = _no_timers
    loop.time = clock.now
    asyncio.sleep = asyncio.tasks.sleep = _sleep


async def settle() -> None:
    """Ends what the user's iteration has left behind."""
    state: Any = support._future_state.get()
    started = getattr(state, "started", None)
    while started or state.futures:
        try:
            for task in tuple(started or ()):
                task.cancel()
            await asyncio.wait((*(started or ()), *state.futures.values()))
        except asyncio.CancelledError:
            pass  # the journey cancelled its own task: that is over now


_generated_poll = support._poll
_napping = 0


def _poll(state: Any) -> int:
    """Runs what is ready. A user that waits for another user, at a lock say, has nothing that the host could wake it by,
    and is looked after from time to time: the more wait, the more seldom each, 2,000 times a second in all.
    """
    support._loop.poll(state)
    if state.pending_count > 0 and not state.futures:
        context = Context()
        context.run(support._set_future_state, state)
        asyncio.Task(_nap(), loop=support._loop, context=context)
    return _generated_poll(state)


async def _nap() -> None:
    global _napping
    _napping += 1
    await sleep(0.0005 * _napping)
    _napping -= 1


def _create_task(coroutine: Coroutine[Any, Any, Any], *, context: Context | None = None, **_: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=support._loop, context=context)
    if context is None:
        # The user's own, unlike the one that runs the iteration itself, which has a context made for it.
        state: Any = support._future_state.get()
        if not hasattr(state, "started"):
            state.started = set()
        state.started.add(task)
        task.add_done_callback(state.started.discard)
    return task


async def _await_result(result: Any) -> Any:
    """Takes the place of ``support.await_result``: the same, but a cancellation loses neither answer nor instance."""
    if isinstance(result, Ok):
        return result.value
    state: Any = support._future_state.get()
    waitable, promise = result.value
    future = support._loop.create_future()
    state.futures[waitable] = future
    if state.waitable_set is None:
        state.waitable_set = runtime.waitable_set_new()
    runtime.waitable_join(waitable, state.waitable_set)
    try:
        event = await future
    except asyncio.CancelledError:
        if future.cancelled():
            left = support._loop.create_future()
            left.add_done_callback(lambda done: runtime.promise_get_result(done.result(), promise))
            state.futures[waitable] = left
        else:
            runtime.promise_get_result(future.result(), promise)
        raise
    return runtime.promise_get_result(event, promise)


async def _sleep(delay: float, result: Any = None) -> Any:
    """``asyncio.sleep``, by the host's clock."""
    if delay > 0:
        await sleep(delay)
    else:
        await _yield()
    return result


class _yield:
    def __await__(self) -> Any:
        yield


def _no_timers(*_: Any, **__: Any) -> Any:
    raise NotImplementedError(_NO_TIMERS)


def _report(context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error(f"asyncio: {context.get('message')}" + (f": {type(error).__name__}: {error}" if error else ""))
