"""A closed load of echoes by Python's websockets, as the bench's peer: python echo.py URL CONNECTIONS SECONDS LETTERS

Prints the round trips, and their 99th percentile in microseconds.
"""

import asyncio
import sys
import time

from websockets.asyncio.client import connect

URL, CONNECTIONS, SECONDS, LETTERS = sys.argv[1], *map(int, sys.argv[2:])
TEXT = "x" * LETTERS


async def echoes(times, end):
    async with connect(URL, compression=None) as socket:
        while (sent := time.perf_counter()) < end:
            await socket.send(TEXT)
            await socket.recv()
            times.append((time.perf_counter() - sent) * 1e6)


async def main():
    times = []
    end = time.perf_counter() + SECONDS
    await asyncio.gather(*(echoes(times, end) for _ in range(CONNECTIONS)))
    times.sort()
    print(len(times), f"{times[int(len(times) * 0.99)]:.0f}")


asyncio.run(main())
