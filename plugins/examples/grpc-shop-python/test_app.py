"""The journey, without a component and without a server: ``python -m unittest``."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "../../sdk-python"))

from app import SHOP, Shop
from prony_plugin.testing import Answer, Target, run


def shop(answers=lambda line: [line]) -> Target:
    """A shop that works; ``answers`` are those to a line of the chat."""
    held: list[bytes] = []

    def counted(message: bytes):
        held.append(message)
        return [{"messages": str(len(held))}] if len(held) == 3 else []

    return (
        Target()
        .on_call(f"{SHOP}/GetItem", lambda sent: item(sent.json()["id"]))
        .on_call(f"{SHOP}/AddItem", json={"orderId": "7-2-x"})
        .on_call(f"{SHOP}/PlaceOrder", json={"state": "ORDER_STATE_PLACED"})
        .on_call(f"{SHOP}/Echo", lambda sent: Answer(0, sent.body, metadata=sent.headers))
        .on_stream(f"{SHOP}/Watch", lambda _: [{"sequence": str(number)} for number in range(1, 6)])
        .on_stream(f"{SHOP}/Upload", counted)
        .on_stream(f"{SHOP}/Chat", answers)
    )


def item(number: int) -> Answer:
    if number == 0:
        return Answer(5, trailers=[("grpc-message", "no item 0: ids are whole numbers from 1 on")])
    return Answer(0, json={"price": 100 + number})


class Journey(unittest.TestCase):
    def test_a_user_orders_and_streams(self):
        result = run(Shop, shop(), {"lines": 4})
        self.assertEqual(result.errors, [])
        self.assertTrue(all(checked.passed for checked in result.checks), result.checks)
        names = ["GetItem", "AddItem", "PlaceOrder", "Echo", "gone", "Watch", "Upload", "Chat"]
        self.assertEqual([sent.name for sent in result.requests], [*names, *["message Chat"] * 4])
        self.assertFalse(any(sent.failed for sent in result.requests))

    def test_answers_find_their_lines_by_key_and_strangers_are_told(self):
        result = run(Shop, shop(lambda line: [{"key": "stranger"}]), {"lines": 1})
        self.assertEqual(result.errors, ["an answer to nothing"])
        result = run(Shop, shop(lambda line: [line] if json.loads(line)["hold"] else []), {"lines": 4})
        self.assertEqual(result.checked("every line was answered"), [False])


if __name__ == "__main__":
    unittest.main()
