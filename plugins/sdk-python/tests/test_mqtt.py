"""MQTT, run without a component and without a broker."""

import asyncio
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin import Failed, MqttFailure, Scenario, mqtt, sleep, user
from prony_plugin.testing import Broker, run
from prony_plugin.testing.topics import matches, mistake


def play(journey, broker=None, **more):
    """Runs a scenario with only a journey; its errors are the test's."""
    result = run(type("Anonymous", (Scenario,), {"journey": lambda self: journey()}), broker=broker, **more)
    if result.errors:
        raise AssertionError(result.errors)
    return result


class Publishing(unittest.TestCase):
    def test_what_is_published_stands_in_the_words_of_a_plan(self):
        broker = Broker()

        async def journey():
            reply = await mqtt.publish(
                "a/b", b"\1\2", qos=2, retain=True, properties={"site": "7"}, expiry=2,
                name="reading", timeout=0.002, stamp="property", options={"new": "1"},
            )  # fmt: skip
            self.assertEqual(reply.status, 0)
            await mqtt.publish("c", json={"ä": [1, 2]})

        result = play(journey, broker)
        first, second = broker.published
        self.assertEqual((first.topic, first.payload, first.qos, first.retain), ("a/b", b"\1\2", 2, True))
        self.assertEqual((first.property("site"), first.property("message-expiry")), ("7", "2"))
        self.assertEqual(
            first.options, {"name": "reading", "timeout": "2000us", "stamp": "property", "new": "1"}
        )
        self.assertEqual((second.text, second.json()), ('{"ä":[1,2]}', {"ä": [1, 2]}))
        sent = [(one.method, one.url, one.name) for one in result.requests]
        self.assertEqual(sent, [("PUBLISH", "a/b", "reading"), ("PUBLISH", "c", "publish")])
        self.assertEqual(len(broker.connections), 1)

    def test_publications_settle_when_the_broker_answers(self):
        broker = Broker(time=3).refuse("bad/#", 144).refuse("alone", 16)

        async def journey():
            await mqtt.connect()
            good = await mqtt.send("good", qos=1)
            bad = await mqtt.message("bad/x", qos=1).send()
            late = await mqtt.send("good", qos=1, timeout=2)
            alone = await mqtt.send("alone")
            await sleep(1)
            self.assertEqual((await good.settled()).status, 0)
            self.assertEqual((await good.settled()).time, 3)
            self.assertEqual((await alone.settled()).status, 16)
            for publication, told in [(bad, "status: the broker says no, reason code 144"), (late, "timeout: .*2 s")]:
                with self.assertRaisesRegex(MqttFailure, told):
                    await publication.settled()

        result = play(journey, broker)
        self.assertEqual(result.time, 6)
        self.assertEqual([one.failed for one in result.requests], [False, False, True, True, False])

    def test_what_may_not_cross_to_the_host_is_an_exception(self):
        for more in [{"topic": 5}, {"topic": "a", "payload": 5}, {"topic": "a", "qos": 3}, {"topic": "a", "json": 1, "payload": "x"}]:

            async def journey(more=more):
                await mqtt.publish(**more)

            result = run(type("One", (Scenario,), {"journey": lambda self: journey()}), broker=Broker())
            self.assertRegex(result.errors[0], r"^(TypeError|ValueError): .*test_mqtt\.py:\d+\)$")
            self.assertEqual(result.requests, [])

    def test_topics_can_be_made_to_fail(self):
        broker = Broker().fail("a/+", "timeout")

        async def journey():
            for call in [mqtt.publish("a/1"), mqtt.subscribe("a/+"), mqtt.publish("a/#"), mqtt.subscribe("a/#/b")]:
                with self.assertRaises(MqttFailure) as caught:
                    await call
                kinds.append(caught.exception.kind)

        kinds = []
        play(journey, broker)
        self.assertEqual(kinds, ["timeout", "timeout", "request", "request"])


class Connecting(unittest.TestCase):
    def test_connections_say_who_they_are_and_may_be_refused(self):
        broker = Broker()

        async def journey():
            self.assertFalse(mqtt.connected())
            await mqtt.connect(client_id="one", username="ada", password="s3cret", name="login")
            self.assertTrue(mqtt.connected())
            await mqtt.disconnect()
            self.assertFalse(mqtt.connected())
            broker.refuse_connections(135)
            with self.assertRaisesRegex(MqttFailure, "status: .* 135"):
                await mqtt.connect()
            broker.fail_connections("connect_refused")
            with self.assertRaisesRegex(MqttFailure, "connect_refused"):
                await mqtt.publish("a")

        result = play(journey, broker)
        made = broker.connections[0]
        self.assertEqual((made.client_id, made.username, made.password), ("one", "ada", b"s3cret"))
        self.assertEqual([one.name for one in result.requests], ["login", "disconnect", "connect", "publish"])

    def test_wills_are_published_when_a_connection_is_cut_and_not_when_it_ends(self):
        broker = Broker()

        async def journey():
            will = mqtt.message("gone", "x", qos=1, retain=True, delay=3)
            await mqtt.connect(will=will)
            await mqtt.disconnect()
            await mqtt.connect(will=will)
            await mqtt.abort()
            await sleep(2)
            self.assertEqual(broker.published, [])
            await sleep(2)

        play(journey, broker)
        (will,) = broker.published
        self.assertEqual((will.topic, will.text, will.will, will.at), ("gone", "x", True, 3))
        self.assertIn("gone", broker.retained)


