"""The journey, without a server and without WASM: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "sdk/python")

from app import Journey
from prony_plugin import Problem
from prony_plugin.testing import Target, run


def target(*items: dict[str, float]) -> Target:
    """A shop with these items."""
    made = Target().on("GET", "/items", json={"items": items})
    for item in items:
        made.on("GET", f"/items/{item['id']}", json=item)
    return made


class TestJourney(unittest.TestCase):
    def test_a_user_looks_at_an_item_of_the_list(self):
        result = run(Journey, target({"id": 7, "price": 1.5}), {"think_ms": 250})
        self.assertEqual(result.errors, [])
        self.assertEqual([request.url for request in result.requests], ["/items", "/items/7"])
        self.assertTrue(all(check.passed for check in result.checks))
        # In simulated seconds: the pause, and 1 ms for each answer.
        self.assertAlmostEqual(result.time, 0.252)

    def test_an_empty_list_ends_the_iteration(self):
        self.assertEqual(run(Journey, target()).errors, ["the list is empty"])

    def test_a_mistake_in_the_plan_is_told_with_its_place(self):
        with self.assertRaises(Problem) as caught:
            run(Journey, target(), {"think_ms": -1})
        self.assertEqual(caught.exception.path, ["think_ms"])


if __name__ == "__main__":
    unittest.main()
