"""Waiting on several streams at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

_END: Any = object()


async def listen(**streams: AsyncIterator[Any]) -> AsyncIterator[tuple[str, Any]]:
    """What comes on several streams, as it comes: the stream's name and the message, until all of them have ended::

        async for source, message in listen(ws=ws.messages(), mqtt=mqtt.messages("orders/+")):
            latency.record((message.at - ordered) * 1000)

    Whoever cancels the one that waits for the first of several messages loses what came for the others in that moment. This goes on
    listening on all of its streams from one message to the next: have one for as long as you listen. A failure of one is raised.
    """
    waiting = {asyncio.ensure_future(_next(stream)): name for name, stream in streams.items()}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = waiting.pop(task)
                message = task.result()
                if message is not _END:
                    waiting[asyncio.ensure_future(_next(streams[name]))] = name
                    yield name, message
    finally:
        for task in waiting:
            task.cancel()


async def _next(stream: AsyncIterator[Any]) -> Any:
    return await anext(stream, _END)
