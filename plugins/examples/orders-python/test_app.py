"""The functions, without a component: ``python -m unittest``."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "../../sdk-python"))

from app import Accepted, Order
from prony_plugin import Problem
from prony_plugin.testing import Answer, Use


class Orders(unittest.TestCase):
    def test_an_order_is_the_same_bytes_in_every_language(self):
        message = Use(Order, {"items": 2}, user=7, iteration=3, seed=42).generate()
        self.assertEqual(
            message.body,
            b'{"order":"7-3","items":[{"item_id":85,"quantity":5},{"item_id":65,"quantity":2}]}',
        )
        self.assertEqual(message.fields, [("header", "content-type", "application/json")])

    def test_an_order_has_as_many_items_as_the_plan_says(self):
        for config, items in [(None, 3), ({"items": 5}, 5)]:
            body = json.loads(Use(Order, config).generate().body or b"")
            self.assertEqual(len(body["items"]), items)
            self.assertTrue(all(1 <= item["item_id"] <= 100 and 1 <= item["quantity"] <= 5 for item in body["items"]))

    def test_a_number_of_items_that_makes_no_sense_is_refused_at_its_place(self):
        for config in [{"items": 0}, {"items": "three"}, {"items": 1.5}]:
            with self.assertRaises(Problem) as caught:
                Use(Order, config)
            self.assertEqual(caught.exception.path, ["items"])

    def test_an_answer_is_held_to_its_status_and_its_user(self):
        use = Use(Accepted, user=7)
        self.assertIsNone(use.validate(Answer(201, json={"order": "7-0"})))
        self.assertEqual(use.validate(Answer(500)), "the status is 500, and 201 is expected")
        self.assertEqual(use.validate(Answer(201, "oops")), "the answer (status 201) is no JSON")
        self.assertEqual(
            use.validate(Answer(201, json={"order": "70-0"})), "the order is '70-0', and one of user 7 is expected"
        )


if __name__ == "__main__":
    unittest.main()
