"""WebSocket, run without a component and without a server."""

import asyncio
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin import Failed, Scenario, WsFailure, clock, listen, log, mqtt, sleep, ws
from prony_plugin.testing import Broker, Server, run


def play(journey, server=None, **more):
    """Runs a scenario with only a journey; its errors are the test's."""
    result = run(type("Anonymous", (Scenario,), {"journey": lambda self: journey()}), server=server, **more)
    if result.errors:
        raise AssertionError(result.errors)
    return result


class Talking(unittest.TestCase):
    def test_what_is_sent_stands_in_the_words_of_a_plan(self):
        server = Server()

        async def journey():
            self.assertFalse(ws.connected())
            self.assertIsNone(await ws.next())
            hello = await ws.connect("/room/7", headers={"Authorization": "Bearer t"}, protocols=["chat"], name="join")
            self.assertEqual((hello.status, ws.connected()), (101, True))
            await ws.send("ä", fragments=2, name="say", timeout=0.002, options={"new": "1"})
            await ws.send(b"\0\1")
            await ws.send(json={"a": [1]})
            goodbye = await ws.close(3001, "enough")
            self.assertEqual((goodbye.status, goodbye.field("close", "reason")), (3001, "enough"))
            self.assertFalse(ws.connected())

        result = play(journey, server)
        self.assertEqual([said.value for said in server.said], ["ä", b"\0\1", '{"a":[1]}'])
        self.assertEqual(server.said[0].options, {"name": "say", "timeout": "2000us", "fragments": "2", "new": "1"})
        opened = server.connections[0]
        self.assertEqual((opened.path, opened.header("authorization"), opened.protocols), ("/room/7", "Bearer t", ["chat"]))
        sent = [(one.method, one.url, one.name) for one in result.requests]
        self.assertEqual(
            sent,
            [("WS", "connect", "join"), ("WS", "send", "say"), ("WS", "send", "send"), ("WS", "send", "send"), ("WS", "close", "close")],
        )

    def test_requests_have_their_answers_and_streams_the_rest(self):
        server = Server(time=2).respond(lambda said: [f"to {said.text}", "news"])

        async def journey():
            answer = await ws.request("you", match="json $.id")
            self.assertEqual((answer.text, answer.time, answer.field("message", "type")), ("to you", 4, "text"))
            news = await ws.next()
            self.assertEqual((news.text, news.is_text, news.at, clock.now()), ("news", True, 4, 4))

        play(journey, server)
        self.assertEqual(server.said[0].options, {"match": "json $.id"})

    def test_the_plugin_knows_answers_by_its_keys(self):
        server = Server(time=1).respond(lambda said: ["noise", f"{said.text}:done"])

        async def listening():
            async for message in ws.messages():
                key, _, done = message.text.partition(":")
                if done:
                    self.assertEqual(ws.answered(key, message), key != "x")
                    self.assertFalse(ws.answered(key, message))

        async def journey():
            await ws.connect()
            ears = asyncio.create_task(listening())
            replies = await asyncio.gather(*(ws.request(str(number), key=number, name="ask") for number in range(3)))
            self.assertEqual([(reply.time, reply.at, reply.body) for reply in replies], [(1, 2, b"")] * 3)
            with self.assertRaisesRegex(WsFailure, "timeout"):
                await ws.request("x", key="nobody", timeout=0.5)
            await ws.close()
            await ears

        play(journey, server)

    def test_ends_and_refusals_are_told(self):
        async def refused():
            self.assertEqual((await ws.connect()).status, 401)
            with self.assertRaisesRegex(WsFailure, "status_4xx: .*401"):
                await ws.send("x")

        result = play(refused, Server().refuse_connections(401))
        self.assertEqual([one.failed for one in result.requests], [True, True])

        async def closed():
            await ws.connect()
            with self.assertRaisesRegex(WsFailure, "goaway: .*4001"):
                await ws.receive()
            with self.assertRaisesRegex(WsFailure, "goaway: .*4001"):
                await ws.next()
            self.assertIsNone(await ws.next())
            with self.assertRaisesRegex(WsFailure, "timeout"):
                await ws.receive(timeout=1)

        result = play(closed, Server().close(4001, "go away", after=3))
        self.assertEqual(result.time, 4)

        async def late():
            with self.assertRaisesRegex(WsFailure, "timeout: .*2 s"):
                await ws.ping(timeout=2)

        play(late, Server(time=3))

    def test_what_may_not_cross_to_the_host_is_an_exception(self):
        for act in [lambda: ws.send(5), lambda: ws.send("x", json=1), lambda: ws.connect(5), lambda: ws.close("1"), lambda: ws.send("x", fragments=0)]:
            result = run(type("One", (Scenario,), {"journey": lambda self, act=act: act()}), server=Server())
            self.assertRegex(result.errors[0], r"^(TypeError|ValueError): ")

        async def no_json():
            await ws.connect()
            with self.assertRaises(Failed):
                (await ws.next()).json()

        play(no_json, Server().feed(b"\xff"))


class Listening(unittest.TestCase):
    def test_streams_are_heard_as_messages_come(self):
        server = Server().feed("one", after=1).feed("three", after=3)
        broker = Broker().feed("orders/7", "two", after=2).feed("other", "no", after=2)

        async def journey():
            await ws.connect()
            await mqtt.subscribe("#")
            async for source, message in listen(ws=ws.messages(), mqtt=mqtt.messages("orders/+")):
                log.info(f"{source} {message.text} {message.at:g}")
                await sleep(1.5)

        result = play(journey, server, broker=broker, wanted=10)
        self.assertEqual([line.message for line in result.lines], ["ws one 1", "mqtt two 2", "ws three 3"])


if __name__ == "__main__":
    unittest.main()