class Receiving(unittest.TestCase):
    def test_retained_messages_come_with_a_subscription(self):
        broker = Broker().feed("a/1", "one", qos=1, retain=True).feed("a/2", "two", retain=True).feed("a/2", retain=True)

        async def journey():
            granted = await mqtt.subscribe(["a/+", "b"], qos=1, identifier=7)
            self.assertEqual(granted.status, 1)
            first = await mqtt.next()
            self.assertEqual((first.topic, first.text, first.qos, first.retained), ("a/1", "one", 1, True))
            self.assertEqual(first.property("subscription-identifier"), "7")
            await mqtt.subscribe("a/1", retained="never")
            broker.feed("a/1", '{"a": 1', qos=2)
            again = await mqtt.next("a/#")
            self.assertEqual((again.payload, again.qos, again.retained), (b'{"a": 1', 1, False))
            with self.assertRaisesRegex(Failed, "the message is no JSON"):
                again.json()
            await mqtt.unsubscribe(["a/1", "b"])

        play(journey, broker)
        self.assertEqual([one.filter for one in broker.subscriptions()], ["a/+"])

    def test_a_message_can_be_waited_for_with_a_time(self):
        broker = Broker().feed("b", "five", after=5, properties={"kind": "x"})

        async def journey():
            await mqtt.subscribe("#")
            with self.assertRaisesRegex(MqttFailure, "timeout: no message within 2 s"):
                await mqtt.receive("b", timeout=2, name="early")
            reply = await mqtt.receive()
            self.assertEqual((reply.topic, reply.property("Kind"), reply.text), ("b", "x", "five"))
            self.assertEqual((reply.status, reply.time), (0, 3))
            reply.check("is six", reply.text == "six")

        result = play(journey, broker)
        self.assertEqual([one.name for one in result.requests if one.failed], ["early", "receive"])

    def test_a_stream_of_messages_ends_with_the_load_or_the_connection(self):
        broker = Broker().feed("a", after=4).feed("a", after=90)
        seen = []

        async def journey():
            await mqtt.subscribe("a")
            async for message in mqtt.messages("a"):
                seen.append(message.topic)
            self.assertFalse(user.wanted)
            none, _ = await asyncio.gather(mqtt.next(), mqtt.disconnect())
            self.assertIsNone(none)
            await mqtt.connect()
            broker.cut()
            with self.assertRaisesRegex(MqttFailure, "closed"):
                await mqtt.next()
            self.assertIsNone(await mqtt.next())

        result = play(journey, broker, wanted=10)
        self.assertEqual((seen, result.time), (["a"], 10))

    def test_what_is_settled_by_hand_is_known(self):
        broker = Broker()

        async def journey():
            await mqtt.connect(settle_by_hand=True)
            await mqtt.subscribe("#", qos=1)
            for topic, qos in [("a", 1), ("b", 0), ("c", 2)]:
                await mqtt.publish(topic, qos=qos)
            (await mqtt.next()).settle()
            await mqtt.next("c")

        play(journey, broker)
        self.assertEqual(broker.unsettled(), ["c"])

    def test_users_speak_to_each_other_and_groups_share(self):
        broker = Broker()
        seen = {0: [], 1: [], 2: []}

        async def journey():
            if user.id == 2:
                await mqtt.subscribe("news", no_local=True)
                await sleep(1)
                for number in range(4):
                    await mqtt.publish(f"jobs/{number}")
                await mqtt.publish("news")
            else:
                await mqtt.subscribe(["$share/workers/jobs/#", "news"])
            async for message in mqtt.messages():
                seen[user.id].append(message.topic)

        play(journey, broker, users=3, wanted=5)
        self.assertEqual(seen, {0: ["jobs/0", "jobs/2", "news"], 1: ["jobs/1", "jobs/3", "news"], 2: []})

    def test_tests_answer_what_is_published(self):
        broker = Broker().respond("ask/+", lambda asked: [(asked.property("response-topic"), asked.payload)])

        async def journey():
            await mqtt.subscribe("answers/7")
            await mqtt.publish("ask/7", "why", response_topic="answers/7")
            self.assertEqual((await mqtt.receive()).text, "why")

        play(journey, broker)
        self.assertEqual(len(broker.published), 1)

    def test_a_beat_lasts_as_long_as_the_load(self):
        broker = Broker()

        async def journey():
            while user.wanted:
                await mqtt.publish("beat")
                await sleep(10)

        play(journey, broker, wanted=30, iterations=2)
        self.assertEqual(len(broker.published), 6)


class Topics(unittest.TestCase):
    def test_filters_match_as_the_standard_says(self):
        for filter, topic in [("a/+", "a/b"), ("a/#", "a"), ("a/#", "a/b/c"), ("#", "a"), ("+/+", "/a"), ("$SYS/#", "$SYS/x")]:
            self.assertTrue(matches(filter, topic), (filter, topic))
        for filter, topic in [("a/+", "a"), ("a/+", "a/b/c"), ("a", "a/b"), ("#", "$SYS/x")]:
            self.assertFalse(matches(filter, topic), (filter, topic))

    def test_wrong_filters_are_told(self):
        for filter in ["", "a/#/b", "a#", "a+/b", "$share/group/a#"]:
            self.assertIsNotNone(mistake(filter), filter)
        for filter in ["#", "+", "a/+/b/#", "$share/group/a/+"]:
            self.assertIsNone(mistake(filter), filter)


if __name__ == "__main__":
    unittest.main()
