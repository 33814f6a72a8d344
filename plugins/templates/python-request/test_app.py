"""The functions, without a server and without WASM: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "sdk/python")

from app import Accepted, Order
from prony_plugin import Problem
from prony_plugin.testing import Answer, Use


class TestFunctions(unittest.TestCase):
    def test_orders_are_json_with_the_user_in_it(self):
        message = Use(Order, {"items": 1}, user=7).generate()
        self.assertEqual(message.body, b'{"item_id":1,"user":7}')
        self.assertIn(("header", "content-type", "application/json"), message.fields)

    def test_an_answer_without_an_item_is_refused(self):
        use = Use(Accepted)
        self.assertIsNone(use.validate(Answer(201, json={"item_id": 1})))
        self.assertEqual(use.validate(Answer(200, json={})), "the answer has no item")
        self.assertEqual([check.passed for check in use.host.checks], [True, False])

    def test_a_mistake_in_the_plan_is_told_with_its_place(self):
        with self.assertRaises(Problem) as caught:
            Use(Order, {"items": 0})
        self.assertEqual(caught.exception.path, ["items"])


if __name__ == "__main__":
    unittest.main()
