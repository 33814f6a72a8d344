"""The chat without a server: the other in the room is the test."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "sdk-python"))

from app import Chat
from prony_plugin.testing import Server, run


def room(other, **more):
    """A room with one other, who is there after 0.3 s and says what `other` makes of a word."""
    joined = lambda members: json.dumps({"type": "join", "members": members})
    server = Server(**more).feed(joined(1)).feed(joined(2), after=0.3)
    return server.respond(lambda said: [said.value, *map(json.dumps, other(said.json()))])


class TestChat(unittest.TestCase):
    def test_everybody_is_heard_in_every_round(self):
        server = room(lambda word: [{**word, "from": 1, "at": word["at"] - 5}], time=0.01)
        result = run(Chat, config={"room": 2, "rounds": 3, "think_ms": 0}, server=server, users=2, wanted=2)
        # User 1 has a room of its own making: nobody tells it of another.
        self.assertEqual(result.errors, ["somebody is missing in the room"])
        own = [figure.value for figure in result.figures if figure.user == 0 and figure.name == "heard"]
        self.assertEqual([round(value, 3) for value in own], [15.0] * 3)
        names = [request.name for request in result.requests if request.user == 0]
        self.assertEqual(names, ["join", "say", "say", "say", "leave"])
        self.assertEqual(server.connections[0].path, "/room/test-0-0?presence=1&user=0")

    def test_whoever_is_silent_is_missed(self):
        result = run(Chat, config={"room": 2, "rounds": 1}, server=room(lambda _: []), users=2, wanted=2)
        self.assertEqual(result.errors, ["somebody is missing in the room"] * 2)


if __name__ == "__main__":
    unittest.main()
