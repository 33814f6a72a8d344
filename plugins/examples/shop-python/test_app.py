"""The customer's journey, without a component: ``python -m unittest``."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "../../sdk-python"))

from app import Shop
from prony_plugin import Problem
from prony_plugin.testing import Answer, NoAnswer, Target, run

ITEMS = [{"id": number, "price": number + 0.5} for number in range(1, 21)]


def shop() -> Target:
    """A shop that works."""
    return (
        Target()
        .on("POST", "/login", lambda sent: Answer(json={"token": f"t-{sent.json()['user']}"}))
        .on("GET", "/items", json={"items": ITEMS})
        .on("GET", "/items/*", lambda sent: Answer(json=ITEMS[int(sent.path.split("/")[-1]) - 1]))
        .on("POST", "/cart", status=201)
    )


class Journey(unittest.TestCase):
    def test_a_customer_logs_in_looks_around_and_buys(self):
        result = run(Shop, shop(), {"buy_share": 1})
        self.assertEqual(result.errors, [])
        self.assertTrue(all(checked.passed for checked in result.checks))
        names = [sent.name for sent in result.requests]
        self.assertEqual(names[:2], ["login", "items"])
        self.assertEqual(names[-1], "buy")
        self.assertEqual(set(names[2:-1]), {"item"})
        self.assertEqual(result.values("orders"), [1])
        self.assertEqual([(passed.name, passed.failed) for passed in result.groups], [("checkout", False)])

    def test_requests_are_the_same_bytes_in_every_language(self):
        login, items, *_, buy = run(Shop, shop(), {"buy_share": 1, "password": "hush"}).requests
        self.assertEqual(login.headers, [("content-type", "application/json")])
        self.assertEqual(login.body, b'{"user":"user-0","password":"hush"}')
        self.assertEqual(items.headers, [("authorization", "Bearer t-user-0")])
        self.assertIsNone(items.body)
        self.assertEqual(buy.headers, [("content-type", "application/json"), ("authorization", "Bearer t-user-0")])
        self.assertRegex(buy.body or b"", rb'^\{"item_id":\d+\}$')

    def test_the_last_item_looked_at_is_bought(self):
        for seed in range(20):
            result = run(Shop, shop(), {"buy_share": 1}, seed=seed)
            looked_at, buy = result.requests[-2:]
            item = int(looked_at.path.split("/")[-1])
            self.assertEqual(buy.json(), {"item_id": item})
            self.assertEqual(result.values("order_value"), [item + 0.5])

    def test_the_share_of_buyers_is_kept(self):
        result = run(Shop, shop(), {"buy_share": 0.25}, users=400, seed=7)
        self.assertAlmostEqual(len(result.values("orders")) / 400, 0.25, delta=0.06)
        self.assertEqual(run(Shop, shop(), {"buy_share": 0}, users=50).values("orders"), [])

    def test_thinking_takes_its_time(self):
        result = run(Shop, shop(), {"think_ms": 2000, "buy_share": 0})
        looks = sum(sent.name == "item" for sent in result.requests)
        self.assertAlmostEqual(result.time, 2 * looks, delta=0.1)

    def test_a_login_without_a_token_ends_the_iteration(self):
        target = Target().on("POST", "/login", status=401, json={"error": "no"})
        result = run(Shop, target)
        self.assertEqual(result.errors, ["the login gave no token"])
        self.assertEqual(result.checked("logged in"), [False])
        self.assertEqual(len(result.requests), 1)

    def test_no_answer_ends_the_iteration(self):
        result = run(Shop, Target().on("POST", "/login", NoAnswer("timeout", "no answer within 2s")))
        self.assertRegex(result.errors[0], r"^HttpFailure: timeout: no answer within 2s \(app\.py:\d+\)$")

    def test_a_configuration_that_makes_no_sense_is_refused_at_its_place(self):
        for config, path in [
            ({"buy_share": 2}, ["buy_share"]),
            ({"buyshare": 1}, ["buyshare"]),
            ({"password": 1}, ["password"]),
        ]:
            with self.assertRaises(Problem) as caught:
                run(Shop, shop(), config)
            self.assertEqual(caught.exception.path, path)


if __name__ == "__main__":
    unittest.main()
