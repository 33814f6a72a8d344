"""gRPC, run without a component and without a server."""

import asyncio
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin import GrpcFailure, Scenario, grpc, sleep
from prony_plugin.testing import Answer, NoAnswer, Target, run


def play(journey, target=None, **more):
    """Runs a scenario with only a journey; its errors are the test's."""
    result = run(type("Anonymous", (Scenario,), {"journey": lambda self: journey()}), target, **more)
    if result.errors:
        raise AssertionError(result.errors)
    return result


class Calls(unittest.TestCase):
    def test_a_call_stands_in_the_words_of_a_plan(self):
        target = Target().on_call("shop.v1.Cart/AddItem", json={"total": 2}, metadata=[("x-id", "7")], trailers=[("t", "last")])

        async def journey():
            reply = await grpc.unary(
                "shop.v1.Cart/AddItem", json={"ä": [1]}, metadata={"x-user": "0"}, timeout=0.002,
                expect=["OK", 5], name="add", options={"new": "1"},
            )  # fmt: skip
            self.assertEqual((reply.status, reply.json()), (0, {"total": 2}))
            self.assertEqual((reply.metadata("X-Id"), reply.trailer("t"), reply.trailer("none")), ("7", "last", None))
            reply = await grpc.unary("/shop.v1.Cart/AddItem", b"\1\2")
            self.assertTrue(reply.check("it is there", bool(reply.body)))

        result = play(journey, target)
        first, second = result.requests
        self.assertEqual((first.method, first.url, first.name), ("GRPC", "shop.v1.Cart/AddItem", "add"))
        self.assertEqual((first.body, first.header("x-user")), ('{"ä":[1]}'.encode(), "0"))
        self.assertEqual(first.options, {"name": "add", "timeout": "2000us", "expect": "OK,5", "new": "1"})
        self.assertEqual((second.body, second.name), (b"\1\2", "shop.v1.Cart/AddItem"))
        self.assertEqual([one.failed for one in result.requests], [False, False])

    def test_a_status_is_an_answer_and_counts_as_a_failure_unless_it_is_expected(self):
        target = Target().on_call("a.B/C", Answer(5, trailers=[("grpc-message", "no such item")]))

        async def journey():
            reply = await grpc.unary("a.B/C")
            self.assertEqual((reply.status, reply.trailer("grpc-message")), (5, "no such item"))
            for expect in ["NOT_FOUND", 5, ["OK", "not_found"]]:
                await grpc.unary("a.B/C", expect=expect)
            self.assertEqual((await grpc.unary("a.B/Nothing")).status, 12)

        self.assertEqual([one.failed for one in play(journey, target).requests], [True, False, False, False, True])

    def test_no_answer_is_an_exception(self):
        target = Target().on_call("a.B/Late", time=3).on_call("a.B/Gone", NoAnswer("reset", "the peer reset the stream"))

        async def journey():
            for method, told in [("a.B/Late", "timeout: .*2 s"), ("a.B/Gone", "reset: the peer")]:
                with self.assertRaisesRegex(GrpcFailure, told):
                    await grpc.unary(method, timeout=2)

        result = play(journey, target)
        self.assertEqual([one.failed for one in result.requests], [True, True])

    def test_what_may_not_cross_to_the_host_is_an_exception(self):
        for wrong in [{"method": 5}, {"method": "a.B/C", "message": "text"}, {"method": "a.B/C", "message": b"x", "json": 1},
                      {"method": "a.B/C", "metadata": {"a": 1}}, {"method": "a.B/C", "json": float("nan")}]:  # fmt: skip

            class Wrong(Scenario):
                async def journey(self, wrong=wrong):
                    await grpc.unary(**wrong)

            result = run(Wrong)
            self.assertEqual((len(result.errors), result.requests), (1, []), wrong)


class Streams(unittest.TestCase):
    def test_messages_go_both_ways_in_bytes_and_in_json(self):
        target = Target().on_stream("chat.v1.Room/Talk", lambda heard: [heard, {"heard": json.loads(heard)}])

        async def journey():
            stream = await grpc.open("chat.v1.Room/Talk", name="talk", metadata=[("x", "y")])
            await stream.send_json({"text": "hello"})
            self.assertEqual(await stream.next(), b'{"text":"hello"}')
            self.assertEqual(await stream.next_json(), {"heard": {"text": "hello"}})
            await stream.send(b"1")
            await stream.finish()
            self.assertEqual([message async for message in stream.json_messages()], [1, {"heard": 1}])
            self.assertIsNone(await stream.next())
            end = await stream.end()
            self.assertEqual(((await stream.end()).status, end.check("well", end.status == 0)), (0, True))

        (sent,) = play(journey, target).requests
        self.assertEqual((sent.name, sent.status, sent.failed, sent.header("x")), ("talk", 0, False, "y"))

    def test_reading_waits_for_what_is_sent_meanwhile(self):
        target = Target().on_stream("a.B/Echo", lambda heard: [heard])

        async def journey():
            stream = await grpc.open("a.B/Echo")

            async def send():
                for number in range(3):
                    await asyncio.sleep(1)
                    await stream.send(bytes([number]))
                await stream.finish()

            async def read():
                return [message async for message in stream.messages()]

            _, messages = await asyncio.gather(send(), read())
            self.assertEqual(messages, [b"\0", b"\1", b"\2"])

        self.assertAlmostEqual(play(journey, target).time, 3, delta=0.1)

    def test_answers_are_timed_by_keys_that_the_plugin_gives(self):
        target = Target().on_stream("a.B/Later", lambda heard: [b"2", b"1"] if heard == b"2" else [])

        async def journey():
            stream = await grpc.open("a.B/Later", name="later")
            self.assertEqual((stream.arrived, stream.answered("none")), (0, False))
            await sleep(1)
            await stream.ask(1, b"1")
            await stream.ask_json("2", 2)
            await stream.finish()
            async for heard in stream.messages():
                self.assertTrue(stream.answered(heard.decode()))
                self.assertFalse(stream.answered(heard.decode()), "once")
            self.assertEqual(stream.arrived, 1)

        timed = [(one.url, one.name, one.at) for one in play(journey, target).requests[1:]]
        self.assertEqual(timed, [("2", "message later", 1), ("1", "message later", 1)])

    def test_a_stream_ends_as_the_server_says_or_the_plugin_wishes(self):
        target = Target().on_stream("a.B/C", lambda _: [b"x"]).on_call("a.B/C", Answer(14))

        async def journey():
            async with await grpc.open("a.B/C") as wanted:
                await wanted.send(b"")
            self.assertIsNone(await wanted.next())
            self.assertEqual((await wanted.end()).status, 1)
            with self.assertRaisesRegex(GrpcFailure, "closed: .*nothing can be sent"):
                await wanted.send(b"")
            broken = await grpc.open("a.B/C")
            await broken.finish()
            with self.assertRaisesRegex(GrpcFailure, r"status: the server says UNAVAILABLE \(14\)"):
                await broken.next()
            late = await grpc.open("a.B/C", expect=14)
            await late.finish()
            with self.assertRaisesRegex(GrpcFailure, "request: a message after"):
                await late.send(b"")
            unknown = await grpc.open("a.B/Unknown")
            self.assertEqual((await unknown.end()).status, 12)

        result = play(journey, target)
        self.assertEqual([one.failed for one in result.requests], [False, True, True, True])


if __name__ == "__main__":
    unittest.main()
