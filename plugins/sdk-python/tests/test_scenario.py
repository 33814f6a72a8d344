"""Scenarios, run without a component."""

import asyncio
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin import Config, DataError, Failed, HttpFailure, Scenario, check, clock, data, group, http, log, metric
from prony_plugin import random, sleep, user, vars
from prony_plugin.testing import Answer, NoAnswer, Target, run


def scenario(journey):
    """A scenario with only a journey."""
    return type("Anonymous", (Scenario,), {"journey": lambda self: journey()})


class Requests(unittest.TestCase):
    def sent(self, *arguments, **more):
        """The one request of a journey, as it was sent."""

        async def journey():
            await http.request(*arguments, **more)

        result = run(scenario(journey), Target())
        self.assertEqual(result.errors, [])
        return result.requests[0]

    def test_a_body_of_json_or_a_form_sets_its_type_before_other_headers(self):
        json = self.sent("POST", "/", json={"ä": [1, None]}, headers=[("x-a", "1"), ("x-b", "2")])
        self.assertEqual(json.body, '{"ä":[1,null]}'.encode())
        self.assertEqual(json.headers, [("content-type", "application/json"), ("x-a", "1"), ("x-b", "2")])
        form = self.sent("POST", "/", form={"a b": "c&d"})
        self.assertEqual((form.body, form.header("Content-Type")), (b"a+b=c%26d", "application/x-www-form-urlencoded"))

    def test_a_type_of_the_authors_own_stays_and_null_is_a_body(self):
        sent = self.sent("POST", "/", json=None, headers={"Content-Type": "application/x"})
        self.assertEqual((sent.body, sent.headers), (b"null", [("Content-Type", "application/x")]))

    def test_wishes_are_written_as_plans_write_them(self):
        sent = self.sent(
            "GET", "/", timeout=0.2, redirects=3, expect=[404, "200..299"], keep_body="64kb", options={"new": "1"}
        )
        self.assertEqual(
            sent.options,
            {"timeout": "200000us", "redirects": "3", "expect": "404,200..299", "keep_body": "64kb", "new": "1"},
        )

    def test_what_may_not_cross_to_the_host_is_an_exception(self):
        for more in [{"url": 5}, {"url": "/\ud800"}, {"url": "/", "headers": {"a": 1}}, {"url": "/", "body": 5}]:

            async def journey(more=more):
                await http.get(**more)

            result = run(scenario(journey), Target())
            self.assertRegex(result.errors[0], r"^(TypeError|UnicodeEncodeError): .*test_scenario\.py:\d+\)$")
            self.assertEqual(result.requests, [])

    def test_answers_have_all_their_parts(self):
        answer = Answer(
            201, "tëxt", headers=[("X-A", "1"), ("x-a", "2")], cookies=[("s", "v")], trailers=[("t", "3")], time=0.25
        )

        async def journey():
            reply = await http.get("/?a=b")
            self.assertEqual((reply.status, reply.text, reply.size, reply.time), (201, "tëxt", 5, 0.25))
            self.assertEqual((reply.header("x-A"), reply.headers), ("1", [("x-a", "1"), ("x-a", "2")]))
            self.assertEqual((reply.cookie("s"), reply.field("trailer", "T")), ("v", "3"))
            self.assertEqual(reply.fields("trailer"), [("t", "3")])
            self.assertIsNone(reply.header("none"))
            reply.json()

        result = run(scenario(journey), Target().on("GET", "/", answer))
        self.assertEqual(result.errors, ["the answer (status 201) is no JSON"])

    def test_a_check_that_does_not_hold_fails_its_request(self):
        async def journey():
            (await http.get("/")).check("good", False)
            check("apart", False)

        result = run(scenario(journey), Target().on("GET", "/"))
        self.assertEqual(
            [(one.name, one.request is not None) for one in result.checks], [("good", True), ("apart", False)]
        )
        self.assertTrue(result.requests[0].failed)


