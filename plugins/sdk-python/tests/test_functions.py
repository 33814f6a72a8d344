"""Functions for plan steps, called without a component."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin import Function, Message, NotAllowed, Problem, vars
from prony_plugin.function import Uses
from prony_plugin.testing import Answer, Use


class Both(Function):
    """Makes and judges.

    More of it."""

    def generate(self):
        vars.set("made", "yes")
        return Message("body", path="/p?q=1", query={"a": "1"}, headers={"x": "2"}, fields=[("topic", "", "t")])

    def validate(self, answer):
        assert answer.status == 200, "not 200"


class PlainText(Function):
    name = "plain"

    def configure(self, config):
        raise Problem("never", ["a", 0], help="at all")

    def generate(self):
        return "text"


class Functions(unittest.TestCase):
    def test_functions_describe_themselves(self):
        described = [(one.name, one.kinds, one.about) for one in Uses([Both, PlainText]).describe()]
        self.assertEqual(
            described, [("both", ["generate", "validate"], "Makes and judges."), ("plain", ["generate"], "")]
        )

    def test_a_message_has_its_parts_in_order(self):
        use = Use(Both, sets=["made"])
        message = use.generate()
        self.assertEqual(message.body, b"body")
        self.assertEqual(
            message.fields, [("path", "", "/p?q=1"), ("header", "x", "2"), ("query", "a", "1"), ("topic", "", "t")]
        )
        self.assertEqual(use.passage.vars, {"made": "yes"})

    def test_a_variable_that_the_plan_does_not_name_cannot_be_set(self):
        with self.assertRaisesRegex(AssertionError, NotAllowed.__name__):
            Use(Both).generate()

    def test_any_exception_refuses_an_answer(self):
        use = Use(Both)
        self.assertIsNone(use.validate(Answer(200)))
        self.assertRegex(use.validate(Answer(500)) or "", r"^AssertionError: not 200 \(test_functions\.py:\d+\)$")

    def test_a_problem_keeps_its_path_and_its_help(self):
        with self.assertRaises(Problem) as caught:
            Use(PlainText)
        self.assertEqual((caught.exception.path, caught.exception.help), (["a", "0"], "at all"))


if __name__ == "__main__":
    unittest.main()
