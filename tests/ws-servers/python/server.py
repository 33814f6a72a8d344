"""A WebSocket server by Python's websockets, which nobody of Prony wrote, with the paths that the embedded target has.

    python server.py [--port N] [--cert FILE --key FILE]

The first line it prints is its port. It runs until its standard input ends, so that it goes with whoever started it.

  /echo        what is sent comes back
  /room/NAME   what one sends, all get
  /feed        `?rate=N&count=N`: numbered messages, then a closing frame
  /close       `?code=N&reason=TEXT`: a closing frame after the first message
  /private     401 without `Authorization: Bearer secret`
  /moved       307 to /echo
"""

import argparse
import asyncio
import collections
import http
import json
import ssl
import sys
import threading
import time
import urllib.parse

import websockets
from websockets.asyncio.server import broadcast, serve

rooms = collections.defaultdict(set)


async def echo(connection, query):
    async for message in connection:
        await connection.send(message)


async def room(connection, name):
    rooms[name].add(connection)
    try:
        async for message in connection:
            broadcast(rooms[name], message)
    finally:
        rooms[name].discard(connection)


async def feed(connection, query):
    rate, count = float(query.get("rate", 100)), int(query.get("count", 100))
    begun = time.monotonic()
    for number in range(1, count + 1):
        wait = begun + (number - 1) / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        await connection.send(json.dumps({"seq": number, "at": time.time_ns() // 1_000}))
    await connection.close(1000, "the feed is over")


async def close(connection, query):
    await connection.recv()
    await connection.close(int(query.get("code", 1000)), query.get("reason", ""))


PATHS = {"/echo": echo, "/private": echo, "/feed": feed, "/close": close}


async def answer(connection):
    url = urllib.parse.urlsplit(connection.request.path)
    try:
        if url.path.startswith("/room/"):
            await room(connection, url.path)
        else:
            await PATHS[url.path](connection, dict(urllib.parse.parse_qsl(url.query)))
    except websockets.ConnectionClosed:
        pass


def judge(connection, request):
    path = urllib.parse.urlsplit(request.path).path
    if path == "/private" and request.headers.get("authorization") != "Bearer secret":
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no token\n")
    if path == "/moved":
        response = connection.respond(http.HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["location"] = "/echo"
        return response
    if path not in PATHS and not path.startswith("/room/"):
        return connection.respond(http.HTTPStatus.NOT_FOUND, "no such path\n")
    return None


async def main():
    parser = argparse.ArgumentParser(description="WebSocket by websockets")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert", help="certificate chain, as PEM")
    parser.add_argument("--key", help="its private key, as PEM")
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait():
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    protocols = ["chat.v2", "chat.v1"]
    server = serve(
        answer,
        "127.0.0.1",
        options.port,
        process_request=judge,
        # Whoever offers none of these is served as well.
        select_subprotocol=lambda connection, offered: next((known for known in protocols if known in offered), None),
        ssl=context,
        max_size=16_000_000,
    )
    async with server as running:
        print(running.sockets[0].getsockname()[1], flush=True)
        threading.Thread(target=wait, daemon=True).start()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