class Journeys(unittest.TestCase):
    def test_requests_at_the_same_time_take_the_time_of_the_longest(self):
        target = Target().on("GET", "/slow", time=2).on("GET", "/fast", time=1)

        async def journey():
            slow, fast = await asyncio.gather(http.get("/slow"), http.get("/fast"))
            self.assertEqual((slow.status, fast.status), (200, 200))

        self.assertEqual(run(scenario(journey), target, users=5).time, 2)

    def test_tasks_end_with_their_iteration(self):
        late = []

        async def straggler():
            await sleep(1)
            late.append(1)

        async def journey():
            asyncio.create_task(straggler())
            await sleep(0.1)

        self.assertEqual(run(scenario(journey), Target(), users=2, iterations=2).errors, [])
        self.assertEqual(late, [])

    def test_users_are_told_apart_also_in_their_tasks(self):
        async def one():
            me = user.id
            for _ in range(3):
                await sleep(random.unit())
                self.assertEqual(user.id, me)
            return me

        async def journey():
            self.assertEqual(await asyncio.gather(one(), one()), [user.id] * 2)

        self.assertEqual(run(scenario(journey), Target(), users=10, iterations=2).errors, [])

    def test_an_exception_is_told_in_one_line(self):
        async def journey():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(http.get("/"))

        result = run(scenario(journey), Target().on("GET", "/", NoAnswer("timeout", "2s")))
        self.assertRegex(result.errors[0], r"^HttpFailure: timeout: 2s")

        async def exits():
            raise SystemExit(3)

        self.assertRegex(run(scenario(exits), Target()).errors[0], r"^SystemExit: 3 \(test_scenario\.py:\d+\)$")

    def test_a_journey_that_waits_for_nothing_is_found_out(self):
        async def journey():
            await asyncio.Event().wait()

        with self.assertRaisesRegex(RuntimeError, "never comes"):
            run(scenario(journey), Target())

    def test_groups_fail_with_the_exception_that_leaves_them(self):
        async def journey():
            async with group("good"):
                await sleep(0.5)
            try:
                with group("bad"):
                    raise Failed("no")
            except Failed:
                pass

        groups = run(scenario(journey), Target()).groups
        self.assertEqual([(one.name, one.failed, one.time) for one in groups], [("good", False, 0.5), ("bad", True, 0)])

    def test_data_variables_figures_lines_and_clocks_are_at_hand(self):
        rows = {"users": [{"name": "a"}, {"name": "b"}]}

        async def journey():
            self.assertEqual((data.next("users"), data.next("users"), data.next("users")), (*rows["users"], None))
            self.assertEqual((data.at("users", 3), data.rows("users")), ({"name": "b"}, 2))
            with self.assertRaisesRegex(DataError, "`none`"):
                data.next("none")
            self.assertEqual((vars.get("a"), vars.get("b"), vars.get("b", 5)), ("1", None, 5))
            vars.set("b", 7)
            metric.Counter("c").add()
            metric.Gauge("g", "bytes").set(2)
            metric.Trend("t", "ms").record(3.5)
            log.warn("careful")
            await sleep(1.5)
            self.assertEqual((clock.now(), clock.wall()), (1.5, 1e9))
            self.assertEqual((user.iteration, user.users, user.scenario), (0, 1, "test"))

        result = run(scenario(journey), Target(), data=rows, vars={"a": "1"}, wall=1e9)
        self.assertEqual(result.errors, [])
        self.assertEqual(result.vars, [{"a": "1", "b": "7"}])
        figures = [(one.kind, one.name, one.unit, one.value) for one in result.figures]
        self.assertEqual(figures, [("counter", "c", "", 1), ("gauge", "g", "bytes", 2), ("trend", "t", "ms", 3.5)])
        self.assertEqual([(line.level, line.message) for line in result.lines], [("warn", "careful")])

    def test_an_http_failure_has_its_kind(self):
        kinds = []

        async def journey():
            try:
                await http.get("/")
            except HttpFailure as failure:
                kinds.append((failure.kind, failure.message))

        run(scenario(journey), Target().on("GET", "/", NoAnswer("connect_refused", "nobody listens")))
        self.assertEqual(kinds, [("connect_refused", "nobody listens")])


class Configurations(unittest.TestCase):
    def test_values_are_read_and_wrong_ones_are_told_with_their_place(self):
        config = Config(share=0.5, items=3, name="n", on=True)
        self.assertEqual((config.number("share", 1), config.whole("items", 1), config.text("name", "")), (0.5, 3, "n"))
        self.assertEqual((config.flag("on", False), config.number("none", 7)), (True, 7))
        for read, message in [
            (lambda: config.whole("share", 1), "`share` is the number 0.5, and a whole number is expected"),
            (lambda: config.number("on", 1), "`on` is true, and a number is expected"),
            (lambda: config.text("items", ""), "`items` is the number 3, and a text is expected"),
            (lambda: config.number("share", 1, low=1), "`share` is 0.5, and 1 or more is expected"),
            (lambda: config.only("share", "items", "name"), "there is no `on`"),
        ]:
            with self.assertRaises(Exception) as caught:
                read()
            self.assertEqual(str(caught.exception), message)
            self.assertEqual(len(caught.exception.path), 1)


if __name__ == "__main__":
    unittest.main()
